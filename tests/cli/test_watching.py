"""What one sees while waiting, on a terminal of 80 columns."""

import io
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from cli.watching import Look
from mailer.models import MailingState
from tests.cli.speaking import on_a_terminal, program


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
    said = on_a_terminal(*words, folder=tmp_path, env={"BROADSIDE_STATE_DIR": str(tmp_path / "state")})
    assert said.status == 0
    assert "importing" in said.out
    quiet = program(*words, folder=tmp_path)
    assert (quiet.status, quiet.err) == (0, "")
    assert "6,000 rows read" in quiet.out
    assert "\x1b" not in quiet.out
