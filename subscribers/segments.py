"""Segments: saved rules that are resolved when they are used."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Select, exists, func, not_, select
from sqlalchemy.orm import Session

from config.bulk import insert
from config.errors import Refused, Unknown
from config.files import read_text
from subscribers import rule_text, rule_writing
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
    languages: dict[str, int]
    """People by their first language, the most first; empty text for those of whom none is known."""
    roles: dict[str, int]


def read_rule(given: str) -> dict[str, Any]:
    """The rule in a file, as JSON or as text, or in the text itself. Raises Refused, with the place."""
    path = Path(given)
    try:
        in_file = path.suffix == ".json" or path.exists()
    except (OSError, ValueError):  # longer than a name can be, or with a NUL in it
        in_file = False
    if not in_file:
        return rule_text.read(given)
    text = read_text(path)
    if path.suffix == ".json" or text.lstrip().startswith("{"):
        return _json_rule(path, text)
    try:
        return rule_text.read(text)
    except Refused as error:
        raise Refused(f"{path}: {error}") from None


def _json_rule(path: Path, text: str) -> dict[str, Any]:
    try:
        rule = json.loads(text)
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


def list_segments(session: Session) -> list[Segment]:
    """All segments by name."""
    return list(session.scalars(select(Segment).order_by(Segment.name)))


def text_of(segment: Segment) -> str:
    """A segment's rule as people write it."""
    return rule_writing.write(parse(segment.rule))


def members(session: Session, segment: Segment) -> Select[int]:
    """A select of the ids of everybody whom the segment's rule describes, on a list or not."""
    return select(Subscriber.id).where(Subscriber.merged_into_id.is_(None), condition(session, parse(segment.rule)))


def count_segment(session: Session, name: str) -> SegmentCount:
    """How many people are in the segment now, and who they are."""
    described = members(session, find_segment(session, name))
    on_a_list = exists().where(
        Subscription.subscriber_id == Subscriber.id,
        Subscription.standing == Standing.confirmed,
        List.id == Subscription.list_id,
        not_(suppressed_clause(List.purpose)),
    )
    people = described.subquery()
    number = func.count().label("number")
    by = {
        column: session.execute(
            select(column, number).join(people, people.c.id == Subscriber.id).group_by(column)
        ).all()
        for column in (Subscriber.languages, Subscriber.role)
    }
    languages: Counter[str] = Counter()
    for spoken, people_of in by[Subscriber.languages]:
        languages[spoken[0] if spoken else ""] += people_of
    roles = Counter({str(role): people_of for role, people_of in by[Subscriber.role]})
    return SegmentCount(
        roles.total(),
        session.scalars(select(func.count()).select_from(described.where(on_a_list).subquery())).one(),
        dict(languages.most_common()),
        dict(roles.most_common()),
    )
