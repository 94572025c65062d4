from multiprocessing.shared_memory import ShareableList

from timer import point, timed

length = point()
values = list(range(length))


def act():
    items = ShareableList(values)
    items.shm.close()
    items.shm.unlink()
    return items


items = ShareableList(values[:1000])
assert list(items) == values[:1000]
items.shm.close()
items.shm.unlink()
print(timed(act))
