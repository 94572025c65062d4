import multiprocessing as mp
import os
import sys
from array import array
from multiprocessing.shared_memory import SharedMemory

from proc import memory_of
from timer import point

DATA = 128 * 1024 * 1024
COUNT = DATA // 8


def read(pipe):
    pipe.send("ready")
    message = pipe.recv()
    if isinstance(message, str):
        memory = SharedMemory(name=message)
        values = memory.buf.cast("d")
    else:
        values = message
    pipe.send(sum(values))
    pipe.recv()
    os._exit(0)


def main():
    context = mp.get_context("spawn")
    memory = SharedMemory(create=True, size=DATA) if sys.argv[2] == "cpython" else None
    data = array("d", [0.5]) * COUNT
    message = data
    if memory:
        memory.buf.cast("d")[:] = memoryview(data)
        message = memory.name
        del data
    pipes, pids = [], [os.getpid()]
    for _ in range(point()):
        pipe, other = context.Pipe()
        child = context.Process(target=read, args=(other,))
        child.start()
        assert pipe.recv() == "ready"
        pipes.append(pipe)
        pids.append(child.pid)
    for pipe in pipes:
        pipe.send(message)
        assert pipe.recv() == COUNT / 2
    total = sum(memory_of(pid, "Pss") for pid in pids)
    for pipe in pipes:
        pipe.send("over")
    if memory:
        memory.close()
        memory.unlink()
    print(total)


if __name__ == "__main__":
    main()
