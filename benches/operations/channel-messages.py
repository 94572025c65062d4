import multiprocessing as mp
import sys
import time

from timer import point

COUNTS = {1: 40_000, 64: 40_000, 1024: 40_000, 65_536: 3_000, 1_048_576: 100, 67_108_864: 2}


def receive(take, count, told):
    told.send(None)
    for _ in range(count):
        take()
    told.send(None)


def main():
    size, way = point(), sys.argv[2]
    count = COUNTS[size]
    context = mp.get_context("fork")
    if way in ("cpython", "send"):
        ours, theirs = context.Pipe()
        put, take = (ours.send_bytes, theirs.recv_bytes) if way == "cpython" else (ours.send, theirs.recv)
    else:
        queue = context.Queue() if way == "queue" else context.SimpleQueue()
        put, take = queue.put, queue.get
    told, tells = context.Pipe()
    receiver = context.Process(target=receive, args=(take, count, tells))
    receiver.start()
    told.recv()
    message = b"\1" * size
    begin = time.perf_counter_ns()
    for _ in range(count):
        put(message)
    told.recv()
    print((time.perf_counter_ns() - begin) / count)
    receiver.join()


if __name__ == "__main__":
    main()
