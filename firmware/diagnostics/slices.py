"""Long work in a thread, cut into slices: Python runs one thread at a time, and one that computes on and on lets the
event loop wait up to 5 ms each time the loop comes back from the kernel, which it does often."""

import time
from typing import Final

WORK_S: Final = 0.001
REST_S: Final = 0.002


class Slices:
    """Call `rest()` wherever the work may pause: it sleeps when a slice has been worked."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def rest(self) -> None:
        if time.perf_counter() - self._began >= WORK_S:
            time.sleep(REST_S)
            self._began = time.perf_counter()
