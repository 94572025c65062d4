"""How long something takes, by the rules of timer.ts."""

import statistics
import sys
import time

LONG, WARM, BATCH, TOTAL, MIN_BATCHES = 1e9, 40e6, 4e6, 80e6, 5

now = time.perf_counter_ns


def timed(act, count=1):
    """Nanoseconds an operation, of which `act` does `count`."""
    start = now()
    act()
    elapsed = now() - start
    if elapsed > LONG:
        return elapsed / count
    calls = 1
    while elapsed < WARM:
        act()
        calls += 1
        elapsed = now() - start
    size = max(1, round(BATCH * calls / elapsed))
    batches, total = [], 0
    while total < TOTAL or len(batches) < MIN_BATCHES:
        begin = now()
        for _ in range(size):
            act()
        spent = now() - begin
        total += spent
        batches.append(spent / (size * count))
        if total > 2 * LONG:
            break
    return statistics.median(batches)


def point():
    """The point to measure at, as the command line has it."""
    text = sys.argv[1]
    return int(text) if text.isdigit() else text
