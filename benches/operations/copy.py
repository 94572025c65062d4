from multiprocessing.shared_memory import SharedMemory

from timer import point, timed

size = point()
source = b"\3" * size
memory = SharedMemory(create=True, size=size)
try:

    def act():
        memory.buf[:] = source

    act()
    assert memory.buf[size - 1] == 3
    print(timed(act))
finally:
    memory.close()
    memory.unlink()
