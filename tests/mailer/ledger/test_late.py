"""Evidence that comes late: what it resolves, and what it leaves alone."""

import pytest
from sqlalchemy import select

from config.database import reading, transaction
from mailer.held import held
from mailer.ledger import reports
from mailer.ledger.models import Attempt, Delivery
from mailer.ledger.outcomes import Outcome, record
from mailer.ledger.states import State
from mailer.models import Mailing
from tests.mailer.ledger.model import BATCH, Ledger, told


def test_late_evidence_is_of_its_own_claim_alone(one_mailing: type[Ledger]) -> None:
    """A host that was refused a message comes back when another has sent the same and heard no answer."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.reply(0, 550, heard=True)
    model.host_goes("north")
    model.expire("south")
    model.time_passes()
    model.claim_batch_of(1, 1, "south")
    model.send_end(1, lost=False)
    model.reply(1, 250, heard=False)
    model.crash(1)
    model.recover("south")
    model.host_returns(rebooted=False)
    model.recover("north")
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.uncertain
    model.teardown()


def test_what_was_uncertain_and_went_out_again_says_so(one_mailing: type[Ledger]) -> None:
    """To the office and to the person, whatever became of it the second time."""
    model = one_mailing()
    model.begin_anew("resend")
    model.fall_into_doubt()
    model.time_passes()
    model.claim_batch_of(1, 1, "south")
    model.send_end(1, lost=False)
    model.reply(1, 550, heard=True)
    model.end_turn(1, "")
    model.counts_equal_rows_and_states_move_as_allowed()
    with reading() as session:
        [first, *others] = reports.deliveries(session, session.get_one(Mailing, model.mailing_id))
        [theirs] = held(session, [session.scalars(select(Delivery.subscriber_id).where(Delivery.seq == 1)).one()])
    for one in (first, theirs):
        assert (one["state"], one["before"]) == ("failed", "uncertain")
    assert [one["before"] for one in others[BATCH - 1 :]] == ["", ""]
    model.teardown()


def test_an_acceptance_that_nobody_heard_is_listed_as_uncertain(one_mailing: type[Ledger]) -> None:
    """More cannot be known: what went out again was refused."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    for heard in (False, True, True):
        model.send_end(0, lost=False)
        model.reply(0, 250, heard=heard)
    model.end_turn(0, "")
    model.time_passes()
    model.take_a_turn_at(1, "north", [550])
    model.counts_equal_rows_and_states_move_as_allowed()
    state, attempts, doubted, kept = told(1)
    assert (state, attempts, doubted, [what for _, _, what in kept]) == ("failed", 2, True, ["uncertain", "failed"])
    model.teardown()


def test_nothing_waits_for_what_a_person_has_queued_again(one_mailing: type[Ledger]) -> None:
    """It would have been queued again in an hour."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    model.host_goes("north")
    model.expire("south")
    model.retry(State.uncertain)
    model.counts_equal_rows_and_states_move_as_allowed()
    model.work_through("south")
    model.do_what_is_due()
    assert model.state() == "finished"
    model.teardown()


def test_an_attempt_is_counted_although_its_claim_was_ended(one_mailing: type[Ledger]) -> None:
    """It was at what an earlier attempt's acceptance had decided in its hand, so who ended it did not see it."""
    model = one_mailing()
    model.begin_anew("resend")
    model.fall_into_doubt()
    model.time_passes()
    model.claim_batch_of(1, 1, "south")
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    for _ in range(BATCH):
        model.send_end(1, lost=False)
        model.reply(1, 250, heard=True)
    model.oversleep(1)
    model.expire("north")
    model.end_turn(1, "")
    model.counts_equal_rows_and_states_move_as_allowed()
    assert [model.last[seq] for seq in range(1, BATCH + 1)] == [State.sent] * BATCH
    assert model.accepted[1] == 2
    model.teardown()


@pytest.mark.parametrize(
    ("meanwhile", "again"),
    [
        ("queued", []),
        ("cancelled", []),
        ("in hand", ["failed"]),
        ("failed", ["failed"]),
        ("deferred", ["deferred"]),
        ("uncertain", ["uncertain"]),
        ("queued once more", ["uncertain"]),
    ],
)
def test_an_acceptance_that_is_heard_late_is_the_last_word(
    one_mailing: type[Ledger], meanwhile: str, again: list[str]
) -> None:
    """Whatever was made meanwhile of the last message of a batch, which was in doubt."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    for heard in (True, True, False):
        model.send_end(0, lost=False)
        if heard:
            model.reply(0, 250, heard=True)
    model.oversleep(0)
    model.expire("north")
    model.time_passes()
    if meanwhile == "cancelled":
        model.cancel(9)
        model.do_what_is_due()
    elif again:
        model.claim_batch_of(BATCH, 1, "south")
        model.send_end(1, lost=False)
        if again != ["uncertain"]:
            model.reply(1, 451 if again == ["deferred"] else 550, heard=True)
        if meanwhile != "in hand":
            model.end_turn(1, "")
    if meanwhile == "queued once more":
        model.time_passes()
    model.counts_equal_rows_and_states_move_as_allowed()
    stored = {"cancelled": "skipped", "in hand": "queued", "queued once more": "queued"}
    assert model.last[BATCH] == stored.get(meanwhile, meanwhile)
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[BATCH] == State.sent
    model.teardown()
    with reading() as session:
        query = select(Delivery.attempts, Delivery.reply, Delivery.was_uncertain)
        delivery = session.execute(query.where(Delivery.seq == BATCH)).one()
        attempts = session.execute(select(Attempt.number, Attempt.state).where(Attempt.seq == BATCH)).all()
    assert delivery == (1 + len(again), "250 said the server", True)
    assert attempts == [*enumerate(["uncertain", *again], start=1)]


def test_what_was_never_sent_is_not_said_to_be_doubted_before(one_mailing: type[Ledger]) -> None:
    """A host that comes back knows that it had not begun; that it was called uncertain meanwhile is no doubt."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.host_goes("north")
    model.expire("south")
    model.host_returns(rebooted=False)
    model.recover("north")
    model.time_passes()
    with reading() as session:
        listed = list(reports.deliveries(session, session.get_one(Mailing, model.mailing_id)))
    assert [one["before"] for one in listed] == ["uncertain", "", "", "", ""]
    model.teardown()


def test_what_waits_for_a_relay_is_kept_once(one_mailing: type[Ledger]) -> None:
    """It was attempted once; what no relay took since is no attempt."""
    model = one_mailing()
    model.begin_anew("leave")
    model.take_a_turn(0, "north", [451] * BATCH)
    for _ in range(3):
        model.time_passes()
        model.claim_batch_of(1, 0, "north")
        claim = model.workers.pop(0).claim
        waiting = [Outcome(due.seq, State.deferred, reason="no relay", was_attempted=False) for due in claim.due]
        with transaction() as session:
            assert record(session, claim.mailing_id, claim.batch, claim.number, waiting, relay_id=None)
        claim.recorder.mark_recorded()
        claim.recorder.close()
    model.time_passes()
    model.counts_equal_rows_and_states_move_as_allowed()
    state, attempts, _, kept = told(1)
    assert (state, attempts, [(number, what) for number, _, what in kept]) == ("queued", 1, [(1, "deferred")])
    model.teardown()


def test_a_claim_that_was_never_made_attempted_nothing(one_mailing: type[Ledger]) -> None:
    """Although its host was rebooted, and its recorder proves nothing."""
    model = one_mailing()
    model.begin_anew("resend")
    model.fall_into_doubt()
    model.time_passes()
    model.claim(1, model.open_batches().index(model.batch_of(1)), "south", "before")
    model.gone.add("south")
    model.host_returns(rebooted=True)
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    model.recover("south")
    state, attempts, _, kept = told(1)
    assert (state, attempts, len(kept)) == ("sent", 1, 1)
    model.teardown()
