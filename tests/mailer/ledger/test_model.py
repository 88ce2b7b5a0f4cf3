"""The ledger under its model: orders that matter, one by one, and then every order that chance finds."""

import os
from itertools import combinations

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as budget
from hypothesis.stateful import (
    run_state_machine_as_test,
)

from mailer.ledger.claims import claim_batch
from tests.mailer.ledger.model import (
    HOSTS,
    Ledger,
)


@pytest.mark.parametrize(
    ("finder", "taker", "on_uncertain"),
    [("north", "north", "leave"), ("north", "south", "leave"), ("south", "south", "resend")],
    ids=["on one host", "taken by another host", "found and taken by another host"],
)
def test_one_who_was_overtaken_changes_nothing(
    one_mailing: type[Ledger], finder: str, taker: str, on_uncertain: str
) -> None:
    """Each order in which two workers can go on that both think the batch is theirs: not left to chance."""
    for takers in combinations(range(6), 2):
        model = one_mailing()
        model.begin_anew(on_uncertain)
        model.claim(0, 0, "north", "")
        model.send_end(0, lost=False)
        model.reply(0, 250, heard=True)
        model.send_end(0, lost=False)
        model.be_overtaken(finder, taker)
        assert set(model.workers) == {0, 1}
        steps = {0: iter(("send_end", "reply", "reply", "end_turn")), 1: iter(("send", "end_turn"))}
        for moment in range(6):
            worker = int(moment in takers)
            match next(steps[worker]):
                case "send_end":
                    model.send_end(worker, lost=False)
                case "send":
                    model.send_end(worker, lost=False)
                    model.reply(worker, 250, heard=True)
                case "reply":
                    model.reply(worker, 250, heard=True)
                case "end_turn":
                    model.end_turn(worker, "")
            model.counts_equal_rows_and_states_move_as_allowed()
        model.teardown()


def test_a_claim_that_holds_is_left_alone(one_mailing: type[Ledger]) -> None:
    model = one_mailing()
    model.begin_anew("leave")
    model.claim(0, 0, "north", "")
    model.send_end(0, lost=False)
    for host in HOSTS:
        model.expire(host)
        model.recover(host)
        assert claim_batch(model.mailing_id, model.workers[0].claim.batch) is None
        model.counts_equal_rows_and_states_move_as_allowed()
    model.reply(0, 250, heard=True)
    model.teardown()


@pytest.mark.parametrize("rescue", ["by itself", "when it returns", "when it was rebooted"])
def test_who_dies_at_any_point_is_understood(one_mailing: type[Ledger], rescue: str) -> None:
    """Its own host reads its recorder; or the host is gone, and comes back with a recorder that is whole or not."""
    for steps in ((), ("lost",), ("sent",), ("sent", "unheard"), ("sent", "heard")):
        model = one_mailing()
        model.begin_anew("leave")
        model.claim(0, 0, "north", "")
        for step in steps:
            if step in ("sent", "lost"):
                model.send_end(0, lost=step == "lost")
            else:
                model.reply(0, 250, heard=step == "heard")
        if rescue == "by itself":
            model.crash(0)
        else:
            model.host_goes("north")
            model.expire("south")
            model.counts_equal_rows_and_states_move_as_allowed()
            model.host_returns(rebooted=rescue == "when it was rebooted")
        model.recover("north")
        model.counts_equal_rows_and_states_move_as_allowed()
        model.teardown()


def test_the_ledger_is_true_in_every_order(one_mailing: type[Ledger], database: str) -> None:
    examples = int(os.environ.get("MODEL_EXAMPLES", "0")) or (40 if database.startswith("sqlite") else 12)
    run_state_machine_as_test(
        one_mailing,
        settings=budget(
            max_examples=examples, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
