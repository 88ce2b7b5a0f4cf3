"""Suppressed addresses: who gets no mail whatever any list says. Only hashes are kept."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, case, delete, exists, or_, select
from sqlalchemy.orm import Session, aliased

from config.bulk import among, insert
from config.keys import address_hash
from subscribers.addresses import normalise
from subscribers.models import Reason, Subscriber, Suppression

EVERYTHING = ""
"""The scope of a suppression that holds for every purpose."""
WEIGHT = {Reason.hard_bounce: 0, Reason.objection: 1, Reason.erasure: 2, Reason.complaint: 3}
"""One reason is kept for an address and scope; a heavier one replaces a lighter, never the other way."""
LIFTED_BY_CONSENT = frozenset({Reason.hard_bounce, Reason.objection, Reason.erasure})
"""What a person's own confirmed subscription lifts. A complaint only a person of the staff lifts, by a command."""


def suppress(session: Session, address: str, reason: Reason, scope: str = EVERYTHING, source: str = "") -> None:
    """Send no more mail to `address` for the purpose `scope`. Idempotent; known to Broadside or not."""
    suppress_hash(session, address_hash(normalise(address).key), reason, scope, source)


def suppress_hash(session: Session, hashed: str, reason: Reason, scope: str = EVERYTHING, source: str = "") -> None:
    """The same for an address of which only the hash (`Subscriber.address_hash`) is at hand."""
    suppress_hashes(session, [hashed], reason, scope, source)


def suppress_hashes(
    session: Session, hashes: Collection[str], reason: Reason, scope: str = EVERYTHING, source: str = ""
) -> None:
    """The same for any number.

    What a person wants holds for the person: if the address was merged into another, for that one too. A hard bounce
    says something of its address alone.
    """
    if not hashes:
        return
    if reason != Reason.hard_bounce:
        other = aliased(Subscriber)
        person = select(Subscriber.address_hash).join(other, other.merged_into_id == Subscriber.id)
        # The join says already that they were merged; said of the row itself, it finds the index of those.
        merged = person.where(other.merged_into_id.is_not(None), among(session, other.address_hash, list(hashes)))
        theirs = set(session.scalars(merged))
        suppress_hashes(session, theirs, reason, scope, source)
    statement = insert(session, Suppression)
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[Suppression.address_hash, Suppression.scope],
            set_={"reason": new.reason, "source": new.source, "at": new.at},
            where=_weight(new.reason) > _weight(Suppression.reason),
        ),
        # in one order for all, so that no two wait for each other
        [{"address_hash": one, "scope": scope, "reason": reason, "source": source} for one in sorted(hashes)],
    )


def suppressions(session: Session, address: str) -> Sequence[Suppression]:
    """What holds for an address, the widest first."""
    hashed = address_hash(normalise(address).key)
    return session.scalars(
        select(Suppression).where(Suppression.address_hash == hashed).order_by(Suppression.scope)
    ).all()


def is_suppressed(session: Session, address: str, purpose: str = EVERYTHING) -> bool:
    """True if the address gets no mail for `purpose`."""
    return any(found.scope in (EVERYTHING, purpose) for found in suppressions(session, address))


def lift(session: Session, address: str, scope: str | None = None) -> int:
    """Let an address have mail again, by a person's command: in one scope, or in all. The number lifted."""
    statement = delete(Suppression).where(Suppression.address_hash == address_hash(normalise(address).key))
    if scope is not None:
        statement = statement.where(Suppression.scope == scope)
    return len(session.execute(statement.returning(Suppression.scope)).all())


def lift_by_consent(session: Session, hashes: Sequence[str], purpose: str) -> None:
    """Lift what a confirmed new subscription for `purpose` lifts."""
    session.execute(
        delete(Suppression).where(
            among(session, Suppression.address_hash, hashes),
            Suppression.scope.in_([EVERYTHING, purpose]),
            Suppression.reason.in_(LIFTED_BY_CONSENT),
        )
    )


def suppressed_among(session: Session, hashes: Collection[str], purpose: str) -> set[str]:
    """Those of the hashes that get no mail for `purpose`."""
    found = select(Suppression.address_hash, Suppression.scope).where(
        among(session, Suppression.address_hash, list(hashes))
    )
    # The scope is looked at here: PostgreSQL would go down its index once for each hash with each of the scopes.
    return {hashed for hashed, scope in session.execute(found) if scope in (EVERYTHING, purpose)}


def suppressed_clause(purpose: SQLColumnExpression[str] | str) -> ColumnElement[bool]:
    """For a query over Subscriber: the person gets no mail for `purpose`, a text or a column such as List.purpose."""
    held = exists().where(
        Suppression.address_hash == Subscriber.address_hash,
        or_(Suppression.scope == EVERYTHING, Suppression.scope == purpose),
    )
    return held.correlate_except(Suppression)  # by itself it would look for Subscriber only in the query next to it


def _weight(reason: SQLColumnExpression[Any]) -> ColumnElement[int]:
    return case({str(known): weight for known, weight in WEIGHT.items()}, value=reason, else_=0)
