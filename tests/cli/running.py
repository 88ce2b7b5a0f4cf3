"""The `broadside` command as a process of its own, for tests that start it, signal it and look what is left."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from tests.servers import free_port
from tests.workers import descendants, wait_until

BROADSIDE = Path(sys.executable).with_name("broadside")


def ports() -> dict[str, object]:
    """Settings for free ports."""
    return {name: free_port() for name in ("web_port", "inbox_port", "inbox_smtp_port")}


def alive(pid: int) -> bool:
    """True for a process that runs; a zombie does not."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def command_line(pid: int) -> str:
    with contextlib.suppress(OSError):
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    return ""


def fetch(url: str) -> bytes:
    with urlopen(url, timeout=20) as answer:
        return answer.read()


def received(inbox_port: object) -> int:
    """What the inbox counts, 0 while it does not answer."""
    try:
        return int(json.loads(fetch(f"http://127.0.0.1:{inbox_port}/api/messages?limit=0"))["count"])
    except OSError:
        return 0


class Command:
    """`broadside ...` in a process group of its own, as a shell starts it; its output is in files."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [BROADSIDE, *arguments],
                stdout=out,
                stderr=err,
                process_group=0,
                cwd=folder,
                env={**os.environ, **environment},
            )
        self.seen: set[int] = {self.process.pid}

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def part(self, words: str) -> int:
        """The process below it whose command line holds `words`, the one nearest to it; 0 where there is none."""
        return next((pid for pid in self.look() if words in command_line(pid)), 0)

    def look(self) -> list[int]:
        """The processes below it now; they are remembered."""
        found = descendants(self.process.pid)
        self.seen.update(found)
        return found

    def wait_for(self, text: str) -> Self:
        """Until it has printed `text`."""

        def printed() -> bool:
            if text in self.out:
                return True
            assert self.process.poll() is None, f"it ended: {self.out}\n{self.err}"
            return False

        wait_until(printed)
        self.look()
        return self

    def signal(self, number: int, *, group: bool = False) -> None:
        self.look()
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def end(self) -> int:
        """Wait for its end; its exit status."""
        return self.process.wait(120)

    def left(self) -> list[str]:
        """The command lines of those that still run, of all that were ever seen."""
        return [command_line(pid) for pid in self.seen if alive(pid)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.look()
        deadline = time.monotonic() + 20
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        while any(map(alive, self.seen)) and time.monotonic() < deadline:
            time.sleep(0.1)
        for pid in self.seen:
            if alive(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()
