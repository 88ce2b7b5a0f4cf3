"""Who may run on a state folder: one supervisor at a time, and only after the parts of the last one have ended."""

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from config.errors import Refused

SUPERVISOR = "running.lock"
PARTS = "parts.lock"
PATIENCE = 60.0
"""Seconds that the parts of a supervisor that was killed have to finish what they are at."""


class StateLock:
    """The state folder, held. The kernel lets go of it when its holders are gone, however they went."""

    def __init__(self, folder: Path, remedy: str, waiting: Callable[[], None] = lambda: None) -> None:
        """Take the folder, which is made where there is none; calls `waiting` once if parts of another are still up.

        `remedy` ends the sentence "..., or": how to take another folder. Raises Refused where a supervisor runs on it,
        or where the parts of one that was killed do not end.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._own = _open(folder / SUPERVISOR)
        except OSError as error:
            raise Refused(f"cannot keep anything in {folder}: {error.strerror}; {remedy}") from None
        if not _locked(self._own):
            holder = os.pread(self._own, 20, 0).decode() or "unknown"
            os.close(self._own)
            raise Refused(
                f"Broadside is running on {folder.absolute()} already (process {holder}); stop it first, or {remedy}"
            )
        os.ftruncate(self._own, 0)
        os.pwrite(self._own, str(os.getpid()).encode(), 0)
        self.parts = _open(folder / PARTS)
        """A descriptor for every part to inherit: as long as one of them lives, the next supervisor waits."""
        if not _locked(self.parts):
            waiting()
            deadline = time.monotonic() + PATIENCE
            while not _locked(self.parts):
                if time.monotonic() > deadline:
                    self.close()
                    raise Refused(
                        f"parts of an earlier run are still at work in {folder.absolute()}; "
                        f"see who has {PARTS} open (fuser {folder / PARTS}) and end them"
                    )
                time.sleep(0.05)

    def close(self) -> None:
        """Let another have the folder."""
        os.close(self.parts)
        os.close(self._own)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(descriptor: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
