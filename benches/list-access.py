"""CPython's side of list-access.ts: prints nanoseconds an operation, as JSON."""

import json
import sys
import time
from multiprocessing.shared_memory import ShareableList

LENGTH = 1000
ROUNDS = int(sys.argv[1])  # passes over the list


def timed(body):
    start = time.perf_counter_ns()
    body()
    return (time.perf_counter_ns() - start) / (ROUNDS * LENGTH)


def get(items):
    def body():
        for _ in range(ROUNDS):
            for i in range(LENGTH):
                items[i]

    return body


def put(items, values):
    def body():
        for _ in range(ROUNDS):
            for i in range(LENGTH):
                items[i] = values[i]

    return body


ints = ShareableList(list(range(LENGTH)))
floats = ShareableList([i + 0.5 for i in range(LENGTH)])
texts = ShareableList(["hello world"] * LENGTH)
try:
    results = {
        "get int": timed(get(ints)),
        "set int": timed(put(ints, list(range(LENGTH)))),
        "get float": timed(get(floats)),
        "set float": timed(put(floats, [i + 0.25 for i in range(LENGTH)])),
        "get 11-byte str": timed(get(texts)),
        "set 11-byte str": timed(put(texts, ["hello there"] * LENGTH)),
    }
    assert ints[LENGTH - 1] == LENGTH - 1 and floats[0] == 0.25 and texts[5] == "hello there"
finally:
    for items in (ints, floats, texts):
        items.shm.close()
        items.shm.unlink()
print(json.dumps(results))
