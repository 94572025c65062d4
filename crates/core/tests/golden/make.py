"""Writes the lists of this folder as CPython makes them: python3 make.py

The bytes are the same from CPython 3.9 to 3.14. `python38.bin`, the layout of before, is written only when this runs
under 3.8. See layout/tests/golden.rs for what reads them.
"""

import sys
from multiprocessing.shared_memory import ShareableList

LISTS = {
    "ints": [0, 1, -1, 2**53, -(2**63), 2**63 - 1],
    "floats": [0.5, -0.0, float("nan"), float("inf"), float("-inf"), 1e300],
    "bools": [True, False],
    "nones": [None, None],
    "text": ["", "abc", "é", "日本", "1234567", "12345678", "x" * 100],
    "bytes": [b"", b"\0\1", b"x" * 8, b"\xff" * 17],
    "empty": [],
    "mixed": ["text", b"bytes", 3.5, 42, None, True, -7],
    "trailing_nuls": ["ab\0", b"cd\0\0"],
}


def write(name, values):
    made = ShareableList(values)
    with open(f"{name}.bin", "wb") as file:
        file.write(made.shm.buf)
    made.shm.close()
    made.shm.unlink()


if sys.version_info < (3, 9):
    write("python38", LISTS["mixed"])
else:
    for name, values in LISTS.items():
        write(name, values)
