import multiprocessing as mp
from array import array
from multiprocessing.shared_memory import SharedMemory

from timer import point, timed


def sample(values):
    return sum(values[::512]) + values[len(values) - 1]


def read(pipe):
    while (message := pipe.recv()) is not None:
        name, size = message
        memory = SharedMemory(name=name)
        values = memory.buf[:size].cast("d")
        pipe.send(sum(values[i] for i in range(0, len(values), 512)) + values[len(values) - 1])
        values.release()
        memory.close()


def main():
    size = point()
    data = array("d", bytes(size))
    for i in range(0, len(data), 512):
        data[i] = (i * 2_654_435_761) % 2**32 / 2**32
    wanted = sample(data)
    context = mp.get_context("fork")
    # So that both use one tracker.
    first = SharedMemory(create=True, size=8)
    pipe, other = context.Pipe()
    reader = context.Process(target=read, args=(other,))
    reader.start()

    def act():
        memory = SharedMemory(create=True, size=size)
        memory.buf[:size] = memoryview(data).cast("B")
        pipe.send((memory.name, size))
        assert pipe.recv() == wanted
        memory.close()
        memory.unlink()

    print(timed(act))
    pipe.send(None)
    reader.join()
    first.close()
    first.unlink()


if __name__ == "__main__":
    main()
