"""The figures of a text, whatever its language writes between thousands and before decimals."""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from mailer.checks.calendar import TIME, days
from mailer.render.filters import locale_of

_NUMBER = re.compile(r"(?<![\w.,٫٬])\d+(?:[.,'’٫٬\u00a0\u202f\u2009 ]\d{3}(?!\d))*(?:[.,٫]\d+)?(?!\d)")
_PHONE = re.compile(r"\+\d[\d ()./\u00a0-]{6,}\d")
_URL = re.compile(r"\S+://\S+|\S+@\S+")
WRITTEN_OUT = 12
"""Up to which one language writes a figure and the other a word."""


def figures(text: str, language: str) -> Iterator[tuple[int, Decimal]]:
    """Each figure with where it stands: no dates, times, telephone numbers, addresses, and no small whole numbers."""
    covered = [found.span() for pattern in (_PHONE, _URL, TIME) for found in pattern.finditer(text)]
    covered += [(day.begin, day.end) for day in days(text, language)]
    for found in _NUMBER.finditer(text):
        if any(begin < found.end() and found.start() < end for begin, end in covered):
            continue
        value = _value(found[0], language)
        if value != int(value) or value > WRITTEN_OUT:
            yield found.start(), value


@cache
def _symbols(language: str) -> tuple[str, str]:
    symbols = locale_of(language).number_symbols
    latin = symbols.get("latn", symbols)
    return latin.get("decimal", "."), latin.get("group", ",")


def _value(written: str, language: str) -> Decimal:
    decimal, group = _symbols(language)
    digits = re.sub(r"['’٬\u00a0\u202f\u2009 ]", "", written).replace("٫", decimal)
    last = max(digits.rfind("."), digits.rfind(","))
    if last >= 0:
        # What stands before three digits divides thousands, unless it is this language's sign for decimals alone.
        thousands = len(digits) - last == 4 and not (digits[last] == decimal and group not in ".,'’")
        thousands = thousands and (digits[last] != decimal or digits.count(digits[last]) > 1)
        whole = re.sub(r"[.,]", "", digits[:last])
        digits = whole + digits[last + 1 :] if thousands else f"{whole}.{digits[last + 1 :]}"
    return Decimal("".join(str(int(one)) if one.isdecimal() else one for one in digits))
