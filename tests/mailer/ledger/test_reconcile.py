"""The database goes back in time: nothing is sent until the recorders were replayed, and then nobody twice."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import update

from config.database import transaction
from config.errors import Unavailable
from config.settings import settings
from mailer.freeze import freeze
from mailer.ledger import recorder
from mailer.ledger.models import Batch, ClaimCounter, Delivery
from mailer.ledger.reconcile import reconcile
from mailer.ledger.witness import LedgerWentBackError
from mailer.models import Mailing
from mailer.sending import send_batch
from tests.press import mailing_state, open_office, send_mailing, set_up, states, work, write_folder
from tests.receiver import Receiver


@pytest.fixture(autouse=True)
def queue(database: str, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Redis.from_url(redis_server) as redis:
        redis.flushdb()
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org", batch_size=10)


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


def test_nothing_is_sent_until_it_is_reconciled_and_then_nobody_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(40)
    with Receiver() as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        freeze(mailing_id)
        send_batch(mailing_id, 1)
        send_batch(mailing_id, 2)
        go_back(mailing_id)
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
    open_office(40)
    with Receiver() as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        freeze(mailing_id)
        send_batch(mailing_id, 1)
        send_batch(mailing_id, 2)
        go_back(mailing_id)
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


def test_redis_alone_is_witness_enough_and_without_redis_nothing_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_office(20)
    with Receiver() as receiver:
        set_up(monkeypatch, smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none")
        mailing_id = send_mailing(write_folder(tmp_path / "value-gap"))
        freeze(mailing_id)
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
