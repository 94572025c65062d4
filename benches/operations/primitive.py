import multiprocessing as mp

from timer import point, timed

TIMES = 1000
kind = point()
semaphore, value, event = mp.BoundedSemaphore(2), mp.Value("d", 1.5), mp.Event()


def use_semaphore():
    semaphore.acquire()
    semaphore.release()


def get():
    assert value.value == 1.5


def put():
    value.value = 2.5


def is_set():
    assert event.is_set()


def set_and_clear():
    event.set()
    event.clear()


if kind == "event is set":
    event.set()
act = {
    "semaphore": use_semaphore,
    "value get": get,
    "value set": put,
    "event is set": is_set,
    "event set and clear": set_and_clear,
}[kind]


def many():
    for _ in range(TIMES):
        act()


print(timed(many, TIMES))
