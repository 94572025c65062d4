from multiprocessing.shared_memory import ShareableList

from list_values import LENGTH
from texts import TEXTS
from timer import point, timed

text = TEXTS[point()]
# It makes slots by the number of characters, so the bytes of other text do not fit until the slots are larger.
items = ShareableList(["x" * len(text.encode())] * LENGTH)
try:
    for i in range(LENGTH):
        items[i] = text
    assert all(items[i] == text for i in range(LENGTH))

    def act():
        characters = 0
        for i in range(LENGTH):
            characters += len(items[i])
        assert characters == LENGTH * len(text)

    print(timed(act, LENGTH))
finally:
    items.shm.close()
    items.shm.unlink()
