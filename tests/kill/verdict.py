"""After a round: the ledger against what the SMTP server saw, message by message."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from config.database import reading
from mailer.ledger import recorder, reports
from mailer.ledger.models import Delivery
from mailer.ledger.outcomes import outcomes_of
from mailer.ledger.states import State
from mailer.models import Mailing
from subscribers.models import Subscriber
from tests.kill.notes import Seen
from tests.press import ledger

HOST_LOST = "its worker's host did not come back"
END_SENT = "the end was sent, and no answer came"


@dataclass(frozen=True)
class Told:
    """A delivery as the ledger has it."""

    seq: int
    state: str
    reason: str
    reply: str
    claim: int
    attempts: int
    was_uncertain: bool


def told(mailing_id: int) -> dict[str, Told]:
    """{address: delivery}"""
    with reading() as session:
        rows = session.execute(
            select(
                Subscriber.email,
                Delivery.seq,
                Delivery.state,
                Delivery.reason,
                Delivery.reply,
                Delivery.claim,
                Delivery.attempts,
                Delivery.was_uncertain,
            )
            .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
            .where(Delivery.mailing_id == mailing_id)
        )
        return {
            row.email: Told(
                row.seq, row.state, row.reason or "", row.reply or "", row.claim or 0, row.attempts, row.was_uncertain
            )
            for row in rows
        }


def violations(
    mailing_id: int,
    everybody: set[str],
    seen: Seen,
    *,
    resends: bool,
    hosts: Sequence[Path] = (),
    lost: Sequence[Path] = (),
    cancelled: bool = False,
) -> Iterator[str]:
    """What is not as it must be. `hosts` are state folders, and `lost` those of hosts that never came back."""
    rows = told(mailing_id)
    if set(rows) != everybody:
        yield f"the ledger has {len(rows)} deliveries of {len(everybody)} people"
    in_hand = _in_hand(lost)
    accepted = _accepted(hosts, mailing_id)
    doubted: set[str] = set()
    for address, row in sorted(rows.items(), key=lambda item: item[1].seq):
        names, refused = seen.taken.get(address, []), seen.refused.get(address, set())
        who = f"delivery {row.seq} ({row.state}, {row.reason or row.reply}; taken {len(names)} times)"
        if len(names) > (row.attempts if resends and row.was_uncertain else 1):
            yield f"{who}: sent twice, and never listed as uncertain"
        if row.seq in accepted and row.state != "sent":
            yield f"{who}: a recorder knows that it was accepted"
        match row.state:
            case "sent":
                if not names:
                    yield f"{who}: lost"
                elif row.reply not in {f"250 2.0.0 taken as {name}" for name in names}:
                    yield f"{who}: the server said something else"
            case "failed":
                if (names and not row.was_uncertain) or not any(code.startswith("5") for code in refused):
                    yield f"{who}: the server did not refuse it for good"
            case "uncertain":
                if row.reason == HOST_LOST:
                    if row.seq not in in_hand.get(row.claim, set()):
                        yield f"{who}: no host that is lost had it in hand"
                elif row.reason == END_SENT:
                    doubted.add(address)
                    if address not in seen.cut:
                        yield f"{who}: its answer was read, or its end was never sent"
                else:
                    yield f"{who}: nothing that happened gives this doubt"
            case "skipped" if cancelled:
                if names and not row.was_uncertain:
                    yield f"{who}: it was sent"
            case _:
                yield f"{who}: not decided"
    connections = {connection for address in doubted for connection in seen.cut.get(address, ())}
    if len(doubted) > len(connections):
        yield f"{len(doubted)} deliveries are uncertain, and only {len(connections)} connections were cut"
    for address in set(seen.taken) - set(rows):
        yield f"{address} is in no ledger and was sent to"
    by_state = Counter(state for state, _ in ledger(mailing_id).values())  # asserts that batches count what rows say
    with reading() as session:
        report = reports.report(session, session.get_one(Mailing, mailing_id))
    skipped = by_state.pop("skipped", 0)
    if report["recipients"] != len(everybody) - skipped or report["deliveries"] != dict(sorted(by_state.items())):
        yield f"the report says {report}, the deliveries {dict(by_state)}"


def _accepted(hosts: Sequence[Path], mailing_id: int) -> set[int]:
    """The deliveries that some recorder knows to have been accepted."""
    read = (recorder.read(path) for folder in hosts for path in recorder.all_files(folder))
    theirs = (evidence for evidence in read if evidence is not None and evidence.mailing_id == mailing_id)
    return {outcome.seq for evidence in theirs for outcome in outcomes_of(evidence) if outcome.state is State.sent}


def _in_hand(lost: Sequence[Path]) -> dict[int, set[int]]:
    """{claim: deliveries} that hosts had in hand, or may have, when they were lost."""
    found = {}
    for folder in lost:
        for path in recorder.open_files(folder):
            evidence = recorder.read(path)
            if evidence is not None:
                found[evidence.claim] = {entry.seq for entry in evidence.entries}
    return found
