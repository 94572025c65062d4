from lengths import attached_list
from timer import point, timed

length = point()
with attached_list(length) as items:

    def act():
        return list(items)

    if length <= 1000:
        result = act()
        assert result == list(range(length))
    print(timed(act))
