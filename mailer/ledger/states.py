"""The states of a delivery and the only ways between them."""

from enum import StrEnum


class State(StrEnum):
    """What is known of one delivery."""

    queued = "queued"
    claimed = "claimed"
    """Never written: a queued delivery whose batch is claimed."""
    sent = "sent"
    deferred = "deferred"
    failed = "failed"
    uncertain = "uncertain"
    skipped = "skipped"
    bounced = "bounced"
    complained = "complained"


class Skip(StrEnum):
    """Why somebody in the audience gets nothing."""

    unsubscribed = "unsubscribed"
    suppressed = "suppressed"
    no_basis = "no valid basis"
    no_edition = "no edition"
    cancelled = "cancelled"
    merged = "merged"
    """The person has another delivery of the mailing, under another address."""


# To `sent` from what is not claimed: it was in doubt before, and its server's reply is heard late.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.queued: frozenset({State.claimed, State.skipped}),
    State.claimed: frozenset({State.sent, State.deferred, State.failed, State.uncertain, State.queued, State.skipped}),
    State.deferred: frozenset({State.queued, State.failed, State.skipped, State.sent}),
    State.uncertain: frozenset({State.sent, State.deferred, State.failed, State.queued}),
    State.failed: frozenset({State.queued, State.sent}),
    State.sent: frozenset({State.bounced, State.complained}),
    State.skipped: frozenset({State.sent}),
    State.bounced: frozenset(),
    State.complained: frozenset(),
}


REACHED = (State.sent, State.bounced, State.complained)
"""Of what was accepted."""
UNDECIDED = (State.deferred, State.failed, State.uncertain)
"""Of what may go out again."""


class ForbiddenTransitionError(RuntimeError):
    """A change of state that the table above does not have: a defect, never a person's mistake."""


def check(old: State, new: State) -> State:
    """`new`, if a delivery may go there from `old`; raises ForbiddenTransitionError otherwise."""
    if new not in TRANSITIONS[old]:
        raise ForbiddenTransitionError(f"a delivery cannot go from {old} to {new}")
    return new


def counted_as(state: str, reason: str | None) -> str:
    """The name under which a batch counts a delivery: its state, of a skipped one also the reason."""
    return f"{state}:{reason}" if state == State.skipped else state


def move(counts: dict[str, int], old: str, new: str, number: int = 1) -> None:
    """Count deliveries of a batch under another name (see counted_as)."""
    check(State(old.partition(":")[0]), State(new.partition(":")[0]))
    take_out(counts, old, number)
    counts[new] = counts.get(new, 0) + number


def take_out(counts: dict[str, int], state: str, number: int = 1) -> None:
    """Count so many deliveries less in a state: they move on, or into another batch."""
    if counts.get(state, 0) < number:
        raise ForbiddenTransitionError(f"a batch has no {number} {state} deliveries to take out")
    counts[state] -= number
    if not counts[state]:
        del counts[state]
