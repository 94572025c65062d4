import multiprocessing as mp
import pathlib
import sys
import time

COUNT = 20_000
PEER = pathlib.Path(__file__).parents[2] / "target" / "bench" / "peers" / "faster-fifo" / "packages"


def act(role, queue, gate):
    message = b"\1" * 64
    gate.wait()
    for _ in range(COUNT):
        if role == "produce":
            queue.put(message)
        else:
            queue.get()


def main():
    context = mp.get_context("fork")
    if sys.argv[2] == "faster-fifo":
        sys.path.insert(0, str(PEER))
        from faster_fifo import Queue

        queue = Queue(max_size_bytes=1 << 20)
    else:
        queue = context.Queue()
    gate = context.Barrier(5)
    roles = ["produce", "produce", "consume", "consume"]
    peers = [context.Process(target=act, args=(role, queue, gate)) for role in roles]
    for peer in peers:
        peer.start()
    gate.wait()
    begin = time.perf_counter_ns()
    for peer in peers:
        peer.join()
    print((time.perf_counter_ns() - begin) / (2 * COUNT))


if __name__ == "__main__":
    main()
