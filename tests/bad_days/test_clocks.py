"""Two hosts whose clocks are an hour ahead and an hour behind the database's: no clock of a host decides anything."""

import os
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from cli.part import part_command
from config.database import transaction
from mailer import control
from mailer.folder import import_folder
from tasks.processes import beat_command
from tests.press import MAILING, mailing_state, open_office, send_mailing, set_up, states, write_folder
from tests.receiver import Receiver, RefuseEvery
from tests.servers import Server
from tests.workers import Part, put_to_sleep_in_mid_batch, wait_until

PEOPLE = 600
CLOCKS = Path(__file__).parent / "clocks"


def part(folder: Path, ahead: timedelta, *command: str) -> Part:
    """A part on a host of its own, whose clock is wrong by so much."""
    environment = {
        "BROADSIDE_STATE_DIR": str(folder),
        "CLOCK_AHEAD": str(ahead.total_seconds()),
        "PYTHONPATH": os.pathsep.join([str(CLOCKS), os.environ.get("PYTHONPATH", "")]),
    }
    return Part(*command, environment=environment, log=folder.with_suffix(".log"))


@pytest.mark.parametrize("asleep", [False, True], ids=["", "one asleep beyond its lease"])
def test_clocks_an_hour_apart(
    postgres: Server, redis: Server, asleep: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(PEOPLE)
    hour = timedelta(hours=1)
    with Receiver(script=RefuseEvery(10, seconds=5), delay=0.01) as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none", redis_url=redis.url)
        folder = write_folder(tmp_path / "later", mailing_yaml=MAILING.replace("Value gap", "Later"))
        with transaction() as session:
            later = import_folder(session, folder)
            control.send(session, later, datetime.now(UTC) + hour / 2)
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        ahead = part(tmp_path / "ahead", hour, *part_command("worker", "1"))
        behind = part(tmp_path / "behind", -hour, *part_command("worker", "1"))
        beat = part(tmp_path / "beat", hour, *beat_command())
        hosts = [ahead, behind, beat]
        try:
            if asleep:
                wait_until(lambda: len(receiver.messages) >= PEOPLE // 4)
                sleeper = put_to_sleep_in_mid_batch([ahead, behind])
                assert len(receiver.messages) < PEOPLE
                # The other one ends its claim when the database's clock says so, and sends the rest.
                wait_until(lambda: mailing_state(mailing_id) == "finished")
                sleeper.signal(signal.SIGCONT)
            wait_until(lambda: states(mailing_id) == {"sent": PEOPLE})
            wait_until(lambda: mailing_state(mailing_id) == "finished")
            logs = "".join((tmp_path / f"{host}.log").read_text() for host in ("ahead", "behind"))
            assert ("expired" in logs) is asleep, logs
            assert mailing_state(later.id) == "scheduled"
        finally:
            for one in hosts:
                one.signal(signal.SIGCONT)
                one.stop()
        now = datetime.now(UTC)
    assert Counter(message.rcpt for message in receiver.messages) == Counter(
        f"reader{number}@example.org" for number in range(1, PEOPLE + 1)
    )
    dates = [parsedate_to_datetime(message_from_bytes(message.content)["Date"]) for message in receiver.messages]
    # Both sent, and their clocks were wrong.
    assert {round((date.replace(tzinfo=UTC) - now) / hour) for date in dates} == {-1, 1}
