from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

from proc import await_sleep, memory_of

memory = SharedMemory(create=True, size=4096)
helper = resource_tracker._resource_tracker._pid
await_sleep(helper)
memory.close()
memory.unlink()
print(memory_of(helper, "Rss"))
