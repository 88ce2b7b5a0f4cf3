"""Claims whose commit failed, hosts that come back late, and two who change one mailing at once."""

import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import delete, event, insert, select, text, update
from sqlalchemy.orm import Session

from config.database import engine, reading, transaction
from config.errors import Unavailable
from config.settings import settings
from mailer import control, lifecycle
from mailer.freeze import freeze
from mailer.ledger import recorder, recovery, witness
from mailer.ledger.claims import Claim, claim_batch, renew
from mailer.ledger.deferrals import regroup_due
from mailer.ledger.merged import hand_over
from mailer.ledger.models import Attempt, Batch, Delivery
from mailer.ledger.outcomes import Outcome, record
from mailer.ledger.reconcile import reconcile
from mailer.ledger.states import State
from mailer.models import Mailing, MailingState, OnUncertain
from subscribers.models import Basis, List, Reason, Standing, Subscriber, Subscription, Suppression
from tasks.housekeeping import settle_cancelled
from tests.mailer.ledger.model import rows_of
from tests.press import claims_expire, mailing_state, open_office, send_mailing, set_up, states, write_folder

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class FailedError(Exception):
    """The commit's answer did not arrive."""


@pytest.fixture(autouse=True)
def queue_server(database: str, redis_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(monkeypatch, redis_url=redis_server, public_url="https://press.example.org", batch_size=3)


@pytest.fixture
def mailing_id(tmp_path: Path) -> int:
    """Six people, two batches."""
    open_office(6)
    number = send_mailing(write_folder(tmp_path / "value-gap"))
    freeze(number)
    return number


@pytest.fixture
def be_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Act as another host: one with a state folder of its own."""
    return lambda host: set_up(monkeypatch, state_dir=tmp_path / host)


def take(mailing_id: int, number: int) -> Claim:
    claim = claim_batch(mailing_id, number)
    assert claim is not None
    claim.recorder.relay(1)
    return claim


def end(claim: Claim, *outcomes: Outcome) -> None:
    with transaction() as session:
        assert record(session, claim.mailing_id, claim.batch, claim.number, outcomes, relay_id=None)
    claim.recorder.mark_recorded()
    claim.recorder.close()


def end_all(claim: Claim, state: State) -> None:
    end(claim, *(Outcome(due.seq, state, "said so") for due in claim.due))


def let_time_pass() -> None:
    with transaction() as session:
        session.execute(update(Delivery).where(Delivery.retry_at.is_not(None)).values(retry_at=LONG_AGO))
        session.execute(update(Batch).where(Batch.due_at.is_not(None)).values(due_at=LONG_AGO))
        session.execute(update(Batch).where(Batch.lease_until.is_not(None)).values(lease_until=LONG_AGO))


def commit_fails(mailing_id: int, number: int) -> None:
    """A claim that is rolled back; its recorder stays."""

    def fail(_session: Session) -> None:
        raise FailedError

    event.listen(Session, "before_commit", fail)
    try:
        with pytest.raises(FailedError):
            claim_batch(mailing_id, number)
    finally:
        event.remove(Session, "before_commit", fail)


def test_a_delivery_belongs_to_its_last_batch_alone(mailing_id: int) -> None:
    end_all(take(mailing_id, 1), State.deferred)
    let_time_pass()
    assert regroup_due() == [(mailing_id, 1)]  # most of it is due: no other batch is made
    end(take(mailing_id, 1), Outcome(1, State.failed, "550 no"))  # the others are given back
    with transaction() as session:
        assert control.retry(session, session.get_one(Mailing, mailing_id), State.failed) == 1
    assert [due.seq for due in take(mailing_id, 1).due] == [2, 3]
    assert [due.seq for due in take(mailing_id, 3).due] == [1]


def test_few_of_each_batch_are_regrouped_into_one(mailing_id: int) -> None:
    for number, seq in ((1, 2), (2, 6)):
        claim = take(mailing_id, number)
        others = (Outcome(due.seq, State.sent, "250 ok") for due in claim.due if due.seq != seq)
        end(claim, Outcome(seq, State.deferred, "451 later"), *others)
    let_time_pass()
    assert regroup_due() == [(mailing_id, 3)]
    assert [due.seq for due in take(mailing_id, 3).due] == [2, 6]


def test_a_claim_that_was_never_made_ends_nobody_elses_of_the_same_number(
    mailing_id: int, be_on: Callable[[str], None]
) -> None:
    be_on("north")
    commit_fails(mailing_id, 1)
    be_on("south")
    claim = take(mailing_id, 1)
    be_on("north")
    assert [int(path.name, 16) for path in recorder.open_files(settings().state_dir)] == [claim.number]
    assert recovery.recover_host() == []
    assert states(mailing_id) == {"claimed": 3, "queued": 3}
    claim.recorder.close()


def test_a_claim_that_was_never_made_does_not_tell_that_nothing_was_sent(
    mailing_id: int, be_on: Callable[[str], None]
) -> None:
    be_on("north")
    commit_fails(mailing_id, 1)
    be_on("south")
    end_all(take(mailing_id, 1), State.uncertain)
    be_on("north")
    assert recovery.recover_host() == []
    let_time_pass()
    assert regroup_due() == []
    assert states(mailing_id) == {"uncertain": 3, "queued": 3}


def test_a_host_that_comes_back_late_sends_what_it_had_not_begun_though_all_else_is_finished(
    mailing_id: int, be_on: Callable[[str], None]
) -> None:
    be_on("north")
    claim = take(mailing_id, 1)
    claim.recorder.end_sent(0)
    claim.recorder.replied(0, 250, "ok")
    claim.recorder.end_sent(1)
    claim.recorder.close()
    be_on("south")
    let_time_pass()
    claims_expire()
    end_all(take(mailing_id, 2), State.sent)
    with transaction() as session:
        assert lifecycle.finish(session, mailing_id)
    assert states(mailing_id) == {"uncertain": 3, "sent": 3}
    be_on("north")
    recovery.recover_host()
    assert regroup_due() == [(mailing_id, 3)]
    assert mailing_state(mailing_id) == "sending"
    assert states(mailing_id) == {"uncertain": 1, "sent": 4, "queued": 1}


def north_is_cut_off(mailing_id: int, be_on: Callable[[str], None]) -> None:
    """Of its batch of three one was sent; south calls all of them uncertain, and is where we are."""
    be_on("north")
    claim = take(mailing_id, 1)
    claim.recorder.end_sent(0)
    claim.recorder.replied(0, 250, "ok")
    claim.recorder.close()
    be_on("south")
    let_time_pass()
    claims_expire()


def test_what_was_settled_after_the_copy_was_made_is_settled_again(
    mailing_id: int, be_on: Callable[[str], None]
) -> None:
    north_is_cut_off(mailing_id, be_on)
    with reading() as session:
        copied = {table: rows_of(session, table) for table in (Delivery, Batch)}
    be_on("north")
    recovery.recover_host()
    assert states(mailing_id) == {"sent": 1, "uncertain": 2, "queued": 3}
    with transaction() as session:
        for table, rows in copied.items():
            session.execute(delete(table))
            session.execute(insert(table), rows)
    assert states(mailing_id) == {"uncertain": 3, "queued": 3}
    assert reconcile().resolved == 3
    assert reconcile().resolved == 0
    regroup_due()
    assert states(mailing_id) == {"sent": 1, "queued": 5}
    with reading() as session:
        assert session.scalars(select(Delivery.attempts).order_by(Delivery.seq)).all() == [1, 0, 0, 0, 0, 0]


def test_after_giving_up_an_older_recorder_proves_only_what_was_accepted(
    mailing_id: int, be_on: Callable[[str], None]
) -> None:
    north_is_cut_off(mailing_id, be_on)
    witness.note(7)  # by a host that is lost with its recorders
    reconcile(give_up=True)
    assert states(mailing_id) == {"uncertain": 6}
    be_on("north")
    recovery.recover_host()
    assert reconcile().resolved == 0
    assert states(mailing_id) == {"sent": 1, "uncertain": 5}


def test_who_is_late_and_may_hear_a_reply_yet_is_not_sent_to_again_at_once(mailing_id: int) -> None:
    with transaction() as session:
        session.get_one(Mailing, mailing_id).on_uncertain = OnUncertain.resend
    claim = take(mailing_id, 1)
    claim.recorder.end_sent(0)
    let_time_pass()
    assert claims_expire()
    with reading() as session:
        (again_at,) = session.scalars(select(Delivery.retry_at).where(Delivery.state == State.uncertain))
    assert again_at is not None and again_at > datetime.now(UTC) + timedelta(minutes=30)
    claim.recorder.replied(0, 250, "2.0.0 ok")
    recovery.settle(claim.recorder.evidence())
    claim.recorder.close()
    assert states(mailing_id) == {"sent": 1, "queued": 5}


def test_two_claims_that_meet_one_person_at_two_former_addresses_send_once(
    mailing_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction() as session:
        person = Subscriber(email="new@example.org", email_key="new@example.org", address_hash="0" * 64)
        session.add(person)
        session.flush()
        listed = session.scalars(select(Delivery.list_id).where(Delivery.mailing_id == mailing_id)).first()
        assert listed is not None
        session.add(Subscription(subscriber_id=person.id, list_id=listed, standing="confirmed", basis="membership"))
        former = session.scalars(select(Delivery.subscriber_id).where(Delivery.seq.in_([1, 4]))).all()
        session.execute(update(Subscriber).where(Subscriber.id.in_(former)).values(merged_into_id=person.id))
    claims_made: list[Claim] = []
    other = threading.Thread(target=lambda: claims_made.append(take(mailing_id, 2)))

    def while_the_other_looks(*given: Any) -> None:
        hand_over(*given)
        if not other.ident:
            other.start()
            other.join(1)

    monkeypatch.setattr("mailer.ledger.claims.hand_over", while_the_other_looks)
    claims_made.append(take(mailing_id, 1))
    other.join()
    to_them = [due.seq for claim in claims_made for due in claim.due if due.recipient.email == "new@example.org"]
    for claim in claims_made:
        claim.recorder.close()
    assert len(to_them) == 1


def test_what_was_never_sent_counts_as_no_attempt(mailing_id: int, be_on: Callable[[str], None]) -> None:
    be_on("north")
    take(mailing_id, 1).recorder.close()
    be_on("south")
    let_time_pass()
    claims_expire()
    be_on("north")
    recovery.recover_host()
    regroup_due()
    with reading() as session:
        assert set(session.scalars(select(Delivery.attempts))) == {0}


def test_what_was_never_sent_of_a_cancelled_mailing_is_skipped(mailing_id: int, be_on: Callable[[str], None]) -> None:
    north_is_cut_off(mailing_id, be_on)
    with transaction() as session:
        control.cancel(session, session.get_one(Mailing, mailing_id))
    settle_cancelled()
    assert states(mailing_id) == {"uncertain": 3, "skipped": 3}
    be_on("north")
    recovery.recover_host()
    settle_cancelled()
    assert states(mailing_id) == {"sent": 1, "skipped": 5}


def test_a_clock_that_is_put_forward_ends_nobodys_claim(mailing_id: int) -> None:
    claim = take(mailing_id, 1)
    let_time_pass()  # by the database's clock alone
    assert recovery.expire_claims() == []
    renew(claim)
    assert claims_expire() == []
    assert states(mailing_id) == {"claimed": 3, "queued": 3}
    let_time_pass()
    assert [one.batch for one in claims_expire()] == [1]


def test_a_page_of_a_recorder_that_was_never_written_hides_words_and_nothing_else(mailing_id: int) -> None:
    claim = take(mailing_id, 1)
    for slot in range(3):
        claim.recorder.end_sent(slot)
        claim.recorder.replied(slot, 250, "2.0.0 queued")
    claim.recorder.close()
    [path] = recorder.open_files(settings().state_dir)
    data = bytearray(path.read_bytes())
    at = recorder._at(1) + recorder.SLOT.size  # the words are the last of a slot
    data[at - 100 : at] = bytes(100)
    path.write_bytes(data)
    assert len(recovery.recover_host()) == 1
    assert states(mailing_id) == {"sent": 3, "queued": 3}
    with reading() as session:
        assert session.scalars(select(Delivery.reply).order_by(Delivery.seq).limit(2)).all() == [
            "250 2.0.0 queued",
            "250",
        ]


def test_replies_from_before_a_reboot_resolve_what_was_called_uncertain_meanwhile(
    mailing_id: int, be_on: Callable[[str], None]
) -> None:
    be_on("north")
    claim = take(mailing_id, 1)
    claim.recorder.end_sent(0)
    claim.recorder.replied(0, 250, "ok")
    claim.recorder.close()
    [path] = recorder.open_files(settings().state_dir)
    data = bytearray(path.read_bytes())
    data[16:52] = b"another boot".ljust(36, b"\0")
    path.write_bytes(data)
    be_on("south")
    let_time_pass()
    claims_expire()
    be_on("north")
    recovery.recover_host()
    assert states(mailing_id) == {"sent": 1, "uncertain": 2, "queued": 3}


def test_a_recorder_that_is_never_settled_stands_in_no_later_claims_way(mailing_id: int) -> None:
    commit_fails(mailing_id, 1)
    [path] = recorder.open_files(settings().state_dir)
    claim = take(mailing_id, 1)  # of the same number
    assert claim.recorder.path == path
    first, second = recorder.all_files(settings().state_dir)
    assert (first.parent.name, second) == ("done", path)
    end_all(claim, State.sent)


def test_a_recorder_that_lost_its_pages_is_in_nobodys_way(mailing_id: int) -> None:
    with reading() as session:
        next_number = (session.scalar(text("SELECT value FROM claim_counter")) or 0) + 1
    recorder.file_of(settings().state_dir, next_number).write_bytes(bytes(512))
    assert recovery.recover_host() == []
    end_all(take(mailing_id, 1), State.sent)


def test_a_recorder_that_cannot_be_settled_keeps_no_other_waiting(mailing_id: int) -> None:
    first, second = take(mailing_id, 1), take(mailing_id, 2)
    for claim in (first, second):
        claim.recorder.end_sent(0)
        claim.recorder.close()
    with transaction() as session:
        session.execute(update(Batch).where(Batch.number == 1).values(counts={}))  # somebody's hand was in it
    assert [one.batch for one in recovery.recover_host()] == [2]
    with transaction() as session:
        session.execute(update(Batch).where(Batch.number == 1).values(counts={"queued": 3}))
    assert [one.batch for one in recovery.recover_host()] == [1]
    assert states(mailing_id) == {"uncertain": 2, "queued": 4}


def test_a_claim_that_cannot_be_ended_keeps_no_other_of_its_mailing_waiting(mailing_id: int) -> None:
    take(mailing_id, 1), take(mailing_id, 2)
    with transaction() as session:
        session.execute(update(Batch).where(Batch.number == 1).values(counts={}))
    # All are uncertain: without a recorder nobody knows what was sent.
    for path in recorder.open_files(settings().state_dir):
        path.unlink()
    let_time_pass()
    assert [one.batch for one in claims_expire()] == [2]
    assert [one.batch for one in claims_expire()] == []
    with transaction() as session:
        session.execute(update(Batch).where(Batch.number == 1).values(counts={"queued": 3}))
    assert [one.batch for one in claims_expire()] == [1]
    assert states(mailing_id) == {"uncertain": 6}


def test_a_claim_whose_witness_fails_lets_go_of_its_recorder(mailing_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_is_full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(witness, "note", disk_is_full)
        with pytest.raises(OSError, match="No space"):
            claim_batch(mailing_id, 1)
    assert states(mailing_id) == {"claimed": 3, "queued": 3}
    assert len(recovery.recover_host()) == 1
    assert states(mailing_id) == {"queued": 6}


def test_the_witness_never_forgets_a_higher_claim(database: str) -> None:
    settings().state_dir.mkdir(exist_ok=True)
    witness.note(12)
    witness.note(7)
    with Redis.from_url(settings().redis) as redis:
        redis.flushdb()
    assert witness.seen() == 12


@pytest.mark.parametrize("left", [b"", bytes(20), b"0000000000000000", b"0" * 19 + b"x"])
def test_a_witness_that_the_power_failure_left_unreadable_stops_sending_and_says_what_to_do(
    left: bytes, mailing_id: int
) -> None:
    end_all(take(mailing_id, 1), State.sent)
    file = settings().state_dir / "highest-claim"
    number = file.read_bytes()
    file.write_bytes(left)
    for ask in (witness.ask, lambda: claim_batch(mailing_id, 2), lambda: witness.note(1)):
        with pytest.raises(Unavailable, match=r"highest-claim should hold 20 digits .* removed"):
            ask()
    file.unlink()
    end_all(take(mailing_id, 2), State.sent)
    assert len(file.read_bytes()) == 20
    assert file.read_bytes() > number


def test_a_message_that_breaks_connections_fails_at_the_deadline(mailing_id: int) -> None:
    broken = Outcome(1, State.deferred, reason="the relay closed every connection")
    no_relay = Outcome(2, State.deferred, reason="no relay", was_attempted=False)
    end(take(mailing_id, 1), broken, no_relay, Outcome(3, State.sent, "250 ok"))
    with transaction() as session:
        session.execute(
            update(Delivery)
            .where(Delivery.deferred_since.is_not(None))
            .values(deferred_since=datetime.now(UTC) - timedelta(hours=49))
        )
        session.execute(update(Mailing).values(deadline_hours=48))
    let_time_pass()
    [(_, number)] = regroup_due()
    end(take(mailing_id, number), broken, no_relay)
    assert states(mailing_id) == {"failed": 1, "deferred": 1, "sent": 1, "queued": 3}


def test_who_was_given_up_and_is_tried_again_has_time_once_more(mailing_id: int) -> None:
    with transaction() as session:
        session.execute(update(Mailing).values(deadline_hours=48))

    refused = Outcome(1, State.deferred, "451 later")
    end(take(mailing_id, 1), refused, *(Outcome(seq, State.sent, "250 ok") for seq in (2, 3)))
    with transaction() as session:
        session.execute(update(Delivery).values(deferred_since=LONG_AGO).where(Delivery.seq == 1))
    let_time_pass()
    [(_, number)] = regroup_due()
    end(take(mailing_id, number), refused)
    assert states(mailing_id) == {"failed": 1, "sent": 2, "queued": 3}
    with transaction() as session:
        assert control.retry(session, session.get_one(Mailing, mailing_id), State.failed) == 1
    end(take(mailing_id, number + 1), refused)
    assert states(mailing_id) == {"deferred": 1, "sent": 2, "queued": 3}
    with reading() as session:
        assert session.scalars(select(Delivery.deferred_since).where(Delivery.seq == 1)).one() > LONG_AGO


def test_a_suppression_for_one_purpose_is_of_that_purpose_alone(mailing_id: int) -> None:
    """Whoever lies in the batch beside them: each is looked at by the list that they are written to on."""
    with transaction() as session:
        session.execute(update(List).values(purpose=List.name))
        press = session.scalars(select(List.id).where(List.name == "press")).one()
        for delivery in session.scalars(select(Delivery).where(Delivery.seq.in_([2, 3, 6]))):
            delivery.list_id = press
            session.merge(
                Subscription(
                    subscriber_id=delivery.subscriber_id,
                    list_id=press,
                    standing=Standing.confirmed,
                    basis=Basis.membership,
                )
            )
        people = session.execute(
            select(Delivery.seq, List.purpose, Subscriber.address_hash)
            .join(List, List.id == Delivery.list_id)
            .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
            .order_by(Delivery.seq)
        ).all()
        assert {one.purpose for one in people} == {"members", "press"}
        session.add_all(
            Suppression(address_hash=one.address_hash, scope=scope, reason=Reason.complaint)
            for one, scope in zip(people, itertools.cycle(["members", "press", "other"]), strict=False)
        )
    due = [due.seq for number in (1, 2) for due in take(mailing_id, number).due]
    scopes = itertools.cycle(["members", "press", "other"])
    assert due == [one.seq for one, scope in zip(people, scopes, strict=False) if one.purpose != scope]
    assert 0 < len(due) < 6


def test_new_deliveries_and_repeated_ones_of_a_batch_are_recorded_each_as_what_it_is(mailing_id: int) -> None:
    first = take(mailing_id, 1)
    again, new, written = (due.seq for due in first.due)
    not_tried = (Outcome(seq, State.deferred, was_attempted=False) for seq in (new, written))
    end(first, Outcome(again, State.deferred, "450 later"), *not_tried)
    let_time_pass()
    assert regroup_due() == [(mailing_id, 1)]
    claim = take(mailing_id, 1)
    with transaction() as session:  # as a reconciliation does, to a batch that a restored database calls claimed
        theirs = Delivery.mailing_id == mailing_id, Delivery.seq == written
        session.execute(update(Delivery).where(*theirs).values(state=State.sent, reply="250 before"))
        session.get_one(Batch, (mailing_id, 1)).counts = {"queued": 2, "sent": 1}
    end(
        claim,
        Outcome(again, State.sent, r"""250 "queued", as \A{1}"""),
        Outcome(new, State.deferred, "450 NULL"),
        Outcome(written, State.failed, "550 no"),
    )
    with reading() as session:
        rows = session.scalars(select(Delivery).where(Delivery.seq.in_([again, new, written])))
        found = {row.seq: (row.state, row.reply, row.attempts, row.deferred_since is not None) for row in rows}
        attempts = session.execute(select(Attempt.seq, Attempt.number, Attempt.reply)).all()
        counts = session.get_one(Batch, (mailing_id, 1)).counts
    assert found == {
        again: ("sent", r"""250 "queued", as \A{1}""", 2, True),
        new: ("deferred", "450 NULL", 1, True),
        written: ("sent", "250 before", 1, False),
    }
    assert sorted(attempts) == [
        (again, 1, "450 later"),
        (again, 2, r"""250 "queued", as \A{1}"""),
        (written, 1, "550 no"),
    ]
    assert counts == {"sent": 2, "deferred": 1}


def wait_for_a_lock_to_be_waited_for() -> None:
    """Until another session of PostgreSQL waits for a lock; on SQLite writers wait at their beginning."""
    if engine().dialect.name == "sqlite":
        return
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while True:
        with reading() as session:
            if session.scalar(query):
                return
        time.sleep(0.01)


def in_background(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_mailing_does_not_finish_while_somebody_tries_again(mailing_id: int) -> None:
    for number in (1, 2):
        end_all(take(mailing_id, number), State.failed)
    finished = []

    def finish() -> None:
        with transaction() as session:
            finished.append(lifecycle.finish(session, mailing_id))

    with transaction() as session:
        control.retry(session, session.get_one(Mailing, mailing_id), State.failed)
        session.flush()
        thread = in_background(finish)
        wait_for_a_lock_to_be_waited_for()
    thread.join()
    assert finished == [False]
    assert mailing_state(mailing_id) == "sending"


def test_a_retry_sees_that_the_mailing_has_finished_meanwhile(mailing_id: int) -> None:
    for number in (1, 2):
        end_all(take(mailing_id, number), State.failed)
    with reading() as session:
        seen_while_sending = session.get_one(Mailing, mailing_id)
    with transaction() as session:
        assert lifecycle.finish(session, mailing_id)
    with transaction() as session:
        control.retry(session, session.merge(seen_while_sending, load=False), State.failed)
    assert mailing_state(mailing_id) == "sending"


def test_regrouping_and_cancelling_do_not_wait_for_each_other(mailing_id: int) -> None:
    end_all(take(mailing_id, 1), State.deferred)
    let_time_pass()
    made = []
    with transaction() as session:
        # What `cancel` does, with a regrouping between its two statements.
        mailing = session.get_one(Mailing, mailing_id)
        mailing.state = MailingState.cancelled
        session.flush()
        thread = in_background(lambda: made.extend(regroup_due()))
        wait_for_a_lock_to_be_waited_for()
        lifecycle.skip_cancelled(session, mailing_id)
    thread.join()
    assert made == []
    assert states(mailing_id) == {"skipped": 6}


def test_a_claim_that_is_refused_holds_no_lock_that_reconciling_needs(mailing_id: int) -> None:
    with Redis.from_url(settings().redis) as redis:
        redis.set(witness.KEY, "900")
    with transaction() as session:
        if engine().dialect.name == "postgresql":
            session.execute(text("SELECT value FROM claim_counter FOR UPDATE"))
            with pytest.raises(witness.LedgerWentBackError):
                claim_batch(mailing_id, 1)
        assert session.scalar(select(Batch.state).where(Batch.number == 1).with_for_update()) == "open"
