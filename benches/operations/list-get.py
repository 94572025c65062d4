from multiprocessing.shared_memory import ShareableList

from list_values import LENGTH, value_of
from timer import point, timed

kind = point()
items = ShareableList([value_of(kind, i) for i in range(LENGTH)])
try:
    wanted = value_of(kind, LENGTH - 1)
    assert all(items[i] == value_of(kind, i) for i in range(LENGTH))

    def act():
        hits = 0
        for i in range(LENGTH):
            if items[i] == wanted:
                hits += 1
        assert hits

    print(timed(act, LENGTH))
finally:
    items.shm.close()
    items.shm.unlink()
