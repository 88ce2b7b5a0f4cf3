"""Who would get a mailing now and who would not, and why: one select, for the freeze and for looking beforehand."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, case, exists, func, literal, select, union
from sqlalchemy.orm import Session

from config.errors import Unknown
from mailer.languages import choose
from mailer.ledger.models import Delivery
from mailer.ledger.states import Skip, State
from mailer.models import Draft, Mailing, MailingState
from mailer.received import had
from mailer.recipient import Recipient
from subscribers.lists import find_list, refuse_if_archived
from subscribers.models import List, Segment, Standing, Subscriber, Subscription, Suppression
from subscribers.segments import members as segment_members

RANK = 1_000_000
"""More than there are lists: a list's rank is its place in the audience times this, plus its id."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody in the audience: `language` is their edition's, `reason` why they get none."""

    recipient: Recipient
    subscriber_id: int
    public_id: str
    list_id: int | None
    language: str | None
    reason: Skip | None


def languages_of(session: Session, mailing: Mailing) -> list[str]:
    """The languages that the mailing is written in."""
    return list(session.scalars(select(Draft.language).where(Draft.mailing_id == mailing.id).order_by(Draft.language)))


def audience(session: Session, mailing: Mailing) -> Select[Any]:
    """One row a person: `subscriber_id`, `list_id` and `reason`, null for those who may be written to.

    Somebody is in the audience by a subscription to one of its lists or as a member of one of its segments; they
    may be written to on the first of its lists on which they are confirmed and not suppressed (a segment's members
    also on any other list that is not archived). Raises Refused where a new audience names an archived list.
    """
    named = mailing.audience
    if mailing.state in (MailingState.draft, MailingState.scheduled, MailingState.freezing):
        for name in named.get("lists", []):
            refuse_if_archived(find_list(session, name))
    lists = _lists(session, named.get("lists", []))
    excluded = named.get("exclude") or {}
    segments = [segment_members(session, segment) for segment in _segments(session, named.get("segments", []))]

    by_list = select(Subscription.subscriber_id).where(Subscription.list_id.in_(lists))
    people = union(by_list, *segments).subquery("people") if segments else by_list.distinct().subquery("people")
    in_use = select(List.id).where(List.archived_at.is_(None))
    reachable = Subscription.list_id.in_(in_use if segments else lists)
    suppressed = exists().where(
        Suppression.address_hash == Subscriber.address_hash, Suppression.scope.in_(["", List.purpose])
    )
    named_first = {list_id: place * RANK for place, list_id in enumerate(lists)}
    rank = Subscription.list_id + (
        case(named_first, value=Subscription.list_id, else_=len(lists) * RANK) if named_first else 0
    )
    standing = Subscription.standing
    per_list = (
        select(
            people.c.subscriber_id,
            rank.label("rank"),
            case((and_(standing == Standing.confirmed, ~suppressed), rank)).label("open_rank"),
            case((and_(standing == Standing.confirmed, suppressed), 1), else_=0).label("suppressed"),
            case((standing == Standing.unsubscribed, 1), else_=0).label("left"),
        )
        .select_from(people)
        .join(Subscriber, Subscriber.id == people.c.subscriber_id)
        .outerjoin(Subscription, and_(Subscription.subscriber_id == people.c.subscriber_id, reachable))
        .outerjoin(List, List.id == Subscription.list_id)
    )
    exclude_lists = _lists(session, excluded.get("lists", []))
    if exclude_lists:
        per_list = per_list.where(
            people.c.subscriber_id.not_in(
                select(Subscription.subscriber_id).where(
                    Subscription.list_id.in_(exclude_lists), Subscription.standing == Standing.confirmed
                )
            )
        )
    exclude_mailings = _mailings(session, excluded.get("mailings", []))
    if exclude_mailings:
        sent_these = and_(Delivery.mailing_id.in_(exclude_mailings), Delivery.state != State.skipped)
        per_list = per_list.where(~had(sent_these, people.c.subscriber_id))
    each = per_list.subquery("each_list")
    best = func.min(each.c.open_rank)
    reason = case(
        (best.is_not(None), None),
        (func.max(each.c.suppressed) == 1, literal(str(Skip.suppressed))),
        (func.max(each.c.left) == 1, literal(str(Skip.unsubscribed))),
        else_=literal(str(Skip.no_basis)),
    )
    return select(
        each.c.subscriber_id,
        (func.coalesce(best, func.min(each.c.rank)) % RANK).label("list_id"),
        reason.label("reason"),
    ).group_by(each.c.subscriber_id)


def candidates(session: Session, mailing: Mailing) -> Iterator[Candidate]:
    """Everybody in the audience as they stand now, in the order of the freeze."""
    written = languages_of(session, mailing)

    @cache
    def language_for(languages: tuple[str, ...], country: str) -> str | None:
        language: str | None = choose(written, languages, country, mailing.default_language, mailing.fallback)
        return language

    found = audience(session, mailing).subquery("audience")
    query = (
        select(Subscriber, found.c.list_id, found.c.reason)
        .join(found, found.c.subscriber_id == Subscriber.id)
        .order_by(Subscriber.id)
        .execution_options(yield_per=2000)
    )
    for person, list_id, reason in session.execute(query):
        language = language_for(tuple(person.languages), person.country)
        skip = Skip(reason) if reason else None if language else Skip.no_edition
        yield Candidate(recipient_of(person), person.id, person.public_id, list_id, language, skip)
        session.expunge(person)


def recipient_of(person: Subscriber) -> Recipient:
    """A subscriber as a message sees them."""
    return Recipient(
        person.email,
        person.first_name,
        person.last_name,
        person.languages,
        person.country,
        person.time_zone,
        person.role,
        person.organisation,
        person.topics,
        person.attributes,
    )


def recipients(session: Session, mailing: Mailing) -> Iterator[tuple[Recipient, str | None]]:
    """Those who would get the mailing now, each with the language of their edition."""
    for one in candidates(session, mailing):
        if one.reason is None:
            yield one.recipient, one.language


def _lists(session: Session, names: list[str]) -> list[int]:
    known = dict(session.execute(select(List.name, List.id)).all())
    return [_known("list", name, known) for name in names]


def _mailings(session: Session, names: list[str]) -> list[int]:
    known = dict(session.execute(select(Mailing.name, Mailing.id)).all())
    return [_known("mailing", name, known) for name in names]


def _segments(session: Session, names: list[str]) -> list[Segment]:
    known = {segment.name: segment for segment in session.scalars(select(Segment))}
    return [_known("segment", name, known) for name in names]


def _known(what: str, name: str, known: dict[str, Any]) -> Any:
    if name not in known:
        raise Unknown(what, name, known)
    return known[name]
