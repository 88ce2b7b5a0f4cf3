"""The fields of a subscriber, and how a text becomes the value of each.

Every reader raises Refused with a reason that stands behind "line 7: ". Each is cached: the cells of a column repeat.
"""

import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

from babel import Locale

from config.errors import Refused
from subscribers import locales
from subscribers.models import Role

ATTRIBUTE = "attributes."
"""The prefix of a column or field name that always means an attribute."""
EU_CODES = {"UK": "GB", "EL": "GR"}
"""The codes of EU documents where ISO 3166-1 has others."""
NOT_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})

_TAG = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)\Z"
)


@cache
def _languages() -> frozenset[str]:
    return frozenset(Locale("en").languages)


@cache
def countries() -> frozenset[str]:
    """The ISO 3166-1 alpha-2 codes."""
    codes = {str(code) for code in Locale("en").territories}
    return frozenset(code for code in codes - NOT_COUNTRIES if len(code) == 2)


@cache
def _time_zones() -> dict[str, str]:
    return {name.casefold(): name for name in zoneinfo.available_timezones()}


@lru_cache(maxsize=4096)
def language(text: str) -> str:
    """The BCP 47 tag as it is usually written: `FR_be` is `fr-BE`, and so are names: `français` is `fr`."""
    found = _TAG.match(text.strip().replace("_", "-").lower())
    if not found or found["language"] not in _languages():
        if named := locales.language_named(text):
            return named
        raise Refused(f"{text[:40]!r} is not a language; write its code, as in fr or pt-BR")
    script, region = found["script"] or "", found["region"] or ""
    return "-".join(part for part in (found["language"], script.title(), region.upper()) if part) + found["variants"]


@lru_cache(maxsize=4096)
def country(text: str) -> str:
    """The ISO 3166-1 alpha-2 code in capitals, also of a country's name: `Belgique` is `BE`."""
    code = text.strip().upper()
    code = EU_CODES.get(code, code)
    if code not in countries():
        code = locales.country_named(text) or code
    if code not in countries():
        raise Refused(f"{text[:40]!r} is not a country; write its two-letter code, as in BE")
    return code


@lru_cache(maxsize=4096)
def time_zone(text: str) -> str:
    """The name of a time zone of the IANA database."""
    found = _time_zones().get(text.strip().casefold())
    if found is None:
        raise Refused(f"{text[:40]!r} is not a time zone; write it as in Europe/Brussels")
    return found


@lru_cache(maxsize=4096)
def role(text: str) -> Role:
    """One of the roles."""
    try:
        return Role(text.strip().lower())
    except ValueError:
        raise Refused(f"{text[:40]!r} is not a role; there are: {', '.join(Role)}") from None


def one_line(text: str) -> str:
    """The text on one line, its inner white space and control characters made single spaces, in NFC."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    plain = "".join(" " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter for letter in text)
    return unicodedata.normalize("NFC", " ".join(plain.split()))


@lru_cache(maxsize=4096)
def several(text: str) -> tuple[str, ...]:
    """The values in one cell, split at `;`, `|` or `,`, each once."""
    words = (one_line(word) for word in re.split(r"[;|,]", text))
    return tuple(dict.fromkeys(word for word in words if word))


@lru_cache(maxsize=4096)
def languages(text: str) -> tuple[str, ...]:
    """BCP 47 tags in order of preference."""
    return tuple(dict.fromkeys(language(word) for word in several(text)))


FIELDS: Mapping[str, Callable[[str], Any]] = {
    "first_name": one_line,
    "last_name": one_line,
    "languages": languages,
    "country": country,
    "time_zone": time_zone,
    "role": role,
    "organisation": one_line,
    "topics": several,
}
"""Each field beside the address, in the order of the columns, with its reader."""


def field_of(column: str) -> str | None:
    """The field that a column's name means, however it is spelt (`First Name`, `E-Mail`), or None."""
    return _spelt().get(_squeezed(column))


def _squeezed(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter not in " _-")


@cache
def _spelt() -> dict[str, str]:
    return {_squeezed(name): name for name in ("email", *FIELDS)}
