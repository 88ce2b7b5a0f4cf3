"""The supervisor and the lock on a state folder, with small programs in the place of parts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.errors import Refused
from tasks import state_lock
from tasks.processes import Ending
from tasks.state_lock import PARTS, StateLock
from tasks.supervisor import Supervisor
from tests.workers import wait_until

POLITE = """
import signal, sys, time
def end(*_):
    time.sleep({delay})
    open({note!r}, "a").write({name!r} + "\\n")
    sys.exit({status})
signal.signal(signal.SIGTERM, end)
open({note!r} + "." + {name!r}, "w").close()
while True:
    time.sleep(60)
"""
DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open({note!r}, 'w').close(); time.sleep(600)"
)


class Office:
    def __init__(self, tmp_path: Path) -> None:
        self.note = tmp_path / "note"
        self.said: list[str] = []
        self.ending = Ending()
        self.supervisor = Supervisor(self.ending, self.said.append)

    def polite(self, name: str, stage: int, delay: float = 0, status: int = 0) -> None:
        code = POLITE.format(note=str(self.note), name=name, delay=delay, status=status)
        self.supervisor.start(name, sys.executable, "-c", code, stage=stage)
        wait_until(Path(f"{self.note}.{name}").exists)

    def ended(self) -> list[str]:
        return self.note.read_text().split()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    for part in made.supervisor.parts:
        if part.process and part.process.poll() is None:
            part.process.kill()
            part.process.wait()


def test_what_was_started_last_ends_before_what_it_needs(office: Office) -> None:
    office.polite("Redis", 0)
    office.polite("inbox", 1, delay=0.3)
    office.polite("worker", 2, delay=0.6)
    assert office.supervisor.stop() == 0
    assert office.ended() == ["worker", "inbox", "Redis"]


def test_a_part_that_fails_to_finish_is_told(office: Office) -> None:
    office.polite("inbox", 1)
    office.polite("worker", 2, status=1)
    assert office.supervisor.stop() == 1
    assert office.ended() == ["worker", "inbox"]


def test_a_part_that_does_not_end_is_killed_when_its_patience_is_over(office: Office) -> None:
    started = office.note.with_suffix(".deaf")
    part = office.supervisor.start("deaf", sys.executable, "-c", DEAF.format(note=str(started)), stage=1, patience=0.3)
    wait_until(started.exists)
    assert office.supervisor.stop() == 1
    assert part.process and part.process.returncode == -signal.SIGKILL


def test_a_part_that_ends_is_started_again_ever_later(office: Office) -> None:
    part = office.supervisor.start("beat", sys.executable, "-c", "raise SystemExit(7)", stage=1)
    seen: list[float] = []
    while len(seen) < 3:
        office.supervisor.look()
        if part.wait not in seen and part.again_at is not None:
            seen.append(part.wait)
        time.sleep(0.01)
    assert seen == sorted(seen)
    assert set(office.said) == {"beat ended (status 7) and is started again"}


def test_nothing_is_started_again_while_all_is_to_end(office: Office) -> None:
    part = office.supervisor.start("beat", sys.executable, "-c", "pass", stage=1)
    assert part.process
    first = part.process.pid
    wait_until(lambda: part.ended)
    office.ending.asked = True
    time.sleep(0.5)
    office.supervisor.look()
    assert part.process.pid == first
    assert office.said == []
    assert office.supervisor.stop() == 0


def test_a_state_folder_is_held_by_one_and_told_by_whom(tmp_path: Path) -> None:
    lock = StateLock(tmp_path / "state", "take another")
    with pytest.raises(Refused, match=rf"process {os.getpid()}.*or take another"):
        StateLock(tmp_path / "state", "take another")
    lock.close()
    StateLock(tmp_path / "state", "take another").close()


def test_the_next_waits_for_the_parts_of_one_that_is_gone(tmp_path: Path) -> None:
    lock = StateLock(tmp_path, "")
    until_told = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    part = subprocess.Popen(until_told, stdin=subprocess.PIPE, pass_fds=[lock.parts])
    assert part.stdin
    lock.close()
    waited: list[bool] = []

    def waiting() -> None:
        waited.append(part.poll() is None)
        part.stdin.close()

    StateLock(tmp_path, "", waiting).close()
    assert waited == [True]
    assert part.wait() == 0


def test_parts_that_never_end_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_lock, "PATIENCE", 0.2)
    lock = StateLock(tmp_path, "")
    part = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=[lock.parts])
    lock.close()
    with pytest.raises(Refused, match=PARTS):
        StateLock(tmp_path, "")
    part.kill()
    part.wait()
    StateLock(tmp_path, "").close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="take another"):
        StateLock(tmp_path / "file" / "state", "take another")
