"""Those in a file who had left: recorded as that, with where the file says so, and never dropped silently.

An address that does not arrive, or whose owner asked for no mail or called it spam, is suppressed for everything, as
a hash; of somebody whom we do not know nothing else is kept. Whoever unsubscribed is on the list as unsubscribed, and
whoever never confirmed as pending: no later file brings either back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config import bulk
from config.keys import address_hash
from subscribers import consent
from subscribers.columns import Person
from subscribers.models import Basis, List, Reason, Standing, Subscriber
from subscribers.sources.statuses import Said
from subscribers.storing import Stored, store
from subscribers.suppression import suppress_hashes


@dataclass(frozen=True, slots=True)
class Left:
    """What came of those who had left, by address key; disjoint, and together with `stored` all that were given."""

    unsubscribed: frozenset[str]
    suppressed: frozenset[str]
    stored: Stored
    """What came of those who only never confirmed; `created` are now pending."""


def record_left(
    session: Session, people: Mapping[str, Person], to: List, *, basis: Basis, source: str, wording: str
) -> Left:
    """Record `people` (by address key), of whom each has `said`, as the file says that they stand."""
    unsubscribed: set[str] = set()
    suppressed: set[str] = set()
    pending = Stored(frozenset(), frozenset(), frozenset(), frozenset())
    for said, keys in _by_what_is_said(people):
        group = {key: people[key] for key in keys}
        whence = f"{source} ({said.because})" if said.because else source
        if said.reason:
            suppress_hashes(session, [address_hash(key) for key in group], said.reason, source=whence)
            suppressed.update(group)
        if said.standing == Standing.unsubscribed:
            _unsubscribe(session, group, to, basis=basis, source=whence)
            unsubscribed.update(() if said.reason else group)
        elif said.standing == Standing.pending and not said.reason:
            done = store(session, group, to, basis=basis, source=whence, wording=wording, standing=Standing.pending)
            pending = pending.together(done)
    return Left(frozenset(unsubscribed), frozenset(suppressed), pending)


def _by_what_is_said(people: Mapping[str, Person]) -> Iterable[tuple[Said, list[str]]]:
    said = [(person.said, key) for key, person in people.items() if person.said]
    said.sort(key=lambda one: (one[0].standing, one[0].reason or "", one[0].because, one[1]))
    for what, group in groupby(said, key=lambda one: one[0]):
        yield what, [key for _, key in group]


def _unsubscribe(session: Session, people: Mapping[str, Person], to: List, *, basis: Basis, source: str) -> None:
    """Nobody of them is on the list any more, nor gets on it by a file.

    Of those who are suppressed and unknown nothing may be kept but the hash: they are suppressed for the list's
    purpose too, so that they stay out should the other suppression be lifted.
    """
    done = store(session, people, to, basis=basis, source=source, wording="", standing=Standing.unsubscribed)
    known = {
        row.email_key: row.person
        for row in session.execute(
            select(Subscriber.email_key, func.coalesce(Subscriber.merged_into_id, Subscriber.id).label("person")).where(
                bulk.among(session, Subscriber.email_key, list(done.kept_out))
            )
        )
    }
    consent.record(
        session,
        list(known.values()),
        to=to,
        standing=Standing.unsubscribed,
        basis=basis,
        source=source,
        imported=True,
    )
    unknown = [address_hash(key) for key in done.kept_out if key not in known]
    suppress_hashes(session, unknown, Reason.objection, to.purpose, source)
