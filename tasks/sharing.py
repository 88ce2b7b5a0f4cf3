"""A state folder belongs to one machine: its recorders' locks are known to one kernel only.

Containers on one machine may share it by mistake, and nothing happens. Two machines that share it over a network
would each take the other's living workers for dead ones.
"""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from config.errors import Refused
from mailer.ledger.recorder import boot_id

NAME = "in-use"
LENGTH = 160


class Sign:
    """Says in a state folder which machine is at work there; renewed by its worker command again and again."""

    def __init__(self, folder: Path, every: float) -> None:
        """`every`: the seconds between renewals. Raises Refused where another machine renews its sign meanwhile."""
        self._path = folder / NAME
        seen = self._of_another()
        if seen:  # mostly our own from before a reboot: then nobody renews it
            time.sleep(3 * every)
            if self._of_another() not in ("", seen):
                raise Refused(self._words(seen))
        self._write()

    def renew(self) -> str:
        """Renew it; what is wrong in words if another machine has written its own over it, else empty."""
        other = self._of_another()
        if other:
            return self._words(other)
        self._write()
        return ""

    def _write(self) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            sign = f"{boot_id()} {time.monotonic_ns()} {socket.gethostname()[:64]}"
            os.pwrite(file, f"{sign:<{LENGTH}}".encode()[:LENGTH], 0)  # one write of one length, so never half a sign
        finally:
            os.close(file)

    def _of_another(self) -> str:
        with suppress(FileNotFoundError):
            sign = self._path.read_text(errors="replace").strip()
            if sign and not sign.startswith(f"{boot_id()} "):
                return sign
        return ""

    def _words(self, sign: str) -> str:
        return (
            f"the state folder {self._path.parent.absolute()} is in use by another machine"
            f" ({sign.rpartition(' ')[2]}); give each host a state folder of its own, on a local disk"
        )
