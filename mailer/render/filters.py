"""The filters an author may use. Each makes little more text than it was given."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, format_time
from babel.lists import format_list
from babel.numbers import format_decimal

from config.errors import Refused
from mailer.render.values import MOST_ITEMS, TooManyItems, Unfit, as_text, is_empty

FORMATS = ("short", "medium", "long", "full")
"""How long a date or time is written; a filter's only argument."""

MOST_DIGITS = 30
"""Of a number."""

Filter = Callable[..., Any]


def locale_of(language: str) -> Locale:
    """Babel's locale of a BCP 47 tag, the widest known part of it, English where there is none.

    `en` alone is the English of Europe, which writes 4 March 2026: Babel's own `en` is that of the United States.
    """
    if language == "en":
        return Locale("en", "150")
    parts = language.replace("_", "-").split("-")
    for length in range(len(parts), 0, -1):
        try:
            return Locale.parse("-".join(parts[:length]), sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale("en")


def _upper(value: Any) -> str:
    return as_text(value).upper()


def _lower(value: Any) -> str:
    return as_text(value).lower()


def _title(value: Any) -> str:
    return " ".join(word[:1].upper() + word[1:].lower() for word in as_text(value).split(" "))


def _capitalize(value: Any) -> str:
    return as_text(value).capitalize()


def _trim(value: Any) -> str:
    return as_text(value).strip()


def _default(value: Any, otherwise: Any = "") -> Any:
    """`otherwise` where there is nothing: the same as `or`, but zero and false count as something."""
    return otherwise if is_empty(value) else value


def _join(value: Any, separator: str = ", ") -> str:
    return str(separator).join(as_text(item) for item in _items(value))


def _first(value: Any) -> Any:
    items = _items(value)
    return items[0] if items else ""


def _last(value: Any) -> Any:
    items = _items(value)
    return items[-1] if items else ""


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(_items(value))


def author_filters(language: str) -> dict[str, Filter]:
    """Every filter by its name; dates, lists and numbers are written as `language` does."""
    locale = locale_of(language)

    def date_(value: Any, form: str = "long") -> str:
        moment = _moment(value, "date")
        return "" if moment is None else format_date(moment, format=_form(form), locale=locale)

    def time_(value: Any, form: str = "short") -> str:
        moment = _moment(value, "time")
        return "" if moment is None else format_time(moment, format=_form(form), locale=locale)

    def datetime_(value: Any, form: str = "long") -> str:
        moment = _moment(value, "datetime")
        if moment is None:
            return ""
        # Without a zone of its own a moment is not said to be in any.
        naive = isinstance(moment, datetime) and moment.tzinfo is None
        if form in {"long", "full"} and naive:
            return f"{format_date(moment, format=form, locale=locale)}, {format_time(moment, 'short', locale=locale)}"
        return format_datetime(moment, format=_form(form), locale=locale)

    def listing(value: Any) -> str:
        if is_empty(value):
            return ""  # most people have none, and the library finds that out late
        return format_list([as_text(item) for item in _items(value)], locale=locale)

    def number(value: Any) -> str:
        if is_empty(value):
            return ""
        with suppress(ArithmeticError):  # also from rounding what has more digits than are counted with
            amount = Decimal(as_text(value))
            # Ten letters can name a number of a billion digits.
            if amount.is_finite() and abs(amount.adjusted()) <= MOST_DIGITS:
                return format_decimal(amount, locale=locale)
        raise Unfit(as_text(value), "number", "correct the value, or print it without | number")

    simple = (_upper, _lower, _title, _capitalize, _trim, _default, _join, _first, _last, _length, listing, number)
    return {
        **{function.__name__.removeprefix("_"): function for function in simple},
        "date": date_,
        "time": time_,
        "datetime": datetime_,
    }


def follows(topics: Any, wanted: list[str]) -> bool:
    """Whether one of `wanted` is among a reader's topics; letters of any case are the same. Only for templates."""
    return not {as_text(topic).casefold() for topic in _items(topics)}.isdisjoint(map(str.casefold, wanted))


def _items(value: Any) -> tuple[Any, ...]:
    if isinstance(value, (tuple, list)):
        if len(value) > MOST_ITEMS:
            raise TooManyItems
        return tuple(value)
    return () if is_empty(value) else (value,)


def _form(form: str) -> Any:
    if form not in FORMATS:
        raise Refused(f"a date is written {', '.join(FORMATS)}, not {form!r}")
    return form


def _moment(value: Any, what: str) -> Any:
    """The date, time or datetime that `value` is or spells in ISO 8601; None where there is nothing."""
    if is_empty(value) or isinstance(value, (date, time)):
        return None if is_empty(value) else value
    text = as_text(value).strip()
    for read in (time.fromisoformat, datetime.fromisoformat) if what == "time" else (datetime.fromisoformat,):
        try:
            return read(text)
        except ValueError:
            continue
    raise Unfit(text, what, f"write it like 2026-05-31 or 2026-05-31T14:30, or print it without | {what}")
