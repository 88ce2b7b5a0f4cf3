"""Segments: saved rules that are resolved when they are used."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Select, exists, func, not_, select
from sqlalchemy.orm import Session

from config.bulk import insert
from config.errors import Refused, Unknown
from config.files import read_text
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


def read_rule(path: Path) -> dict[str, Any]:
    """The rule that a JSON file holds. Raises Refused, with the line, for one that is no JSON."""
    try:
        rule = json.loads(read_text(path))
    except FileNotFoundError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise Refused(f"{path}, line {error.lineno}: this is no JSON: {error.msg}") from None
    except RecursionError:
        raise Refused(f"{path}: the rule is nested too deeply") from None
    if not isinstance(rule, dict):
        raise Refused(f'{path}: a rule stands in braces, as in {{"country": "BE"}}')
    return rule


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
    return select(Subscriber.id).where(Subscriber.merged_into_id.is_(None), condition(session, parse(segment.rule)))


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
