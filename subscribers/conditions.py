"""From a rule to a condition over Subscriber: SQLAlchemy expressions, the same people on SQLite and PostgreSQL.

Where the two databases differ by nature, one behaviour is chosen and both are held to it:
- texts are compared with the letters a-z in either case and all others as written (SQLite folds no others, and what
  PostgreSQL folds depends on its locale);
- LIKE is not used: it folds on one and not on the other;
- a missing value makes a comparison false, never NULL, so that `not` is the exact opposite;
- a number is a JSON number, or a text that is a plain decimal of up to 15 digits: no cast ever fails.
"""

import json
import string
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    REAL,
    ColumnElement,
    Numeric,
    SQLColumnExpression,
    Text,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql.expression import collate

from config.bulk import on_sqlite
from subscribers import fields
from subscribers.lists import find_list
from subscribers.models import Standing, Subscriber, Subscription
from subscribers.rules import (
    All,
    Any_,
    AttributeRule,
    CountryRule,
    FieldRule,
    LanguageRule,
    ListRule,
    Not,
    Registered,
    Rule,
    TopicRule,
    instant,
    registered,
)

DECIMAL = r"^(?=[0-9.-]{1,16}\Z)-?[0-9]{1,15}(\.[0-9]+)?\Z"
"""A text that counts as a number; the same regular expression for Python's `re` (SQLite) and PostgreSQL's."""
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def condition(session: Session, rule: Rule) -> ColumnElement[bool]:
    """The condition for a query over Subscriber. Raises Unknown for a list that does not exist."""
    match rule:
        case All():
            return and_(*(condition(session, part) for part in rule.all))
        case Any_():
            return or_(*(condition(session, part) for part in rule.any))
        case Not():
            return not_(condition(session, rule.not_))
        case FieldRule():
            return _field(session, rule)
        case AttributeRule():
            return _attribute(session, rule)
        case ListRule():
            return (
                exists()
                .where(
                    Subscription.subscriber_id == Subscriber.id,
                    Subscription.list_id == find_list(session, rule.list).id,
                    Subscription.standing == Standing.confirmed,
                )
                .correlate_except(Subscription)
            )
        case TopicRule():
            return _within(session, _folded(session, Subscriber.topics), f"|{_lower(rule.topic.strip())}|")
        case LanguageRule():
            tag = fields.language(rule.language)
            return or_(*(_within(session, _text(Subscriber.languages), f"|{tag}{end}") for end in "|-"))
        case CountryRule():
            return Subscriber.country == fields.country(rule.country)
        case Registered():
            return registered(rule.rule)(session, rule.value)


def _field(session: Session, rule: FieldRule) -> ColumnElement[bool]:
    if rule.field == "created_at":
        moment = instant(rule.value)
        return Subscriber.created_at < moment if rule.operator == "before" else Subscriber.created_at > moment
    return _compare_text(session, _folded(session, getattr(Subscriber, rule.field)), rule.operator, rule.canonical)


def _compare_text(session: Session, folded: ColumnElement[str], operator: str, value: Any) -> ColumnElement[bool]:
    match operator:
        case "is":
            return folded == _lower(value)
        case "is_not":
            return folded != _lower(value)
        case "in":
            return folded.in_([_lower(one) for one in value])
        case "contains":
            return _within(session, folded, _lower(value))
        case _:
            start = _lower(value)
            return func.substr(folded, 1, len(start)) == start


def _attribute(session: Session, rule: AttributeRule) -> ColumnElement[bool]:
    """The attribute of the whole name, else what the path leads to; whichever fits."""
    paths = [[rule.attribute]]
    if "." in rule.attribute:
        paths.append(rule.attribute.split("."))
    opposite = rule.operator == "is_not"
    found = or_(*(_at_path(session, path, rule) for path in paths))
    return not_(found) if opposite else found


def _at_path(session: Session, path: list[str], rule: AttributeRule) -> ColumnElement[bool]:
    kind, text = (_sqlite_value if on_sqlite(session) else _postgresql_value)(path)
    folded = _folded(session, case((kind == "text", text)))
    number = _number(session, kind, text)
    match rule.operator:
        case "over":
            test = number > _decimal(session, rule.value)
        case "under":
            test = number < _decimal(session, rule.value)
        case "is" | "is_not" | "in":
            wanted = rule.value if rule.operator == "in" else [rule.value]
            test = or_(*(_equals(session, kind, folded, number, value) for value in wanted))
        case _:
            test = _compare_text(session, folded, rule.operator, rule.value)
    return func.coalesce(test, false())


def _equals(
    session: Session, kind: ColumnElement[str], folded: ColumnElement[str], number: ColumnElement[Any], value: Any
) -> ColumnElement[bool]:
    if isinstance(value, bool):
        word = str(value).lower()
        return or_(func.coalesce(folded == word, false()), func.coalesce(kind == word, false()))
    if isinstance(value, str):
        return func.coalesce(folded == _lower(value), false())
    return func.coalesce(number == _decimal(session, value), false())


def _sqlite_value(path: list[str]) -> tuple[ColumnElement[str], ColumnElement[str]]:
    # Keys are stored with their letters beyond ASCII escaped, and SQLite compares the stored form.
    where = "$" + "".join(f".{json.dumps(key)}" for key in path)
    attributes = Subscriber.attributes
    kind = func.json_type(attributes, where, type_=Text)
    word = case((kind.in_(["integer", "real"]), "number"), else_=kind)
    return word, func.json_extract(attributes, where, type_=Text)


def _postgresql_value(path: list[str]) -> tuple[ColumnElement[str], ColumnElement[str]]:
    value: ColumnElement[Any] = cast(Subscriber.attributes, JSONB)
    for key in path[:-1]:
        value = value.op("->", return_type=JSONB())(literal(key, Text))
    text = value.op("->>", return_type=Text())(literal(path[-1], Text))
    value = value.op("->", return_type=JSONB())(literal(path[-1], Text))
    kind = func.jsonb_typeof(value, type_=Text)
    word = case((kind == "string", "text"), (kind == "boolean", text), else_=kind)
    return word, text


def _number(session: Session, kind: ColumnElement[str], text: ColumnElement[str]) -> ColumnElement[Any]:
    exact: Any = REAL() if on_sqlite(session) else Numeric()
    only_text = case((kind == "text", text))
    return case((kind == "number", cast(text, exact)), (only_text.regexp_match(DECIMAL), cast(only_text, exact)))


def _decimal(session: Session, value: float) -> ColumnElement[Any]:
    return literal(float(value), REAL()) if on_sqlite(session) else literal(Decimal(repr(value)), Numeric())


def _text(column: SQLColumnExpression[Any]) -> ColumnElement[str]:
    return type_coerce(column, Text)


def _folded(session: Session, column: SQLColumnExpression[Any]) -> ColumnElement[str]:
    text = _text(column)
    return func.lower(text if on_sqlite(session) else collate(text, "C"), type_=Text)


def _lower(value: str) -> str:
    return value.translate(_LOWER)


def _within(session: Session, text: ColumnElement[str], part: str) -> ColumnElement[bool]:
    position = func.instr if on_sqlite(session) else func.strpos
    return position(text, literal(part, Text)) > 0
