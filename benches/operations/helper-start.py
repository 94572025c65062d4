import time
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

from proc import await_sleep

start = time.monotonic_ns()
memory = SharedMemory(create=True, size=4096)
ready = await_sleep(resource_tracker._resource_tracker._pid)
memory.close()
memory.unlink()
print(ready - start)
