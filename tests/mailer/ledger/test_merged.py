"""People merged while a mailing is under way: each gets it once, whoever looks first."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from config.database import engine, reading, transaction
from mailer import control
from mailer.freeze import freeze
from mailer.ledger.claims import Claim, claim_batch
from mailer.ledger.models import Batch, Delivery
from mailer.ledger.outcomes import Outcome, record
from mailer.ledger.states import State
from mailer.models import Mailing
from mailer.received import received
from subscribers.merging import merge, unmerge
from subscribers.models import Subscriber, Subscription
from subscribers.people import unsubscribe_address
from tests.press import MAILING, open_office, send_mailing, set_up, states, write_folder

KEEP, OTHER = "reader1@example.org", "reader2@example.org"


@pytest.fixture(autouse=True)
def queue_server(database: str, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org", batch_size=1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "value-gap")


@pytest.fixture
def mailing_id(folder: Path) -> int:
    """Three people, one a batch: reader1 is delivery 1 in batch 1, and so on."""
    open_office(3)
    number = send_mailing(folder)
    freeze(number)
    return number


def join() -> None:
    with transaction() as session:
        merge(session, KEEP, OTHER, source="x")


def take(mailing_id: int, number: int) -> list[str]:
    """Claim a batch and leave it in hand; the addresses it goes to."""
    claim = claim_batch(mailing_id, number)
    if claim is None:
        return []
    HANDS.append(claim)
    return [due.recipient.email for due in claim.due]


HANDS: list[Claim] = []


def end(state: State) -> None:
    """All that is in hand comes to this end."""
    while HANDS:
        claim = HANDS.pop()
        outcomes = [Outcome(due.seq, state, "said so") for due in claim.due]
        with transaction() as session:
            assert record(session, claim.mailing_id, claim.batch, claim.number, outcomes, relay_id=None)
        claim.recorder.mark_recorded()
        claim.recorder.close()


@pytest.fixture(autouse=True)
def let_go() -> object:
    yield
    while HANDS:
        HANDS.pop().recorder.close()


@pytest.mark.parametrize("first", [1, 2])
def test_both_waiting_one_goes(mailing_id: int, first: int) -> None:
    join()
    assert take(mailing_id, first) + take(mailing_id, 3 - first) == [KEEP]
    end(State.sent)
    assert states(mailing_id) == {"sent": 1, "skipped": 1, "queued": 1}


@pytest.mark.parametrize("state", [None, State.sent, State.uncertain])
@pytest.mark.parametrize(("went", "waits"), [(1, 2), (2, 1)])
def test_one_went_the_other_does_not(mailing_id: int, went: int, waits: int, state: State | None) -> None:
    """None: it is in a worker's hands, which nobody can take it from."""
    assert take(mailing_id, went)
    if state:
        end(state)
    join()
    assert take(mailing_id, waits) == []
    with reading() as session:
        left = session.scalars(select(Delivery.reason).where(Delivery.state == State.skipped)).all()
    assert left == ["merged"]


def test_what_was_refused_at_the_old_address_goes_to_the_new_one(folder: Path) -> None:
    open_office(3)
    with transaction() as session:
        reader1 = select(Subscriber.id).where(Subscriber.email == KEEP).scalar_subquery()
        session.execute(delete(Subscription).where(Subscription.subscriber_id == reader1))
    number = send_mailing(folder)
    freeze(number)
    assert take(number, 1) == [OTHER]
    end(State.failed)
    join()
    with transaction() as session:
        assert control.retry(session, session.get_one(Mailing, number), State.failed) == 1
    claim = claim_batch(number, 3)
    assert claim is not None
    HANDS.append(claim)
    with reading() as session:
        kept = session.scalars(select(Subscriber).where(Subscriber.email == KEEP)).one()
    assert [(due.recipient.email, due.public_id) for due in claim.due] == [(KEEP, kept.public_id)]
    with transaction() as session:
        assert session.scalar(select(Delivery.subscriber_id).where(Delivery.seq == 1)) == kept.id


def test_what_failed_at_the_new_address_is_not_sent_again_once_the_old_one_has_it(mailing_id: int) -> None:
    assert take(mailing_id, 1) == [KEEP]
    end(State.failed)
    assert take(mailing_id, 2) == [OTHER]
    end(State.sent)
    join()
    with transaction() as session:
        assert control.retry(session, session.get_one(Mailing, mailing_id), State.failed) == 1
    assert take(mailing_id, 4) == []
    assert states(mailing_id) == {"sent": 1, "skipped": 1, "queued": 1}


def test_of_three_addresses_none_of_them_the_new_one_one_goes(folder: Path) -> None:
    open_office(4)
    with transaction() as session:
        reader1 = select(Subscriber.id).where(Subscriber.email == KEEP).scalar_subquery()
        session.execute(delete(Subscription).where(Subscription.subscriber_id == reader1))
    number = send_mailing(folder)
    freeze(number)
    with transaction() as session:
        for other in (2, 3, 4):
            merge(session, KEEP, f"reader{other}@example.org", source="x")
    assert [take(number, batch) for batch in (2, 1, 3)] == [[KEEP], [], []]


def test_who_left_under_one_address_gets_nothing_under_the_other(mailing_id: int) -> None:
    with transaction() as session:
        unsubscribe_address(session, OTHER, source="phone")
    join()
    assert take(mailing_id, 1) + take(mailing_id, 2) == []
    with reading() as session:
        reasons = session.execute(select(Delivery.seq, Delivery.reason).where(Delivery.seq < 3)).all()
    assert dict(reasons) == {1: "unsubscribed", 2: "merged"}


def test_a_merge_that_was_undone_in_time_is_as_if_it_had_not_been(mailing_id: int) -> None:
    join()
    with transaction() as session:
        unmerge(session, OTHER)
    assert take(mailing_id, 1) + take(mailing_id, 2) == [KEEP, OTHER]


def test_a_merge_waits_for_claims_that_are_being_made(mailing_id: int) -> None:
    """Else the claim of one delivery would see the time before the merge, and that of the other the time after it."""
    if engine().dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    done = threading.Event()

    def joined() -> None:
        join()
        done.set()

    merging = threading.Thread(target=joined)
    with transaction() as session:
        # What a claim does first.
        session.execute(select(Batch).where(Batch.number == 2).with_for_update()).all()
        merging.start()
        assert not done.wait(1), "it waits"
    merging.join(30)
    assert done.is_set()


def test_who_got_it_at_the_old_address_has_received_it(mailing_id: int, tmp_path: Path) -> None:
    assert take(mailing_id, 2) == [OTHER]
    end(State.sent)
    with transaction() as session:  # as if reader1 and reader3 had not been in its audience
        session.execute(update(Delivery).where(Delivery.seq != 2).values(state=State.skipped))
    with reading() as session:
        assert session.scalars(select(Subscriber.email).where(received(session, "value-gap"))).all() == [OTHER]
    join()
    with reading() as session:
        had_it = session.scalars(select(Subscriber.email).where(received(session, "value-gap"))).all()
        assert set(had_it) == {OTHER, KEEP}
    again = write_folder(tmp_path / "again", mailing_yaml=MAILING.replace("]}", "], exclude: {mailings: [value-gap]}}"))
    correction = send_mailing(again)
    freeze(correction)
    assert [take(correction, batch) for batch in (1, 2)] == [["reader3@example.org"], []]
