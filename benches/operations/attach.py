from multiprocessing.shared_memory import SharedMemory

from timer import point, timed

size = point()
made = SharedMemory(create=True, size=size)
made.buf[size - 1] = 7
try:

    def act():
        SharedMemory(name=made.name).close()

    other = SharedMemory(name=made.name)
    assert other.buf[size - 1] == 7
    other.close()
    print(timed(act))
finally:
    made.close()
    made.unlink()
