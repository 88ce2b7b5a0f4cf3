"""Which edition somebody gets."""

from collections.abc import Sequence
from functools import cache

from babel.languages import get_official_languages

from mailer.models import Fallback


def choose(available: Sequence[str], languages: Sequence[str], country: str, default: str, fallback: str) -> str | None:
    """The one of `available` (BCP 47 tags) to send to a person who reads `languages`, best first, in `country`.

    Each of their languages in order, as exactly as there is an edition (`pt-BR`: first `pt-BR`, then `pt`, then any
    other `pt-...`); then their country's language where it has one official language; then, as `fallback` says, the
    edition in `default`, or None: no mail.
    """
    for wanted in (*languages, *_only_language(country)):
        found = closest(available, wanted)
        if found:
            return found
    return default if fallback == Fallback.default and default in available else None


def official_languages(country: str) -> tuple[str, ...]:
    """The languages official in the whole of `country` (ISO 3166-1 alpha-2), without their scripts.

    Where the law names none, those that are official in fact: English in the United States. Norway's two written
    forms count as one.
    """
    by_law = get_official_languages(country.upper(), regional=False, de_facto=False)
    found = by_law or get_official_languages(country.upper(), regional=False, de_facto=True)
    named = dict.fromkeys(tag.partition("_")[0] for tag in found)
    return ("nb",) if named.keys() == {"no", "nb", "nn"} else tuple(named)


def closest(available: Sequence[str], wanted: str) -> str | None:
    """The one of `available` that is `wanted` or nearest to it (`pt` for `pt-BR`, then `pt-PT`), or None."""
    by_tag = {_normal(tag): tag for tag in available}
    tag = _normal(wanted)
    while tag:
        if tag in by_tag:
            return by_tag[tag]
        tag = tag.rpartition("-")[0]
    primary = _normal(wanted).partition("-")[0]
    # An author who wrote only fr-CA wrote French: closer to a reader of fr than the fallback is.
    return next((by_tag[tag] for tag in sorted(by_tag) if tag.partition("-")[0] == primary), None) if primary else None


def _normal(tag: str) -> str:
    tag = tag.strip().replace("_", "-").lower()
    return "nb" if tag == "no" else tag


@cache
def _only_language(country: str) -> tuple[str, ...]:
    official = official_languages(country) if country else ()
    return official if len(official) == 1 else ()
