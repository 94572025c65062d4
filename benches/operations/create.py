from multiprocessing.shared_memory import SharedMemory

from timer import point, timed

size = point()


def act():
    memory = SharedMemory(create=True, size=size)
    assert memory.size == size
    memory.close()
    memory.unlink()


print(timed(act))
