"""Comparisons as an author means them: attributes come from files as text, and many people lack them.

Nothing here raises. What is empty is neither over nor under anything, and a text that spells a number is equal to it
and is compared with numbers by its value.
"""

from collections.abc import Callable
from typing import Any

from mailer.render.values import as_text, is_empty

MOST_DIGITS = 40
"""Of a text that is read as a number."""


def equals(one: Any, other: Any) -> bool:
    """`one == other`."""
    if isinstance(one, str) and isinstance(other, str):  # as nearly always: the same answer in a sixth of the time
        return one == other
    if _is_number(one) != _is_number(other):
        return _number(one) == _number(other) if not (is_empty(one) or is_empty(other)) else False
    if is_empty(one) and is_empty(other):
        return True
    return bool(one == other)


def differs(one: Any, other: Any) -> bool:
    """`one != other`."""
    return not equals(one, other)


def over(one: Any, other: Any) -> bool:
    """`one > other`."""
    return _compare(one, other, lambda a, b: a > b)


def at_least(one: Any, other: Any) -> bool:
    """`one >= other`."""
    return _compare(one, other, lambda a, b: a >= b)


def under(one: Any, other: Any) -> bool:
    """`one < other`."""
    return _compare(one, other, lambda a, b: a < b)


def at_most(one: Any, other: Any) -> bool:
    """`one <= other`."""
    return _compare(one, other, lambda a, b: a <= b)


def among(one: Any, several: Any) -> bool:
    """`one in several`: an item of a list, or a part of a text."""
    if isinstance(several, (list, tuple)):
        return any(equals(one, item) for item in several)
    return not is_empty(one) and as_text(one) in as_text(several)


def not_among(one: Any, several: Any) -> bool:
    """`one not in several`."""
    return not among(one, several)


def _compare(one: Any, other: Any, holds: Callable[[Any, Any], bool]) -> bool:
    if is_empty(one) or is_empty(other):
        return False
    if _is_number(one) or _is_number(other):
        first, second = _number(one), _number(other)
        return first is not None and second is not None and holds(first, second)
    return holds(as_text(one), as_text(other))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: Any) -> float | None:
    if _is_number(value):
        return float(value) if abs(value) < 1e300 else None
    try:
        return float(value) if isinstance(value, str) and len(value) <= MOST_DIGITS else None
    except ValueError:
        return None


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": equals,
    "ne": differs,
    "gt": over,
    "gteq": at_least,
    "lt": under,
    "lteq": at_most,
    "in": among,
    "notin": not_among,
}
"""By Jinja's names for the operators."""
