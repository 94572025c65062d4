"""Lock, add one, unlock: so many processes for so many seconds. Prints the increments of each."""

import json
import multiprocessing as mp
import sys
import time


def work(lock, value, barrier, seconds, counts, index):
    with lock:
        pass
    barrier.wait()
    end = time.perf_counter() + seconds
    done = 0
    while time.perf_counter() < end:
        for _ in range(64):
            with lock:
                value[0] += 1
        done += 64
    counts[index] = done


if __name__ == "__main__":
    count, seconds = int(sys.argv[1]), float(sys.argv[2])
    context = mp.get_context("fork")
    lock, barrier = context.Lock(), context.Barrier(count)
    value, counts = context.RawArray("q", 1), context.RawArray("q", count)
    children = [context.Process(target=work, args=(lock, value, barrier, seconds, counts, i)) for i in range(count)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert value[0] == sum(counts)
    print(json.dumps(list(counts)))
