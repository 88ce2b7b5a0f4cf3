"""Sending by command, on both databases: decisions, waiting, exit statuses, reports. A thread plays the worker."""

import csv
import io
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import select, update

from cli import watching
from config.database import transaction
from mailer import control, lifecycle
from mailer.freeze import freeze
from mailer.ledger.models import Batch, Delivery
from mailer.models import Mailing
from tasks.queues import HOUSEKEEPING
from tests.cli.speaking import broadside, on_a_terminal
from tests.press import open_office, set_up, work, write_folder
from tests.receiver import Receiver, RefuseEvery
from tests.servers import free_port

READERS = 30
COLUMNS = "delivery,email,state,reason,language,relay,message_id,attempts,before,reply,sent_at"


@pytest.fixture
def queue(redis_server: str) -> redis.Redis:
    return redis.Redis.from_url(redis_server)


@pytest.fixture
def office(
    database: str, tmp_path: Path, queue: redis.Redis, redis_server: str, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Thirty readers and an imported op-ed, `value-gap`; its folder."""
    set_up(monkeypatch, redis_url=redis_server, batch_size=5)
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.02)
    open_office(READERS)
    house = tmp_path / "house.yaml"
    house.write_text("name: IMPALA\naddress: Coudenberg 70, 1000 Brussels\n")
    broadside("house", "import", house)
    folder = write_folder(tmp_path / "value-gap")
    broadside("mailing", "import", folder)
    return folder


@contextmanager
def receiver(monkeypatch: pytest.MonkeyPatch, script: RefuseEvery | None = None) -> Iterator[Receiver]:
    with Receiver(script) if script else Receiver() as running:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{running.port}?tls=none", deferral_seconds=600)
        yield running


@contextmanager
def worker() -> Iterator[None]:
    """Somebody who does what is due."""
    ended = threading.Event()
    wrong: list[Exception] = []

    def go_on() -> None:
        try:
            while not ended.is_set():
                work()
                time.sleep(0.02)
        except Exception as error:
            wrong.append(error)
            traceback.print_exc()

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert not wrong


def test_send_and_wait_to_the_end(office: Path, queue: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    broadside("subscribers", "unsubscribe", "reader7@example.org")
    with receiver(monkeypatch) as running, worker():
        said = broadside("mailing", "send", "value-gap", "--wait")
    assert "29 readers" in said.out
    assert "finished" in said.out
    assert said.err.rstrip().endswith("warnings"), "the check's, and no bar where there is no terminal"
    assert len(running.messages) == READERS - 1
    assert queue.llen(HOUSEKEEPING) == 1, "the workers were asked at once"
    report = broadside("mailing", "report", "value-gap", "--json").json
    assert report.pop("send_at")
    assert report == {
        "mailing": "value-gap",
        "state": "finished",
        "pause_reason": "",
        "recipients": READERS - 1,
        "deliveries": {"sent": READERS - 1},
        "skipped": {"unsubscribed": 1},
    }
    assert "unsubscribed" in broadside("mailing", "report", "value-gap").out


def test_deliveries_as_a_table_csv_and_json(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broadside("subscribers", "suppress", "reader7@example.org")
    with receiver(monkeypatch, RefuseEvery(10, 600, "550 5.1.1 unknown <reader10@example.org>")), worker():
        broadside("mailing", "send", "value-gap", "--wait", status=3)
    said = broadside("mailing", "deliveries", "value-gap", "--csv")
    rows = {row["email"]: row for row in csv.DictReader(io.StringIO(said.out))}
    assert said.out.splitlines()[0] == COLUMNS
    assert len(rows) == READERS
    assert rows["reader3@example.org"]["language"] == "fr"
    assert rows["reader3@example.org"]["reply"].startswith("250 ")
    assert datetime.fromisoformat(rows["reader3@example.org"]["sent_at"]).tzinfo
    assert rows["reader7@example.org"]["reason"] == "suppressed"
    everything = broadside("mailing", "deliveries", "value-gap", "--json").json["deliveries"]
    assert [{name: str(value) for name, value in row.items()} for row in everything] == list(rows.values())
    with transaction() as session:
        session.execute(update(Delivery).where(Delivery.seq == 1).values(was_uncertain=True))
    assert broadside("mailing", "deliveries", "value-gap").out.count("uncertain before;") == 1
    failed = broadside("mailing", "deliveries", "value-gap", "--state", "failed", "--json").json["deliveries"]
    assert {row["email"] for row in failed} == {f"reader{number}@example.org" for number in (10, 20, 30)}
    assert all(row["reply"].startswith("550 5.1.1") for row in failed)
    shown = broadside("mailing", "deliveries", "value-gap", "--state", "failed").out
    assert "reader20@example.org" in shown
    assert "550 5.1.1" in shown
    broadside("mailing", "deliveries", "value-gap", "--csv", "--json", status=2)


def test_waiting_ends_with_3_while_some_are_deferred(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(monkeypatch, RefuseEvery(10, 600)), worker():
        said = broadside("mailing", "send", "value-gap", "--wait", status=3)
    assert "tried again" in said.out
    assert broadside("mailing", "report", "value-gap", "--json").json["deliveries"] == {"deferred": 3, "sent": 27}


def test_a_second_send_is_refused(office: Path) -> None:
    broadside("mailing", "send", "value-gap")
    said = broadside("mailing", "send", "value-gap", status=1)
    assert "cannot send 'value-gap'" in said.err
    assert broadside("mailing", "list", "--json").json["mailings"][0]["state"] == "scheduled"


def test_what_the_check_finds_stops_a_send(office: Path) -> None:
    text = office / "en.md"
    text.write_text(text.read_text().replace("first_name", "frist_name"))
    broadside("mailing", "import", office)
    said = broadside("mailing", "send", "value-gap", status=1)
    assert "en.md" in said.err
    assert "is not sent" in said.err
    assert not said.out
    assert broadside("mailing", "report", "value-gap", "--json").json["state"] == "draft"


def test_warnings_are_shown_and_do_not_stop_it(office: Path) -> None:
    text = office / "en.md"
    text.write_text(text.read_text().replace("Op-ed: a fair", f"Op-ed: {'very ' * 40}fair"))
    broadside("mailing", "import", office)
    said = broadside("mailing", "send", "value-gap")
    assert "[long-subject]" in said.err
    assert "goes out" in said.out


def test_sending_later_needs_a_zone_and_a_future(office: Path, queue: redis.Redis) -> None:
    for moment in ("2099-05-04T09:00", "2099-05-04", "tomorrow", "2020-05-04T09:00+02:00"):
        assert "--at" in broadside("mailing", "send", "value-gap", "--at", moment, status=2).err
    said = broadside("mailing", "send", "value-gap", "--at", "2099-05-04T09:00+02:00")
    assert "scheduled for 2099-05-04 07:00 UTC" in broadside("mailing", "report", "value-gap").out
    assert "2099-05-04 09:00+02:00" in said.out
    assert broadside("mailing", "list", "--json").json["mailings"][0]["send_at"] == "2099-05-04T07:00:00+00:00"
    assert queue.llen(HOUSEKEEPING) == 0
    assert "is a draft again" in broadside("mailing", "cancel", "value-gap").out
    assert broadside("mailing", "list", "--json").json["mailings"][0]["state"] == "draft"


def test_waiting_also_for_the_time_to_come(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=3)
    with receiver(monkeypatch), worker():
        said = broadside("mailing", "send", "value-gap", "--wait", "--at", moment.isoformat())
    assert datetime.now(UTC) > moment
    assert "finished" in said.out


def test_nobody_needs_a_worker_before_the_time_has_come(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PATIENCE", 0)
    broadside("mailing", "send", "value-gap", "--at", "2099-05-04T09:00+02:00")
    look = watching.Look("value-gap")
    with redirect_stderr(io.StringIO()) as err:
        for _ in range(3):
            assert look.take()
            time.sleep(0.01)
        assert not err.getvalue()
        with transaction() as session:
            session.execute(update(Mailing).values(send_at=datetime.now(UTC)))
        for _ in range(3):
            assert look.take()
            time.sleep(0.01)
    assert err.getvalue().count("no worker is running") == 1


def test_without_redis_it_is_noted_all_the_same(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, redis_url=f"redis://:hidden-word@127.0.0.1:{free_port()}/0")
    said = broadside("mailing", "send", "value-gap")
    assert sum("does not answer" in line for line in said.err.splitlines()) == 1
    assert "Traceback" not in said.err
    assert "hidden-word" not in said.err
    assert broadside("mailing", "list", "--json").json["mailings"][0]["state"] == "scheduled"


@contextmanager
def meanwhile(act: Callable[[int], None]) -> Iterator[None]:
    """Once the mailing is scheduled, `act` with its id in a thread."""

    def wait_and_act() -> None:
        while not (due := lifecycle.due_mailings()):
            time.sleep(0.01)
        act(due[0])

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    yield
    thread.join()


def test_nobody_working_is_said_once_and_a_cancel_ends_the_wait(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PATIENCE", 0.1)
    monkeypatch.setattr(watching, "LOOK_EVERY", 0.02)

    def cancel(mailing_id: int) -> None:
        while b"no worker is running" not in sys.stderr.buffer.getvalue():  # type: ignore[attr-defined]
            time.sleep(0.01)
        time.sleep(0.3)  # it is looked at some more times
        with transaction() as session:
            control.cancel(session, session.get_one(Mailing, mailing_id))

    with meanwhile(cancel):
        said = broadside("mailing", "send", "value-gap", "--wait", status=1)
    assert said.err.count("no worker is running") == 1
    assert "it is a draft again" in said.out


def test_pause_resume_cancel(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in ("pause", "resume", "cancel"):
        assert f"cannot {command}" in broadside("mailing", command, "value-gap", status=1).err
    with receiver(monkeypatch, RefuseEvery(10, 600)) as running:
        broadside("mailing", "send", "value-gap")
        work()
        broadside("mailing", "pause", "value-gap")
        assert broadside("mailing", "report", "value-gap", "--json").json["state"] == "paused"
        assert "goes on" in broadside("mailing", "resume", "value-gap", "--wait", status=3).out
        broadside("mailing", "cancel", "value-gap")
        work()
        report = broadside("mailing", "report", "value-gap", "--json").json
        assert report["state"] == "cancelled"
        assert report["skipped"] == {"cancelled": 3}
        assert "cannot resume" in broadside("mailing", "resume", "value-gap", status=1).err
        work()
    assert len(running.messages) == 27


def test_a_pause_ends_the_wait_and_says_how_to_go_on(office: Path) -> None:
    def freeze_and_pause(mailing_id: int) -> None:
        freeze(mailing_id)
        with transaction() as session:
            control.pause(session, session.get_one(Mailing, mailing_id), "the subject was empty")

    with meanwhile(freeze_and_pause):
        said = broadside("mailing", "send", "value-gap", "--wait", status=1)
    assert "the subject was empty" in said.out
    assert "broadside mailing resume value-gap" in said.out


def test_retry_what_failed(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "cannot retry" in broadside("mailing", "retry", "value-gap", "--state", "failed", status=1).err
    with receiver(monkeypatch, RefuseEvery(10, 600, "550 5.7.1 not today")) as running, worker():
        broadside("mailing", "send", "value-gap", "--wait", status=3)
        running.script = RefuseEvery(10**6, 0)
        said = broadside("mailing", "retry", "value-gap", "--state", "failed", "--wait")
    assert "3 messages" in said.out
    assert len(running.messages) == READERS
    assert len({message.rcpt for message in running.messages}) == READERS
    assert "none" in broadside("mailing", "retry", "value-gap", "--state", "failed").out


def make_the_first_uncertain() -> None:
    """As if the connection had died after the final dot of the first message."""
    with transaction() as session:
        batch = session.scalars(select(Batch).where(Batch.number == 1)).one()
        batch.counts = {**batch.counts, "sent": batch.counts["sent"] - 1, "uncertain": 1}
        session.execute(update(Delivery).where(Delivery.seq == 1).values(state="uncertain"))


def test_retrying_what_is_uncertain_needs_a_person(office: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(monkeypatch) as running, worker():
        broadside("mailing", "send", "value-gap", "--wait")
        make_the_first_uncertain()
        said = broadside("mailing", "retry", "value-gap", "--state", "uncertain", status=1)
        assert "1 reader may get value-gap twice" in said.err
        assert "--yes" in said.err
        assert len(running.messages) == READERS
        broadside("mailing", "retry", "value-gap", "--state", "uncertain", "--yes", "--wait")
    assert len(running.messages) == READERS + 1
    twice = [message for message in running.messages if message.rcpt == running.messages[-1].rcpt]
    ids = {line for one in twice for line in one.content.split(b"\r\n") if line.lower().startswith(b"message-id:")}
    assert (len(twice), len(ids)) == (2, 1)


def test_at_a_terminal_one_is_asked(office: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("mailing", "retry", "value-gap", "--state", "uncertain")
    with receiver(monkeypatch):
        with worker():
            broadside("mailing", "send", "value-gap", "--wait")
        make_the_first_uncertain()
        said = on_a_terminal(*words, folder=tmp_path, answer="n\n")
        assert "may get value-gap twice" in said.out
        assert said.status == 1
        assert broadside("mailing", "report", "value-gap", "--json").json["deliveries"]["uncertain"] == 1
        said = on_a_terminal(*words, folder=tmp_path, answer="y\n")
        assert said.status == 0
        assert broadside("mailing", "report", "value-gap", "--json").json["deliveries"]["queued"] == 1
