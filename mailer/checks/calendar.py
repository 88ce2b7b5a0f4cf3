"""Dates and times in a text, as each language writes them (the names of days and months are Babel's)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from mailer.render.filters import locale_of

_VOWELS = "aeiouyáàâäãåæāąéèêëēęěíìîïīįóòôöõøőúùûüūųűýαεηιουωάέήίόύώаеиоуыюяєії"
_LONG = 5
"""Letters from which on a name may have another ending than in the dictionary."""
_ORDINAL = r"(?:st|nd|rd|th|er|re|º|ª|ος|η|-?(?:е|го|та|ви|і)|\.)?"
_LITTLE = r"(?:[^\W\d]{1,4}[.’]?\s+|[dltL]’)?"
"""A little word between the parts: the, den, de, dia, m."""
TIME = re.compile(
    r"(?<![\d:.,/-])(?:"
    r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\d:])"  # 10:30
    r"|(?:[01]?\d|2[0-3])\s?h(?:\s?[0-5]\d)?(?!\w)"  # 10h30, 10 h
    r"|(?:kl\.?|klo|ore|om|alle)\s(?:[01]?\d|2[0-3])\.[0-5]\d(?!\d)"  # kl. 10.30
    r"|(?:[01]?\d|2[0-3])(?:[.:][0-5]\d)?\s?(?:Uhr|uur|[ap]\.?m\.?)(?!\w)"  # 10 Uhr, 3 pm
    r")(?:\s?[ap]\.?m\.?(?!\w))?"
)
ZONE = re.compile(
    r"(?<!\w)(?:UTC|GMT|CET|CEST|EET|EEST|WET|WEST|BST|IST|MEZ|MESZ|HEC|HAEC|MSK|TRT|E[SD]?T|P[SD]T)(?!\w)"
    r"|(?<!\w)(?:Europe|Africa|America|Asia|Australia)/\w+|\d[+-]\d\d:?\d\d(?!\d)|:\d\dZ(?!\w)"
)


@dataclass(frozen=True, slots=True)
class Day:
    """A date in a text: `month` and `day` as written, which there may not be; `weekday` from Monday, 0."""

    begin: int
    end: int
    day: int
    month: int
    year: int | None = None
    weekday: int | None = None

    def near(self, other: date) -> date | None:
        """The date itself; without a year the one nearest to `other`. None where the calendar has no such day."""
        years = [self.year] if self.year else [other.year - 1, other.year, other.year + 1]
        found = [one for one in (_date(year, self.month, self.day) for year in years) if one]
        return min(found, key=lambda one: abs(one - other), default=None)


def days(text: str, language: str) -> Iterator[Day]:
    """The dates of a text that name a month, or are written in figures with their year."""
    taken = 0
    pattern, weekdays, months = _grammar(language)
    for found in pattern.finditer(text.replace("'", "’")):
        if found.start() < taken:
            continue
        parts = {name.rstrip("0123456789"): value for name, value in found.groupdict().items() if value is not None}
        day, month = int(parts["d"]), parts["m"]
        number = int(month) if month.isdecimal() else months[_key(month, months)]
        if month.isdecimal() and (language == "en-US" or number > 12) and day <= 12:
            day, number = number, day
        weekday = parts.get("w")
        taken = found.end()
        yield Day(
            found.start(),
            found.end(),
            day,
            number,
            int(parts["y"]) if "y" in parts else None,
            weekdays[_key(weekday, weekdays)] if weekday else None,
        )


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


@cache
def _grammar(language: str) -> tuple[re.Pattern[str], dict[str, int], dict[str, int]]:
    locale = locale_of(language)
    weekdays = _stems(locale.days)
    months = _stems(locale.months)
    w, m = _alternatives(weekdays), _alternatives(months)
    y = r"(?:19|20)\d\d"
    # Each way of writing has the same parts under names of its own.
    weekday = rf"(?<!\w)(?P<w@>{w})\.?[\s,،]*{_LITTLE}"
    after = rf"(?:\s*(?:[^\W\d]\.)?[,(]?\s*\(?(?P<w1@>{w})(?!\w))?"
    year = rf"(?:[\s,]*{_LITTLE}(?P<y@>{y})(?![\d:]))?"
    day_first = rf"(?:{weekday})?(?<![\d.,/:-])(?P<d@>\d{{1,2}}){_ORDINAL}\s*{_LITTLE}(?P<m@>{m})(?!\w)\.?{year}{after}"
    forms = [
        rf"(?:{weekday})?(?<!\d)(?P<y@>{y})\.\s*gada\s+(?P<d@>\d{{1,2}})\.\s*(?P<m@>{m})(?!\w)",
        day_first,
        rf"(?:{weekday})?(?<!\w)(?P<m@>{m})\.?\s+(?P<d@>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:.]\d|\d)(?:,?\s+(?P<y@>{y})(?!\d))?",
        rf"(?<!\d)(?P<y@>{y})\.?\s*{_LITTLE}(?P<m@>{m})(?!\w)\s*(?P<d@>\d{{1,2}})(?!\d)[^\s,(]{{0,3}}(?:\s*d\.)?{after}",
        rf"(?<![\w-])(?P<y@>{y})-(?P<m@>\d\d)-(?P<d@>\d\d)(?!\d|-)",
        rf"(?:{weekday})?(?<![\d.,/:-])(?P<d@>\d{{1,2}})[./](?P<m@>\d{{1,2}})[./](?P<y@>{y})(?![\d/.]\d)",
    ]
    numbered = []
    for number, form in enumerate(forms):
        if locale.language != "en" and number == 2:
            continue
        numbered.append(form.replace("1@>", f"{number + 10}>").replace("@>", f"{number}>"))
    return re.compile("|".join(numbered), re.IGNORECASE), weekdays, months


def _stems(names: Mapping[str, Any]) -> dict[str, int]:
    """What names begin with, or are where they are short: in many languages their ends change with the sentence."""
    found: dict[str, int] = {}
    for width in ("wide", "abbreviated"):
        for context in ("format", "stand-alone"):
            for number, name in names[context][width].items():
                word = name.lower().rstrip(".")
                if len(word) < 2 or word.isdecimal():
                    continue
                found.setdefault(word, number)
                if width == "wide" and len(word) >= _LONG:
                    found.setdefault(f"{word.rstrip(_VOWELS) if word[-1] in _VOWELS else word}*", number)
    return found


def _alternatives(stems: dict[str, int]) -> str:
    longest_first = sorted(stems, key=len, reverse=True)
    return "|".join(
        re.escape(stem.rstrip("*")) + (r"\w{0,4}" if stem.endswith("*") else r"(?!\w)") for stem in longest_first
    )


def _key(word: str, stems: dict[str, int]) -> str:
    word = word.lower().rstrip(".")
    if word in stems:
        return word
    return max((stem for stem in stems if stem.endswith("*") and word.startswith(stem[:-1])), key=len)
