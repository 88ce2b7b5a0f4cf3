"""Countries and languages by their names, as address books write them: `Deutschland`, `Germany`, `français`."""

from collections.abc import Callable, Mapping
from functools import cache

from babel import Locale

from subscribers.sources.table import known, squeezed

# The official languages of the European Union, and of those who write to its press.
LANGUAGES = (
    *("en", "bg", "cs", "da", "de", "el", "es", "et", "fi", "fr", "ga", "hr", "hu", "it", "lt", "lv", "mt", "nl", "pl"),
    *("pt", "ro", "sk", "sl", "sv", "ar", "ca", "ja", "nb", "ru", "sr", "tr", "uk", "zh"),
)


def country_named(name: str) -> str | None:
    """The ISO 3166-1 code of a country by its name in one of LANGUAGES, or None."""
    return _countries().get(squeezed(name))


def language_named(name: str) -> str | None:
    """The BCP 47 tag of a language by its name in one of LANGUAGES, or None. `English (United Kingdom)` is `en-GB`."""
    whole, opens, region = name.rstrip(") ").partition("(")
    language = _languages().get(squeezed(whole))
    country = country_named(region) if opens else None
    return f"{language}-{country}" if language and country else language


@cache
def _countries() -> Mapping[str, str]:
    found = _named(lambda locale: locale.territories)
    return {**{name: code for name, code in found.items() if len(code) == 2 and code.isalpha()}, **known().countries}


@cache
def _languages() -> Mapping[str, str]:
    found = _named(lambda locale: locale.languages)
    return {name: code.replace("_", "-") for name, code in found.items() if len(code.partition("_")[0]) == 2}


def _named(names: Callable[[Locale], Mapping[str, str]]) -> dict[str, str]:
    """Name to code; a name that is two things in two languages is none of them."""
    codes: dict[str, set[str]] = {}
    for language in LANGUAGES:
        for code, name in names(Locale(language)).items():
            codes.setdefault(squeezed(name), set()).add(code)
    return {name: one.pop() for name, one in codes.items() if len(one) == 1}
