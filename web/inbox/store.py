"""The inbox's folder: one .eml file a message, the newest kept, all ever received counted.

A message's file is named by its number, so the highest number in the folder is the count of all that were ever
received: there is no counter to lose. Nothing is synced to disk and no directory is listed while mail arrives;
this is a place to look at mail, not a place to keep it. A new message is written over a file that has left the ring,
because making and deleting a file costs the system several times what writing into it does (measured: 740 and 120
microseconds for 43 KB).
"""

import errno
import fcntl
import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from config.errors import Refused

KEPT = 1000
"""How many of the newest messages stay."""
SUFFIX = ".eml"
SPARES = 64
"""Files that have left the ring and wait to be written over: so long may a reader still be busy with one."""


class Inbox:
    """The folder of one inbox; only one process at a time has it open.

    `add` is for one thread; everything that reads may be called from any other meanwhile.
    """

    def __init__(self, folder: Path, keep: int = KEPT) -> None:
        """Open or make `folder`. Raises Refused where another process has it open."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.keep = keep
        self._lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise Refused(f"an inbox is already running on {folder}; stop it first, or use another folder") from None
        self._spares = deque(folder / f".spare-{number}" for number in range(SPARES))
        for spare in self._spares:
            spare.unlink(missing_ok=True)
        numbers = sorted(_numbers(folder))
        self.received = numbers[-1] if numbers else 0
        for number in numbers:
            if number <= self.received - keep:
                self.path(number).unlink(missing_ok=True)

    def path(self, number: int) -> Path:
        """Where message `number` is kept."""
        return self.folder / f"{number:010d}{SUFFIX}"

    def add(self, pieces: Sequence[bytes | bytearray | memoryview]) -> int:
        """Keep a message given in pieces and let go of the one that no longer has room; its number.

        Raises OSError where the disk is full or gone; then nothing is kept or counted.
        """
        spare = self._spares[0]
        descriptor = os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            written = os.writev(descriptor, pieces)
            if written != sum(len(piece) for piece in pieces):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.ftruncate(descriptor, written)
        finally:
            os.close(descriptor)
        number = self.received + 1
        spare.rename(self.path(number))  # whoever reads sees a whole message or none
        self.received = number
        with suppress(FileNotFoundError):
            self.path(number - self.keep).rename(spare)
        self._spares.rotate(-1)
        return number

    def read(self, number: int) -> bytes | None:
        """Message `number`, or None if it is not (or no longer) kept."""
        if not self.received - self.keep < number <= self.received:
            return None
        try:
            return self.path(number).read_bytes()
        except FileNotFoundError:
            return None

    def numbers(self) -> list[int]:
        """The numbers that may still be kept, the newest first."""
        newest = self.received
        return list(range(newest, max(0, newest - self.keep), -1))

    def close(self) -> None:
        """Let another process have the folder."""
        os.close(self._lock)


def _numbers(folder: Path) -> Iterator[int]:
    for path in folder.iterdir():
        if path.suffix == SUFFIX and path.stem.isascii() and path.stem.isdigit():
            yield int(path.stem)
