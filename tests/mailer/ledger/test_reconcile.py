"""The database goes back in time: nothing is sent until the recorders were replayed, and then nobody twice."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, make_url, select, update

from config.database import reading, transaction
from config.errors import Unavailable
from config.settings import settings
from mailer import control, lifecycle
from mailer.ledger import recorder
from mailer.ledger.claims import claim_batch
from mailer.ledger.models import Batch, ClaimCounter, Delivery
from mailer.ledger.reconcile import reconcile
from mailer.ledger.states import State
from mailer.ledger.witness import LedgerWentBackError
from mailer.models import Mailing
from mailer.sending import send_batch
from subscribers.lists import create_list
from subscribers.models import List
from tasks.app import app
from tasks.housekeeping import do_what_is_due
from tests.mailer.ledger.model import rows_of
from tests.mailer.ledger.test_claims import end_all, take
from tests.press import frozen, mailing_state, open_office, send_mailing, set_up, states, work, write_folder
from tests.receiver import Receiver


@pytest.fixture(autouse=True)
def queue(database: str, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org", batch_size=10)
    monkeypatch.setitem(app.conf, "broker_url", redis_server)


def go_back(mailing_id: int) -> None:
    """Make the ledger what it was right after the freeze, as a restored backup would."""
    with transaction() as session:
        session.execute(
            update(Delivery).values(state="queued", claim=None, attempts=0, reply=None, relay_id=None, at=None)
        )
        for batch in session.query(Batch).filter(Batch.number > 0):
            batch.state, batch.claim, batch.counts = "open", 0, {"queued": batch.last_seq - batch.first_seq + 1}
        session.execute(update(ClaimCounter).values(value=0))
        session.execute(update(Mailing).values(state="sending"))


@contextmanager
def two_batches_forgotten(people: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Receiver, int]]:
    """A mailing in batches of ten, of which two were sent since the copy that the database is now."""
    open_office(people)
    with Receiver() as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        mailing_id = frozen(folder)
        send_batch(mailing_id, 1)
        send_batch(mailing_id, 2)
        go_back(mailing_id)
        yield receiver, mailing_id


def test_nothing_is_sent_until_it_is_reconciled_and_then_nobody_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two_batches_forgotten(40, tmp_path, monkeypatch) as (receiver, mailing_id):
        with pytest.raises(LedgerWentBackError):
            send_batch(mailing_id, 1)
        assert len(receiver.messages) == 20
        done = reconcile()
        assert (done.claims, done.missing, done.resolved, done.uncertain) == (2, 0, 20, 0)
        assert states(mailing_id) == {"sent": 20, "queued": 20}
        work()
        assert Counter(message.rcpt for message in receiver.messages).most_common(1)[0][1] == 1
        assert len(receiver.messages) == 40
    assert mailing_state(mailing_id) == "finished"
    assert reconcile().claims == 0


def test_without_the_recorders_a_person_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with two_batches_forgotten(40, tmp_path, monkeypatch) as (receiver, mailing_id):
        one = recorder.all_files(settings().state_dir)[0]
        one.unlink()
        assert reconcile().missing == 1
        with pytest.raises(LedgerWentBackError):
            send_batch(mailing_id, 3)
        done = reconcile(give_up=True)
        assert (done.missing, done.uncertain) == (0, 30)
        assert states(mailing_id) == {"sent": 10, "uncertain": 30}
        work()
        assert len(receiver.messages) == 20
    assert mailing_state(mailing_id) == "finished"


def test_a_recorder_in_hand_is_not_read_before_it_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker under whom the database went back goes on for the rest of its turn: what it tells is not all yet."""
    open_office(20)
    mailing_id = frozen(tmp_path)
    claim = claim_batch(mailing_id, 1)
    assert claim is not None
    claim.recorder.relay(1)
    go_back(mailing_id)
    claim.recorder.end_sent(0)
    claim.recorder.replied(0, 250, "taken")
    assert reconcile().missing == 1
    assert states(mailing_id) == {"queued": 20}
    claim.recorder.end_sent(1)
    claim.recorder.replied(1, 250, "taken")
    claim.recorder.close()
    assert reconcile().missing == 0
    assert states(mailing_id) == {"sent": 2, "queued": 18}


def test_a_claim_that_the_backup_found_in_hand_is_told_by_its_recorder_however_long_ago_it_was_laid_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two_batches_forgotten(20, tmp_path, monkeypatch) as (_, mailing_id):
        with transaction() as session:
            claimed = session.query(Batch).filter(Batch.number == 1).one()
            claimed.state, claimed.claim, claimed.owner = "claimed", 1, recorder.host_id(settings().state_dir)
            claimed.lease_until = datetime(2020, 1, 1, tzinfo=UTC)
            session.execute(update(ClaimCounter).values(value=1))
        with pytest.raises(LedgerWentBackError):
            do_what_is_due()
        assert states(mailing_id) == {"claimed": 10, "queued": 10}
        elsewhere = shutil.move(settings().state_dir / "recorder", tmp_path / "recorder of another host")
        assert reconcile().missing == 2
        shutil.rmtree(settings().state_dir / "recorder", ignore_errors=True)
        shutil.move(elsewhere, settings().state_dir / "recorder")
        done = reconcile()
        assert (done.claims, done.missing, done.resolved) == (2, 0, 20)
    assert states(mailing_id) == {"sent": 20}


def test_what_a_later_claim_did_takes_the_place_of_what_an_earlier_one_met(tmp_path: Path) -> None:
    """It failed, the copy was made, a person tried again and it was sent: who tries again now would send it twice."""
    open_office(1)
    mailing_id = frozen(tmp_path)
    end_all(take(mailing_id, 1), State.failed)
    with transaction() as session:
        assert lifecycle.finish(session, mailing_id)
    with reading() as session:
        copy = {table: rows_of(session, table) for table in (Delivery, Batch)}
    with transaction() as session:
        control.retry(session, session.get_one(Mailing, mailing_id), State.failed)
    claim = take(mailing_id, 2)
    claim.recorder.end_sent(0)
    claim.recorder.replied(0, 250, "taken")
    claim.recorder.close()
    with transaction() as session:
        for table, rows in copy.items():
            session.execute(delete(table))
            session.execute(insert(table), rows)
        session.execute(update(Mailing).values(state="finished"))
        session.execute(update(ClaimCounter).values(value=1))
    assert states(mailing_id) == {"failed": 1}
    assert reconcile().missing == 0
    assert states(mailing_id) == {"sent": 1}


def test_a_mailing_that_the_backup_takes_for_unsent_is_not_frozen_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(20)
    with Receiver() as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        work()
        go_back(mailing_id)
        with transaction() as session:
            session.execute(delete(Delivery))
            session.execute(delete(Batch))
            session.execute(update(Mailing).values(state="scheduled", started_at=None, finished_at=None))
        with pytest.raises(LedgerWentBackError):
            do_what_is_due()
        assert mailing_state(mailing_id) == "scheduled"
        assert reconcile().missing == 0
        do_what_is_due()
    assert mailing_state(mailing_id) == "cancelled"


def test_another_file_under_the_databases_name_is_noticed(database: str, tmp_path: Path) -> None:
    """SQLite: a process would go on with the file that it has open, though nobody else sees it."""
    if not database.startswith("sqlite"):
        pytest.skip("PostgreSQL ends the connections of a database that is replaced")
    open_office(1)
    file = Path(make_url(database).database or "")
    with closing(sqlite3.connect(file)) as old, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        old.backup(copy)
    open_lists = select(func.count()).select_from(List)
    with transaction() as session:
        create_list(session, "late", "Late")
        assert session.scalar(open_lists) == 3
    (tmp_path / "copy.db").replace(file)
    file.with_name(file.name + "-wal").unlink()
    with reading() as session:
        assert session.scalar(open_lists) == 2


def test_redis_alone_is_witness_enough_and_without_redis_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(20)
    with Receiver() as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        mailing_id = frozen(tmp_path)
        send_batch(mailing_id, 1)
        go_back(mailing_id)
        shutil.rmtree(settings().state_dir)
        set_up(monkeypatch)
        with pytest.raises(LedgerWentBackError):
            send_batch(mailing_id, 2)
        set_up(monkeypatch, redis_url="redis://127.0.0.1:1/0")
        with pytest.raises(Unavailable, match="Redis"):
            send_batch(mailing_id, 2)
        assert len(receiver.messages) == 10
