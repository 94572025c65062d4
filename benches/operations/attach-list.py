from multiprocessing.shared_memory import ShareableList

from lengths import attached_list
from timer import point, timed

length = point()
with attached_list(length) as made:
    name = made.shm.name

    def act():
        items = ShareableList(name=name)
        assert items[length - 1] == length - 1
        items.shm.close()

    print(timed(act))
