"""Putting people into the database by the thousand: who is new, who changed, who stays out."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from config import bulk
from config.keys import address_hash
from subscribers import consent
from subscribers.columns import Person, written
from subscribers.fields import FIELDS
from subscribers.lists import refuse_if_archived
from subscribers.models import Basis, List, Role, Standing, Subscriber
from subscribers.suppression import suppressed_among, suppressed_clause

EMPTY: Mapping[str, Any] = {
    "first_name": "",
    "last_name": "",
    "languages": (),
    "country": "",
    "time_zone": "",
    "role": Role.other,
    "organisation": "",
    "topics": (),
}
"""What each field is of somebody of whom only the address is known."""
_KNOWN = [
    Subscriber.id,
    func.coalesce(Subscriber.merged_into_id, Subscriber.id).label("person"),
    Subscriber.email_key,
    *(getattr(Subscriber, name) for name in FIELDS),
    Subscriber.attributes,
]


@dataclass(frozen=True, slots=True)
class Stored:
    """What came of each person, as sets of address keys; disjoint, and together all that were given."""

    created: frozenset[str]
    updated: frozenset[str]
    unchanged: frozenset[str]
    kept_out: frozenset[str]
    """Suppressed, or gone from the list by their own will: nothing of their row was kept."""

    def together(self, other: "Stored") -> "Stored":
        """Both, of different people."""
        return Stored(
            self.created | other.created,
            self.updated | other.updated,
            self.unchanged | other.unchanged,
            self.kept_out | other.kept_out,
        )


def store(
    session: Session,
    people: Mapping[str, Person],
    to: List,
    *,
    basis: Basis,
    source: str,
    wording: str,
    standing: Standing = Standing.confirmed,
) -> Stored:
    """Create or update `people` (by address key) and bring them to `standing` on the list. A few statements in all.

    Raises Refused for an archived list.
    """
    refuse_if_archived(to)
    hashes = {key: address_hash(key) for key in people}
    suppressed = suppressed_among(session, hashes.values(), to.purpose)
    wanted = sorted(key for key in people if hashes[key] not in suppressed)
    known = _known(session, wanted)
    if standing != Standing.unsubscribed:  # that somebody left is written down whatever else holds of them
        suppressed |= {hashes[key] for key in _suppressed_elsewhere(session, known, to.purpose)}
    known = {key: row for key, row in known.items() if hashes[key] not in suppressed}
    wanted = [key for key in wanted if hashes[key] not in suppressed]
    created = _created(session, {key: people[key] for key in wanted if key not in known}, hashes, known)
    ids = created | {key: row.person for key, row in known.items()}
    recorded = consent.record(
        session,
        list(ids.values()),
        to=to,
        standing=standing,
        basis=basis,
        source=source,
        wording=wording,
        imported=True,
        made_now=created.values(),
    )
    changed = {}
    for key, row in known.items():
        mine = row.person == row.id  # of another address of theirs nothing but the subscription is taken
        if mine and row.id not in recorded.kept_out and (new := _changed(row, people[key])):
            changed[key] = new
    bulk.update_rows(session, Subscriber, sorted(changed.values(), key=lambda row: int(row["id"])), key="id")
    kept_out = frozenset(key for key in people if key not in ids or ids[key] in recorded.kept_out)
    updated = frozenset(key for key, row in known.items() if key in changed or row.person in recorded.changed)
    return Stored(frozenset(created), updated, frozenset(known) - updated - kept_out, kept_out)


def _known(session: Session, keys: Sequence[str]) -> dict[str, Row[Any]]:
    return {
        row.email_key: row
        for row in session.execute(select(*_KNOWN).where(bulk.among(session, Subscriber.email_key, keys)))
    }


def _created(
    session: Session, people: dict[str, Person], hashes: Mapping[str, str], known: dict[str, Row[Any]]
) -> dict[str, int]:
    """Add new people, by key; their ids. Whom another process added since we looked becomes one of the `known`."""
    while people:
        ids = dict(zip(people, bulk.new_ids(session, Subscriber, len(people)), strict=True))
        columns: dict[str, list[Any]] = {
            "id": list(ids.values()),
            "public_id": _public_ids(len(people)),
            "email": [person.address.email for person in people.values()],
            "email_key": list(people),
            "address_hash": [hashes[key] for key in people],
            "attributes": [person.attributes for person in people.values()],
        }
        for name, empty in EMPTY.items():
            columns[name] = [person.values.get(name, empty) for person in people.values()]
        try:
            with session.connection().begin_nested():
                bulk.append_columns(session, Subscriber, columns, created_at=datetime.now(UTC))
        except IntegrityError:
            overtaken = _known(session, list(people))
            if not overtaken:
                raise
            known |= overtaken
            people = {key: person for key, person in people.items() if key not in overtaken}
        else:
            return ids
    return {}


def _suppressed_elsewhere(session: Session, known: Mapping[str, Row[Any]], purpose: str) -> set[str]:
    """The keys of addresses that were merged into one that is suppressed."""
    merged = {key: row.person for key, row in known.items() if row.person != row.id}
    if not merged:
        return set()
    persons = bulk.among(session, Subscriber.id, sorted(set(merged.values())))
    held = set(session.scalars(select(Subscriber.id).where(persons, suppressed_clause(purpose))))
    return {key for key, person in merged.items() if person in held}


def _public_ids(number: int) -> list[str]:
    """As many of 20 random hex digits, for which the system is asked once."""
    digits = secrets.token_hex(10 * number)
    return [digits[at : at + 20] for at in range(0, len(digits), 20)]


def _changed(row: Row[Any], person: Person) -> dict[str, Any] | None:
    """The row as it is to be, or None if it says all that already. The address stays as it was first written."""
    have = row._mapping  # noqa: SLF001 - the public name of a Row's mapping begins so
    attributes = {
        name: value for name, value in person.attributes.items() if written(have["attributes"].get(name)) != value
    }
    if not attributes and all(have[name] == value for name, value in person.values.items()):
        return None
    return {
        "id": row.id,
        **{name: person.values.get(name, have[name]) for name in FIELDS},
        "attributes": {**have["attributes"], **attributes},
    }
