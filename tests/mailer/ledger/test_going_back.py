"""A database that goes back in time: what the recorders bring back, in whatever order they are read."""

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from config.database import reading
from mailer.ledger import witness
from mailer.ledger.models import ClaimCounter, Delivery
from mailer.ledger.reconcile import reconcile
from mailer.ledger.states import State
from tests.mailer.ledger.model import BATCH, HOSTS, PEOPLE, Ledger, told


def test_a_database_that_went_back_is_reconciled_first(one_mailing: type[Ledger]) -> None:
    model = one_mailing()
    model.begin_anew("leave")
    model.copy_the_database()
    model.take_a_turn(0, "north", [250] * BATCH)
    model.claim(0, 0, "south", "")
    model.send_end(0, lost=False)
    model.put_the_copy_back()
    for host in HOSTS:
        model.claim(1, 0, host, "")
    assert set(model.workers) == {0}
    assert model.behind
    model.reply(0, 250, heard=True)
    model.teardown()


def test_what_was_heard_late_is_brought_back_too(one_mailing: type[Ledger]) -> None:
    """Of a claim that the copy knows, as one in doubt; another was made since."""
    model = one_mailing()
    model.begin_anew("resend")
    model.fall_into_doubt()
    model.copy_the_database()
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    model.take_a_turn(0, "north", [250])
    model.put_the_copy_back()
    model.reconcile("north", give_up=False)
    assert not model.behind
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.teardown()


def test_what_was_accepted_is_written_before_anybody_may_send(one_mailing: type[Ledger]) -> None:
    """From the commit on in which the database knows every claim, other hosts send what it takes for unsent."""
    model = one_mailing()
    model.begin_anew("resend")
    model.fall_into_doubt()
    model.copy_the_database()
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    model.take_a_turn(0, "north", [250])
    model.put_the_copy_back()
    seen = []

    def look(_session: Session) -> None:
        with reading() as session:
            if session.scalars(select(ClaimCounter.value)).one() >= witness.seen():
                seen.append(session.scalars(select(Delivery.state).where(Delivery.seq == 1)).one())

    event.listen(Session, "after_commit", look)
    try:
        model.reconcile("north", give_up=False)
    finally:
        event.remove(Session, "after_commit", look)
    assert set(seen) == {State.sent}
    model.teardown()


def test_an_acceptance_of_a_forgotten_claim_is_the_last_word(one_mailing: type[Ledger]) -> None:
    """Although a later claim, which was forgotten as well, is known first and was refused."""
    model = one_mailing()
    model.begin_anew("resend")
    model.copy_the_database()
    model.fall_into_doubt()
    model.time_passes()
    model.take_a_turn_at(1, "south", [550])
    model.put_the_copy_back()
    model.reply(0, 250, heard=True)
    model.reconcile("south", give_up=False)
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.failed
    model.end_turn(0, "")
    model.reconcile("north", give_up=False)
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.teardown()


@pytest.mark.parametrize("code", [250, 451, 550])
def test_a_doubt_that_is_read_after_a_later_claim_is_listed(one_mailing: type[Ledger], code: int) -> None:
    """Both were forgotten; the later one, whatever came of it, was of a message that may have been out already."""
    model = one_mailing()
    model.begin_anew("resend")
    model.copy_the_database()
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.reply(0, 250, heard=False)
    model.oversleep(0)
    model.expire("south")
    model.time_passes()
    model.take_a_turn_at(1, "south", [code])
    model.crash(0)
    model.put_the_copy_back()
    model.reconcile("south", give_up=False)
    model.reconcile("north", give_up=False)
    assert not model.behind
    model.counts_equal_rows_and_states_move_as_allowed()
    model.teardown()
    _, attempts, doubted, _ = told(1)
    assert doubted
    assert attempts == (3 if code == 451 else 2)


@pytest.mark.parametrize("first", HOSTS)
def test_an_acceptance_is_brought_back_whichever_host_is_first(one_mailing: type[Ledger], first: str) -> None:
    """Each host is asked once, as the documents say."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "south", "")
    model.send_end(0, lost=False)
    model.oversleep(0)
    model.expire("north")
    model.copy_the_database()
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    model.take_a_turn(0, "north", [250])
    model.put_the_copy_back()
    for host in sorted(HOSTS, key=lambda host: host != first):
        model.reconcile(host, give_up=False)
    assert not model.behind
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.teardown()


@pytest.mark.parametrize("copied", ["in hand", "in doubt"])
def test_who_gives_up_a_claim_believes_no_other_that_nothing_was_sent(one_mailing: type[Ledger], copied: str) -> None:
    """The last claim's recorder is there and says that it began nothing; the one before is lost."""
    model = one_mailing()
    model.begin_anew("leave")
    model.claim(0, 0, "north", "")
    if copied == "in hand":
        model.copy_the_database()
    model.send_end(0, lost=False)
    model.reply(0, 250, heard=False)
    model.host_goes("north")
    model.expire("south")
    if copied == "in doubt":
        model.copy_the_database()
    model.retry(State.uncertain)
    model.gone.clear()
    model.take_a_turn(0, "north", [550])
    model.host_goes("north")
    model.claim_batch_of(1, 1, "south")
    model.end_turn(1, "")
    model.put_the_copy_back()
    model.reconcile("south", give_up=True)
    for _ in range(2):
        model.counts_equal_rows_and_states_move_as_allowed()
        assert model.last[1] == State.uncertain
        model.time_passes()
    model.teardown()


def test_who_gives_up_a_claim_doubts_also_what_was_found_not_to_be_sent(one_mailing: type[Ledger]) -> None:
    """It waited to be queued again when the copy was made."""
    model = one_mailing()
    model.begin_anew("leave")
    model.claim(0, 0, "north", "")
    model.host_goes("north")
    model.expire("south")
    model.host_returns(rebooted=False)
    model.recover("north")
    model.copy_the_database()
    model.time_passes()
    model.take_a_turn_at(1, "north", [250] * BATCH)
    model.host_goes("north")
    model.put_the_copy_back()
    model.reconcile("south", give_up=True)
    for _ in range(2):
        model.counts_equal_rows_and_states_move_as_allowed()
        assert model.last[1] == State.uncertain
        model.time_passes()
    model.teardown()


def test_who_gives_up_doubts_also_what_the_last_claim_deferred(one_mailing: type[Ledger]) -> None:
    """Its recorder is there, and a lost one may be of a message before it."""
    model = one_mailing()
    model.begin_anew("leave")
    model.copy_the_database()
    model.take_a_turn(0, "north", [250] * BATCH)
    model.take_a_turn(0, "south", [451] * BATCH)
    model.host_goes("north")
    model.put_the_copy_back()
    model.reconcile("south", give_up=True)
    model.counts_equal_rows_and_states_move_as_allowed()
    assert set(model.last.values()) == {State.uncertain}
    model.teardown()


def test_a_lost_host_that_returns_is_believed_what_was_accepted(one_mailing: type[Ledger]) -> None:
    """Of each of its claims, after they were given up."""
    model = one_mailing()
    model.begin_anew("leave")
    model.copy_the_database()
    model.take_a_turn(0, "north", [250] * BATCH)
    model.take_a_turn(0, "north", [250] * BATCH)
    model.host_goes("north")
    model.put_the_copy_back()
    model.reconcile("south", give_up=True)
    model.counts_equal_rows_and_states_move_as_allowed()
    assert set(model.last.values()) == {State.uncertain}
    model.host_returns(rebooted=False)
    model.be_on("north")
    assert reconcile().resolved == PEOPLE
    assert reconcile().resolved == 0
    model.counts_equal_rows_and_states_move_as_allowed()
    assert set(model.last.values()) == {State.sent}
    assert told(1) == ("sent", 1, False, [])
    model.teardown()


@pytest.mark.parametrize("ends", ["end_turn", "crash"])
def test_an_attempt_is_counted_once(one_mailing: type[Ledger], ends: str) -> None:
    """By whoever settles it first, and by no reconciliation again."""
    model = one_mailing()
    model.begin_anew("resend")
    model.copy_the_database()
    model.fall_into_doubt()
    model.time_passes()
    model.claim_batch_of(1, 1, "south")
    model.send_end(1, lost=False)
    for worker in (1, 0):
        model.reply(worker, 250, heard=True)
    model.end_turn(0, "")
    model.put_the_copy_back()
    model.reconcile("north", give_up=False)
    getattr(model, ends)(1, *([""] if ends == "end_turn" else []))
    for host in ("south", "north", "south"):
        model.recover(host)
        model.reconcile(host, give_up=False)
    state, attempts, doubted, kept = told(1)
    assert (state, attempts, doubted, [number for number, _, _ in kept]) == ("sent", 2, True, [1, 2])
    model.teardown()


def test_an_acceptance_is_not_overtaken_by_what_was_read_while_it_was_in_hand(one_mailing: type[Ledger]) -> None:
    """The copy has it in hand; a later claim, which was refused for now, is brought back before its turn is over."""
    model = one_mailing()
    model.begin_anew("resend")
    model.claim(0, 0, "south", "")
    model.send_end(0, lost=False)
    model.copy_the_database()
    model.oversleep(0)
    model.expire("north")
    model.time_passes()
    model.take_a_turn_at(1, "north", [451])
    model.reply(0, 250, heard=True)
    model.put_the_copy_back()
    for host in HOSTS:
        model.reconcile(host, give_up=False)
    model.end_turn(0, "")
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.reconcile("north", give_up=False)
    assert not model.behind
    state, attempts, _, kept = told(1)
    assert (state, attempts, [(number, what) for number, _, what in kept]) == (
        "sent",
        2,
        [(1, "deferred"), (2, "sent")],
    )
    model.teardown()


def test_who_gives_up_a_claim_still_hears_of_an_older_one(one_mailing: type[Ledger]) -> None:
    """That it was accepted, whatever the lost one did."""
    model = one_mailing()
    model.begin_anew("leave")
    model.fall_into_doubt()
    model.copy_the_database()
    model.take_a_turn(0, "south", [250])
    model.host_goes("south")
    model.reply(0, 250, heard=True)
    model.end_turn(0, "")
    model.put_the_copy_back()
    model.reconcile("north", give_up=True)
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.teardown()


def test_a_claim_that_was_never_made_tells_nothing_of_its_number(one_mailing: type[Ledger]) -> None:
    """Its process died before the commit, and another host had the number then."""
    model = one_mailing()
    model.begin_anew("leave")
    model.copy_the_database()
    model.claim(0, 0, "south", "before")
    model.take_a_turn(0, "north", [250] * BATCH)
    model.put_the_copy_back()
    model.reconcile("south", give_up=False)
    assert model.behind
    model.reconcile("north", give_up=False)
    assert not model.behind
    model.counts_equal_rows_and_states_move_as_allowed()
    assert [model.last[seq] for seq in range(1, BATCH + 1)] == [State.sent] * BATCH
    model.teardown()


@pytest.mark.parametrize("settled", [False, True], ids=["before it is settled", "after it was settled"])
def test_a_claim_whose_process_died_right_after_its_commit(one_mailing: type[Ledger], settled: bool) -> None:
    """Once its own host has settled it, its recorder speaks for its number; until then nobody can know."""
    model = one_mailing()
    model.begin_anew("leave")
    model.copy_the_database()
    model.claim(0, 0, "south", "after")
    if settled:
        model.recover("south")
    model.take_a_turn(-1, "north", [250] * BATCH)
    model.put_the_copy_back()
    for host in HOSTS:
        model.reconcile(host, give_up=False)
    assert model.behind is not settled
    model.teardown()


def test_a_copy_that_knows_every_claim_finds_what_became_of_one(one_mailing: type[Ledger]) -> None:
    """The counter shows nothing of its age, and the recorder was laid aside."""
    model = one_mailing()
    model.begin_anew("leave")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    model.reply(0, 250, heard=True)
    model.copy_the_database()
    model.end_turn(0, "")
    model.put_the_copy_back()
    assert not model.behind
    model.leases_run_out()
    model.expire("north")
    model.counts_equal_rows_and_states_move_as_allowed()
    assert model.last[1] == State.sent
    model.teardown()
