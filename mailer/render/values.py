"""A recipient's value on its way into a message: made clean, turned into text, encoded for its place.

Values are data. Wherever one stands it is one run of text without line breaks, control characters or direction
overrides, so that a name cannot make a header, break out of its isolation or end a paragraph.
"""

import re
from datetime import date, datetime, time
from typing import Any
from urllib.parse import quote

from jinja2 import pass_context
from jinja2.runtime import Context, Undefined
from markupsafe import escape

from config.errors import Refused

BUDGET = "budget of this message"
"""The context's key of the Budget; no author can name it."""

MOST_ITEMS = 1_000
"""Of one list, and of all loops in one message, all parts together."""

_CALENDAR_LINE = 70
"""Octets; a line of a calendar has at most 75."""
_UNWANTED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_MARKUP = re.compile("[&<>'\"]")
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]+")
_NO_CHARACTER = re.compile("[\ud800-\udfff\ufffe\uffff]")


class OfOnePerson(Refused):
    """What one person's values make impossible: their message cannot be made, and that says nothing of others'."""

    def __init__(self, words: str, impersonal: str = "") -> None:
        super().__init__(words)
        self.impersonal = impersonal or words
        """The same without their values, for the ledger and the log."""


class TooManyItems(OfOnePerson):
    """One person's lists are too long for a message."""

    def __init__(self) -> None:
        super().__init__(f"this person's lists have more than {MOST_ITEMS:,} items; shorten their topics or attributes")


class Unfit(OfOnePerson):
    """A value is not what its filter writes."""

    def __init__(self, value: str, what: str, remedy: str) -> None:
        super().__init__(f"{value!r} is no {what}; {remedy}", f"a value is no {what}; {remedy}")


def clean(text: str) -> str:
    """Breaks and control characters become one space, direction controls go, what is no character becomes U+FFFD."""
    if text.isprintable() or not _UNWANTED.search(text):  # the first is quick, and true of nearly all
        return text
    return _NO_CHARACTER.sub("\ufffd", _DIRECTION.sub("", _BREAKS.sub(" ", text)))


def tidy(value: Any) -> Any:
    """A field or attribute as conditions and filters see it: text cleaned and trimmed, None and odd things empty."""
    if isinstance(value, str):
        return clean(value).strip()
    if isinstance(value, (list, tuple)):
        return tuple([item for item in map(tidy, value) if not is_empty(item)])
    if isinstance(value, (bool, int, float, date, time)):
        return value
    return ""


def is_empty(value: Any) -> bool:
    """Whether there is nothing to print: None, no text, no items. Zero and false are something."""
    return value is None or isinstance(value, Undefined) or (isinstance(value, (str, tuple, list)) and not value)


def as_text(value: Any) -> str:
    """What is printed: never `None`; a list with commas."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool):
        return "true" if value else ""  # what is printed of `{{ "AI" in topics and first_name }}`
    if isinstance(value, (list, tuple)):
        return ", ".join(as_text(item) for item in value)
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    return str(value) if isinstance(value, (int, float)) else ""


def in_html(value: Any) -> str:
    """Text between tags, isolated so that its direction does not disturb its surroundings."""
    text = as_text(value)
    return f"<bdi>{_escaped(text)}</bdi>" if text else ""


def in_attribute(value: Any) -> str:
    """Inside a quoted attribute, or text where no element may stand (title)."""
    return _escaped(as_text(value))


def _escaped(text: str) -> str:
    # Nearly no value needs it, and one look is a third of what escape() costs.
    return str(escape(text)) if _MARKUP.search(text) else text


def in_path(value: Any) -> str:
    """Inside one segment of a URL's path."""
    return quote(as_text(value), safe="")


def in_query(value: Any) -> str:
    """Inside a URL's query or fragment: one value, whatever it holds."""
    return quote(as_text(value), safe="")


def in_text(value: Any) -> str:
    """In the text part, isolated by U+2068 and U+2069."""
    text = as_text(value)
    return f"\u2068{text}\u2069" if text else ""


def in_link(value: Any) -> str:
    """A whole URL of our own making, in the text part."""
    return as_text(value)


def in_header(value: Any) -> str:
    """In a header's value, before it is encoded as a whole."""
    return as_text(value)


def in_calendar(value: Any) -> str:
    """An address on lines of its own in a calendar's `mailto:` (RFC 5545, section 3.1; RFC 6068, section 2)."""
    text = quote(as_text(value), safe="@!$&'*+/=^_`{|}~")
    return "\n ".join(text[at : at + _CALENDAR_LINE] for at in range(0, len(text), _CALENDAR_LINE))


@pass_context
def each(context: Context, value: Any) -> tuple[Any, ...]:
    """What a loop goes over: a list's items, one item for a single value, none for nothing."""
    items = value if isinstance(value, (tuple, list)) else () if is_empty(value) else (value,)
    context[BUDGET].spend(len(items))
    return tuple(items)


PLACES = {
    place.__name__: place
    for place in (in_html, in_attribute, in_path, in_query, in_text, in_link, in_header, in_calendar)
}
