"""Who may be there twice: suggestions with their reasons. A person decides; nothing is merged by itself.

People are compared only within blocks (one mailbox, one name, one outlet, one name before the @), so that the work
grows with their number and not with its square. Pairs that were parted again are not suggested again.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Any

from rapidfuzz import fuzz
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from subscribers.misspelling import misspelt
from subscribers.models import Merge, Reason, Standing, Subscriber, Subscription, Suppression

SAME_MAILBOX = "one mailbox, written differently"
SAME_NAME_AND_OUTLET = "same name and outlet"
NEAR_OUTLET = "same name, nearly the same outlet"
NEAR_NAME = "nearly the same name, same outlet"
SAME_LOCAL_PART = "same name, also before the @"
SAME_NAME_AND_COUNTRY = "same name and country, and nobody else of that name"
WEIGHTS = {
    SAME_MAILBOX: 100,
    SAME_NAME_AND_OUTLET: 90,
    SAME_LOCAL_PART: 85,
    NEAR_OUTLET: 75,
    NEAR_NAME: 70,
    SAME_NAME_AND_COUNTRY: 50,
}
MISSPELT, BOUNCED = 95, 80
LARGEST = 30
"""People of one name among whom each is compared with each; with more, the name says little."""
NEAR = 88.0
"""How alike, of 100, two names or outlets are that count as nearly the same."""
_SHARED = """
admin communication communications contact contacto desk editor editorial events hello info kontakt mail media
news newsdesk newsroom office post postmaster prensa press presse pressoffice redactie redaction redaktion
redazione secretariat sekretariat stampa support team webmaster
"""
SHARED = frozenset(_SHARED.split())
"""Names before the @ that are an office's and not a person's."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Two addresses that may be one person's, the surest reason first; `keep` is the one that mail should go to."""

    keep: str
    other: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Misspelt:
    """An address whose domain looks like a usual one."""

    email: str
    meant: str


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to look at, the surest first."""

    duplicates: list[Suggestion]
    misspelt: list[Misspelt]
    """Those without a twin at the domain that is meant."""


@dataclass(frozen=True, slots=True, eq=False)
class _Person:
    id: int
    email: str
    local: str
    domain: str
    name: str
    """First and last name, folded, in alphabetical order; empty unless both are known."""
    outlet: str
    country: str
    created_at: datetime
    bounced: bool
    confirmed: bool


Pairs = dict[tuple[int, int], dict[str, int]]
"""{(lower id, higher id): {reason: weight}}."""


def duplicates(session: Session) -> Found:
    """Look through everybody."""
    people = {person.id: person for person in _people(session)}
    meant = misspelt(Counter(person.domain for person in people.values()))
    pairs: Pairs = defaultdict(dict)
    _one_mailbox(people.values(), pairs)
    _misspelt_domains(people.values(), meant, pairs)
    _one_name(people.values(), pairs)
    _one_outlet(people.values(), pairs)
    for parted in session.execute(select(Merge.kept_id, Merge.other_id).where(Merge.undone_at.is_not(None))):
        pairs.pop(_pair(parted.kept_id, parted.other_id), None)
    surest = sorted(pairs.items(), key=lambda item: (-max(item[1].values()), -len(item[1]), item[0]))
    twins = {one for pair in pairs for one in pair}
    return Found(
        [_suggestion(people[one], people[two], reasons, meant) for (one, two), reasons in surest],
        [
            Misspelt(person.email, f"{person.email.rpartition('@')[0]}@{meant[person.domain]}")
            for person in people.values()
            if person.domain in meant and person.id not in twins
        ],
    )


def _people(session: Session) -> Iterator[_Person]:
    bounced = exists().where(
        Suppression.address_hash == Subscriber.address_hash, Suppression.reason == Reason.hard_bounce
    )
    confirmed = exists().where(Subscription.subscriber_id == Subscriber.id, Subscription.standing == Standing.confirmed)
    rows = session.execute(
        select(
            *(Subscriber.id, Subscriber.email, Subscriber.email_key, Subscriber.first_name, Subscriber.last_name),
            *(Subscriber.organisation, Subscriber.country, Subscriber.created_at),
            *(bounced.label("bounced"), confirmed.label("confirmed")),
        )
        .where(Subscriber.merged_into_id.is_(None))
        .order_by(Subscriber.id)
        .execution_options(yield_per=5000)
    )
    for row in rows:
        local, _, domain = row.email_key.rpartition("@")
        first, last = _folded(row.first_name), _folded(row.last_name)
        name = " ".join(sorted(f"{first} {last}".split())) if first and last else ""
        outlet = _folded(row.organisation)
        yield _Person(
            row.id, row.email, local, domain, name, outlet, row.country, row.created_at, row.bounced, row.confirmed
        )


@lru_cache(maxsize=65536)
def _folded(text: str) -> str:
    """Letters and digits alone, without case and accents: `Zoë O'Brien` and `ZOE OBRIEN` are the same."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter) and letter not in "'\u2019.")
    return " ".join(re.findall(r"\w+", plain))


def _blocks(people: Iterable[_Person], key: Any) -> Iterator[list[_Person]]:
    """People of the same key, where there are several; those whose key is empty are left out."""
    found: dict[Hashable, list[_Person]] = defaultdict(list)
    for person in people:
        if of := key(person):
            found[of].append(person)
    return (block for block in found.values() if len(block) > 1)


def _one_mailbox(people: Iterable[_Person], pairs: Pairs) -> None:
    for block in _blocks(people, _mailbox):
        for one, two in pairwise(block):
            _note(pairs, one, two, SAME_MAILBOX)


def _mailbox(person: _Person) -> str:
    """Where mail to the address arrives: a tag after + is the person's own note, and Gmail does not see dots."""
    local, domain = person.local.partition("+")[0], person.domain
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


def _misspelt_domains(people: Iterable[_Person], meant: dict[str, str], pairs: Pairs) -> None:
    for block in _blocks(people, lambda person: person.local):
        at = {person.domain: person for person in block}
        for person in block:
            right = at.get(meant.get(person.domain, ""))
            if right:
                _note(pairs, person, right, f"{person.domain} looks like {right.domain}", MISSPELT)


def _one_name(people: Iterable[_Person], pairs: Pairs) -> None:
    for block in _blocks(people, lambda person: person.name):
        for same in _blocks(block, lambda person: person.outlet):
            for one, two in pairwise(same):
                _note(pairs, one, two, SAME_NAME_AND_OUTLET)
        if len(block) > LARGEST:
            continue
        for one, two in combinations(block, 2):
            if one.local == two.local and one.local not in SHARED:
                _note(pairs, one, two, SAME_LOCAL_PART)
            if one.bounced != two.bounced:
                gone = one if one.bounced else two
                _note(pairs, one, two, f"same name, and mail to {gone.email} bounced", BOUNCED)
            near = one.outlet and one.outlet != two.outlet and fuzz.token_sort_ratio(one.outlet, two.outlet)
            if near and near >= NEAR:
                _note(pairs, one, two, NEAR_OUTLET)
        if len(block) == 2 and block[0].country and block[0].country == block[1].country:
            _note(pairs, block[0], block[1], SAME_NAME_AND_COUNTRY)


def _one_outlet(people: Iterable[_Person], pairs: Pairs) -> None:
    """Names that are nearly the same stand nearly beside each other when they are sorted."""
    for block in _blocks(people, lambda person: person.name and person.outlet):
        names = sorted(block, key=lambda person: (person.name, person.id))
        for step in (1, 2, 3):
            for one, two in zip(names, names[step:], strict=False):
                if one.name != two.name and fuzz.ratio(one.name, two.name, score_cutoff=NEAR):
                    _note(pairs, one, two, NEAR_NAME)


def _note(pairs: Pairs, one: _Person, two: _Person, reason: str, weight: int = 0) -> None:
    pairs[_pair(one.id, two.id)][reason] = weight or WEIGHTS[reason]


def _pair(one: int, two: int) -> tuple[int, int]:
    return min(one, two), max(one, two)


def _suggestion(one: _Person, two: _Person, reasons: dict[str, int], meant: dict[str, str]) -> Suggestion:
    def worth(person: _Person) -> tuple[bool, bool, bool, datetime, int]:
        return (not person.bounced, person.domain not in meant, person.confirmed, person.created_at, person.id)

    keep, other = sorted((one, two), key=worth, reverse=True)
    return Suggestion(keep.email, other.email, tuple(sorted(reasons, key=lambda reason: -reasons[reason])))
