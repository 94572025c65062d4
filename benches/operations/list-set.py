from multiprocessing.shared_memory import ShareableList

from list_values import LENGTH, next_value_of, value_of
from timer import point, timed

kind = point()
items = ShareableList([value_of(kind, i) for i in range(LENGTH)])
try:
    values = [next_value_of(kind, i) for i in range(LENGTH)]

    def act():
        for i in range(LENGTH):
            items[i] = values[i]

    act()
    assert all(items[i] == values[i] for i in range(LENGTH))
    print(timed(act, LENGTH))
finally:
    items.shm.close()
    items.shm.unlink()
