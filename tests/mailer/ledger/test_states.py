"""The table of transitions is the only law."""

import itertools

import pytest

from mailer.ledger.states import TRANSITIONS, ForbiddenTransitionError, State, check, move

ALLOWED = {
    "queued": "claimed skipped",
    "claimed": "sent deferred failed uncertain queued skipped",
    "deferred": "queued failed skipped sent",
    "uncertain": "sent deferred failed queued",
    "failed": "queued sent",
    "sent": "bounced complained",
    "skipped": "sent",
    "bounced": "",
    "complained": "",
}


def test_every_pair_of_states_is_decided() -> None:
    assert set(TRANSITIONS) == set(State)
    for old, new in itertools.product(State, State):
        if new in ALLOWED[old].split():
            assert check(old, new) is new
        else:
            with pytest.raises(ForbiddenTransitionError):
                check(old, new)


def test_counts_move_and_never_go_below_nothing() -> None:
    counts = {"queued": 1}
    move(counts, "queued", "skipped:unsubscribed")
    assert counts == {"skipped:unsubscribed": 1}
    with pytest.raises(ForbiddenTransitionError):
        move(counts, "queued", "claimed")
