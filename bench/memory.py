"""How much memory processes take while something runs: the largest one, and all together."""

import contextlib
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

EVERY = 1.0
"""Seconds between two looks."""


class Memory:
    """Looks at processes once a second. `largest` is the most that one took (RSS), `total` the most together (PSS): MB.

    PSS counts a page that n processes share as 1/n in each (proc(5), smaps_rollup).
    """

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self._processes = processes
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.largest = 0.0
        self.total = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(EVERY):
            total = 0.0
            for pid in self._processes():
                with contextlib.suppress(OSError):  # it ended meanwhile
                    found = _of(pid)
                    total += found["Pss"]
                    self.largest = max(self.largest, found["Rss"])
            self.total = max(self.total, total)


def _of(pid: int) -> dict[str, float]:
    """A process's memory in MB by kind: Rss, Pss ..."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(rest.split()[0]) / 1000 for name, _, rest in (line.partition(":") for line in lines)}
