"""Segments: saved rules that are resolved when they are used."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, exists, func, not_, select
from sqlalchemy.orm import Session

from config.errors import Unknown
from subscribers.bulk import insert
from subscribers.conditions import condition
from subscribers.lists import short_name
from subscribers.models import List, Segment, Standing, Subscriber, Subscription
from subscribers.rule_parsing import parse
from subscribers.suppression import suppressed_clause


@dataclass(frozen=True, slots=True)
class SegmentCount:
    """How many people a segment's rule describes, and how many of them mail may reach on some list."""

    matching: int
    reachable: int


def save_segment(session: Session, name: str, rule: dict[str, Any]) -> Segment:
    """Save the rule under a name, in place of the one before. Raises Refused if the rule does not hold together."""
    condition(session, parse(rule))
    statement = insert(session, Segment).values(name=short_name("segment", name), rule=rule)
    session.execute(statement.on_conflict_do_update(index_elements=[Segment.name], set_={"rule": rule}))
    return session.scalars(select(Segment).where(Segment.name == name).execution_options(populate_existing=True)).one()


def find_segment(session: Session, name: str) -> Segment:
    """The segment of that name. Raises Unknown with the nearest."""
    found = session.scalar(select(Segment).where(Segment.name == name))
    if found is None:
        raise Unknown("segment", name, session.scalars(select(Segment.name)))
    return found


def members(session: Session, segment: Segment) -> Select[int]:
    """A select of the ids of everybody whom the segment's rule describes, on a list or not."""
    return select(Subscriber.id).where(condition(session, parse(segment.rule)))


def count_segment(session: Session, name: str) -> SegmentCount:
    """How many people are in the segment now."""
    described = members(session, find_segment(session, name))
    on_a_list = exists().where(
        Subscription.subscriber_id == Subscriber.id,
        Subscription.standing == Standing.confirmed,
        List.id == Subscription.list_id,
        not_(suppressed_clause(List.purpose)),
    )
    count = select(func.count())
    return SegmentCount(
        session.scalars(count.select_from(described.subquery())).one(),
        session.scalars(count.select_from(described.where(on_a_list).subquery())).one(),
    )
