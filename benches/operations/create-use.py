from multiprocessing.shared_memory import SharedMemory

from timer import point, timed

PAGE = 4096
size = point()
ones = b"\1" * (size // PAGE)


def act():
    memory = SharedMemory(create=True, size=size)
    memory.buf[::PAGE] = ones
    assert memory.buf[size - PAGE] == 1
    memory.close()
    memory.unlink()


print(timed(act))
