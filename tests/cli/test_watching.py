"""What one sees while waiting, on a terminal of 80 columns."""

import io
import os
import pty
import select
import subprocess
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from cli.watching import Look
from mailer.models import MailingState
from tests.cli.speaking import PROGRAM, program


def screen(look: Look) -> list[str]:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    console.print(look.shown())
    return console.file.getvalue().splitlines()


def test_a_bar_with_rate_time_left_and_states_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    look = Look("value-gap", state=MailingState.sending, counts=Counter(queued=1_000_000, sent=1000))
    screen(look)
    now += 10
    look.counts = Counter(
        {
            "queued": 493_000,
            "claimed": 2000,
            "sent": 504_000,
            "deferred": 1500,
            "failed": 500,
            "skipped:unsubscribed": 7,
        }
    )
    lines = screen(look)
    assert max(map(len, lines)) <= 80
    assert "506,000/1,001,000" in lines[0], "those left out do not count"
    assert "50,500/s" in lines[0]
    assert "0:00:10 left" in lines[0]
    assert "deferred 1,500" in " ".join(lines)


def test_before_the_time_it_says_which(environment: object) -> None:
    moment = datetime.now(UTC) + timedelta(days=3)
    look = Look("value-gap", state=MailingState.scheduled, send_at=moment)
    assert moment.astimezone().isoformat(" ", "minutes") in " ".join(screen(look))


def test_a_bar_on_a_terminal_and_none_into_a_file(tmp_path: Path) -> None:
    people = tmp_path / "people.csv"
    people.write_text("email\n" + "".join(f"reader{number}@example.org\n" for number in range(6000)))
    program("list", "create", "press", "--title", "Press", folder=tmp_path)
    words = ("subscribers", "import", people, "--list", "press", "--basis", "consent", "--source", "a form")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [PROGRAM, *words], cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "BROADSIDE_STATE_DIR": str(tmp_path / "state")},
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        try:
            if select.select([ours], [], [], 0.1)[0]:
                shown += os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
    os.close(ours)
    assert process.wait() == 0
    assert b"5000/6000" in shown.replace(b",", b"")
    quiet = program(*words, folder=tmp_path)
    assert (quiet.status, quiet.err) == (0, "")
    assert "6,000 rows read" in quiet.out
    assert "\x1b" not in quiet.out
