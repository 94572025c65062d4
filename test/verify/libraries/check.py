"""Opens a shared table with DuckDB and Polars. The first argument is the name of its segment: x from 0 to 999, id 7."""
import sys

import duckdb
import polars
import pyarrow as pa
import pyarrow.ipc

with pa.memory_map('/dev/shm/' + sys.argv[1]) as source:
    before = pa.total_allocated_bytes()
    rows = pa.ipc.open_file(source).read_all()
    assert pa.total_allocated_bytes() == before, 'pyarrow copied the table'
    assert duckdb.sql('SELECT sum(x), max(id) FROM rows').fetchall() == [(499500.0, 7)]
    print('ok DuckDB queries the table where it lies')
    frame = polars.from_arrow(rows)
    assert (frame['x'].sum(), frame['id'].max()) == (499500.0, 7)
    address = rows.column('x').chunk(0).buffers()[1].address
    assert frame['x'].to_arrow().buffers()[1].address == address, 'Polars copied the column'
    print("ok Polars' column is the table's own memory")
