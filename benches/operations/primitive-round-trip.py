import multiprocessing as mp

from timer import point, timed

TIMES = 100
context = mp.get_context("fork")


def answer_events(ping, pong, ready):
    ready.set()
    while True:
        ping.wait()
        ping.clear()
        pong.set()


def meet(barrier, ready):
    ready.set()
    while True:
        barrier.wait()


def answer_turns(condition, turn, ready):
    ready.set()
    while True:
        with condition:
            condition.wait_for(lambda: turn[0] == 1)
            turn[0] = 0
            condition.notify()


def events():
    ping, pong = context.Event(), context.Event()

    def act():
        ping.set()
        assert pong.wait(10)
        pong.clear()

    return answer_events, (ping, pong), act


def meetings():
    barrier = context.Barrier(2)
    return meet, (barrier,), barrier.wait


def turns():
    condition, turn = context.Condition(), context.RawArray("i", 1)

    def act():
        with condition:
            turn[0] = 1
            condition.notify()
            condition.wait_for(lambda: turn[0] == 0)

    return answer_turns, (condition, turn), act


target, args, act = {"event": events, "barrier": meetings, "condition": turns}[point()]()
ready = context.Event()
child = context.Process(target=target, args=(*args, ready), daemon=True)
child.start()
ready.wait()


def many():
    for _ in range(TIMES):
        act()


try:
    print(timed(many, TIMES))
finally:
    child.kill()
    child.join()
