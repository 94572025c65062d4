from multiprocessing.shared_memory import ShareableList

from list_values import LENGTH
from texts import text_of
from timer import point, timed

kind = point()
texts = [text_of(kind, i) for i in range(LENGTH)]
total = sum(map(len, texts))
# It makes slots by the number of characters, so the bytes of other text do not fit until the slots are larger.
items = ShareableList(["x" * len(text.encode()) for text in texts])
try:
    for i in range(LENGTH):
        items[i] = texts[i]
    assert all(items[i] == texts[i] for i in range(LENGTH))

    def act():
        characters = 0
        for i in range(LENGTH):
            characters += len(items[i])
        assert characters == total

    print(timed(act, LENGTH))
finally:
    items.shm.close()
    items.shm.unlink()
