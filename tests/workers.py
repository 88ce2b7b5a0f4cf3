"""Broadside's own processes for tests: a worker command with all below it, and beat, to be killed in every way."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from sqlalchemy import select

from config.database import engine, reading
from mailer.ledger.models import Batch
from tasks.processes import beat_command, die_with_parent


def descendants(pid: int) -> list[int]:
    """The process ids below `pid`, deepest last, from /proc."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found, level = [], [pid]
    while level:
        level = [child for parent in level for child in parents.get(parent, [])]
        found += level
    return found


class Part:
    """One command of ours in its own session."""

    def __init__(self, *command: str, log: Path | None = None, environment: dict[str, str] | None = None) -> None:
        """What it logs goes to the file `log`, by default to our standard error; `environment` adds to ours."""
        with contextlib.ExitStack() as files:
            self.process = subprocess.Popen(
                command,
                start_new_session=True,
                preexec_fn=die_with_parent,  # a test run that is killed leaves nothing behind
                stdout=subprocess.DEVNULL,
                stderr=files.enter_context(log.open("ab")) if log else None,
                cwd=Path(__file__).parent.parent,
                env={**os.environ, **(environment or {})},
            )

    def all(self) -> list[int]:
        return [self.process.pid, *descendants(self.process.pid)]

    def signal(self, number: int) -> None:
        """Send a signal to it and to all below it, by their ids."""
        for pid in self.all():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)


class Workers:
    """Beat and any number of worker commands; all are ended at the end."""

    def __init__(self, *processes: int, log: Path | None = None) -> None:
        """One worker command for each number given, with so many processes; all log to the file `log` if given."""
        self._processes = processes
        self._log = log
        self.workers: list[Part] = []

    def start_workers(self) -> None:
        for number in self._processes:
            self.workers.append(Part(sys.executable, "-m", "cli.part", "worker", str(number), log=self._log))

    def pids(self) -> list[int]:
        """Every process of ours that runs now."""
        return [pid for part in [self.beat, *self.workers] for pid in part.all()]

    def kill_workers(self) -> None:
        while self.workers:
            self.workers.pop().kill()

    def __enter__(self) -> Self:
        self.beat = Part(*beat_command(), log=self._log)
        self.start_workers()
        return self

    def __exit__(self, *_: object) -> None:
        for part in [*self.workers, self.beat]:
            part.signal(signal.SIGCONT)
            if part.process.poll() is None:
                part.stop()


def wait_until(condition: Callable[[], bool], seconds: float = 240.0, *, every: float = 0.1) -> None:
    """Poll `every` so many seconds until something is so; a hang is a failure, the time itself is judged by nobody."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(every)


def put_to_sleep_in_mid_batch(parts: Sequence[Part]) -> Part:
    """Stop one of the parts where it has a batch in hand, and not SQLite's one lock for writing; which it was.

    With that lock nobody would write until it wakes.
    """
    asleep: list[Part] = []

    def one_sleeps() -> bool:
        for part in parts:
            part.signal(signal.SIGSTOP)
            if has_a_batch_in_hand(part):  # else on at once: meanwhile the others send what there is
                time.sleep(0.5)  # until all its threads stand still, and for a commit that was on its way
                if has_a_batch_in_hand(part) and can_write():
                    asleep.append(part)
                    return True
            part.signal(signal.SIGCONT)
        return False

    wait_until(one_sleeps)
    return asleep[0]


def has_a_batch_in_hand(part: Part) -> bool:
    """Whether one of its processes has the flight recorder of a claim that stands in the database."""
    with reading() as session:
        claims = session.scalars(select(Batch.claim).where(Batch.state == "claimed")).all()
    mapped = ""
    for pid in part.all():
        with contextlib.suppress(OSError):
            mapped += Path(f"/proc/{pid}/maps").read_text()
    return any(f"/.{claim:016x}." in mapped for claim in claims)  # by the name under which it was made


def can_write() -> bool:
    """Whether a transaction may begin at once; PostgreSQL locks rows only, and may always."""
    if engine().dialect.name != "sqlite":
        return True
    with contextlib.closing(sqlite3.connect(str(engine().url.database), timeout=5)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True
