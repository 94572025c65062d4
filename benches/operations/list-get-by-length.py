from lengths import attached_list
from timer import point, timed

READS = 1000
length = point()
with attached_list(length) as items:
    step = max(1, length // READS)
    wanted = (READS - 1) * step % length
    assert items[wanted] == wanted and items[length - 1] == length - 1

    def act():
        hits = at = 0
        for _ in range(READS):
            if items[at] == wanted:
                hits += 1
            at += step
            if at >= length:
                at -= length
        assert hits

    print(timed(act, READS))
