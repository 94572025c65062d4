from lengths import attached_list
from timer import point, timed

length = point()
with attached_list(length) as items:

    def act():
        return items.index(length - 1)

    if length <= 1000:
        result = act()
        assert result == length - 1
    print(timed(act))
