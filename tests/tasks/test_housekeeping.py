"""Several beats do no harm: what is asked for twice is done once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import true, update
from sqlalchemy.orm import Session

from config.database import database_time, transaction
from config.errors import Unavailable
from mailer import control, lifecycle
from mailer.freeze import freeze
from mailer.ledger import recovery
from mailer.ledger.models import Batch, PeriodicRun
from mailer.ledger.states import State
from mailer.models import Mailing
from tasks.app import app
from tasks.delivery import _open_batches
from tasks.housekeeping import do_what_is_due, my_turn
from tests.mailer.ledger.test_claims import end_all, let_time_pass, take
from tests.press import grace_over, mailing_state, open_office, send_mailing, set_up, states, write_folder


def test_of_several_who_ask_at_once_one_has_its_turn(database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: my_turn("look", 3600), range(8))) == 1
    assert not my_turn("look", 3600)
    assert my_turn("another", 3600)
    assert my_turn("look", 0)


def test_a_clock_that_was_put_back_keeps_nobody_waiting(database: str) -> None:
    assert my_turn("look", 1)
    with transaction() as session:
        ahead = database_time(session) + timedelta(hours=2)
        session.execute(update(PeriodicRun).values(last_run=ahead))
    assert my_turn("look", 1)
    assert not my_turn("look", 1)


def test_who_asked_later_and_was_faster_is_no_clock_put_back(database: str) -> None:
    assert my_turn("look", 3600)
    with transaction() as session:
        later = database_time(session) + timedelta(seconds=30)
        session.execute(update(PeriodicRun).values(last_run=later))
    assert not my_turn("look", 3600)


@pytest.fixture
def office(database: str, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six people, in batches of three."""
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org", batch_size=3)
    monkeypatch.setitem(app.conf, "broker_url", redis_server)
    open_office(6)


def frozen(tmp_path: Path, *names: str) -> list[int]:
    numbers = [send_mailing(write_folder(tmp_path / name)) for name in names]
    for number in numbers:
        freeze(number)
    return numbers


def spoil(mailing_id: int) -> None:
    """Somebody's hand was in it."""
    with transaction() as session:
        session.execute(update(Batch).where(Batch.mailing_id == mailing_id).values(counts=5))


def test_a_mailing_that_cannot_be_frozen_keeps_no_other_waiting(office: None, tmp_path: Path) -> None:
    bad, good = (send_mailing(write_folder(tmp_path / name)) for name in ("bad", "good"))
    with transaction() as session:
        session.execute(update(Mailing).where(Mailing.id == bad).values(audience={"lists": 5}))
    do_what_is_due()
    assert mailing_state(bad) == "freezing"
    assert mailing_state(good) == "sending"


def test_claims_and_deferrals_of_a_spoilt_mailing_keep_no_other_waiting(
    office: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = frozen(tmp_path, "bad", "good")
    for mailing_id in (bad, good):
        end_all(take(mailing_id, 1), State.deferred)
        take(mailing_id, 2)  # and its worker sleeps
    spoil(bad)
    let_time_pass()
    with grace_over():
        do_what_is_due()
    assert states(good) == {"queued": 6}
    assert f"mailing {bad}, batch 2: its claim cannot be ended" in caplog.text
    assert f"mailing {bad} cannot be regrouped" in caplog.text


def test_a_spoilt_mailing_that_was_cancelled_keeps_no_other_waiting(
    office: None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = frozen(tmp_path, "bad", "good")
    spoil(bad)
    for mailing_id in (bad, good):
        with transaction() as session:
            control.cancel(session, session.get_one(Mailing, mailing_id))
    do_what_is_due()
    assert states(good) == {"skipped": 6}
    assert f"mailing {bad} cannot be settled" in caplog.text


def test_a_mailing_that_cannot_be_finished_keeps_no_other_waiting(
    office: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = frozen(tmp_path, "bad", "good")
    finish = lifecycle.finish

    def fail(session: Session, mailing_id: int) -> bool:
        assert mailing_id != bad
        return finish(session, mailing_id)

    monkeypatch.setattr(lifecycle, "finish", fail)
    for number in (1, 2):
        end_all(take(good, number), State.sent)
    do_what_is_due()
    assert mailing_state(good) == "finished"


def test_trouble_from_outside_ends_the_look(office: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [mailing_id] = frozen(tmp_path, "good")
    take(mailing_id, 1)
    let_time_pass()

    def away(*_: object, **__: object) -> None:
        raise Unavailable("the database is away")

    with grace_over():
        monkeypatch.setattr(recovery, "record", away)
        with pytest.raises(Unavailable):
            do_what_is_due()


def test_of_what_nobody_holds_the_urgent_is_hinted_at_first(office: None, tmp_path: Path) -> None:
    one, urgent = frozen(tmp_path, "one", "urgent")
    with transaction() as session:
        session.get_one(Mailing, urgent).urgent = True
    assert _open_batches(true()) == [(urgent, 1), (urgent, 2), (one, 1), (one, 2)]
