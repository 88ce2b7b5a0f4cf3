"""Whether the editions say the same: each is compared with the one in the default language."""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from mailer.checks.dates import dated
from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.figures import figures
from mailer.checks.pieces import Sort
from mailer.checks.registry import Found, mailing_rule
from mailer.findings import Level
from mailer.render.errors import Where

_CORRECT = "correct the one that is wrong"


@mailing_rule(Level.warning)
def figures_differ(dossier: Dossier) -> Found:
    """A figure that stands in one language only."""

    def read(edition: Edition) -> Iterator[tuple[Decimal, str, Where]]:
        for block in edition.blocks:
            for at, value in figures(block.text, edition.language) if block.sort != Sort.code else ():
                yield value, f"{value.normalize():,f}", block.where(at)

    yield from _differences(dossier, read, "the figures")


@mailing_rule(Level.warning)
def dates_differ(dossier: Dossier) -> Found:
    """A date that stands in one language only."""

    def read(edition: Edition) -> Iterator[tuple[tuple[int, int], str, Where]]:
        for block, day in dated(edition):
            if day.near(dossier.goes_out.date()):
                yield (day.month, day.day), f"{day.day}/{day.month}", block.where(day.begin)

    yield from _differences(dossier, read, "the dates (day/month)")


@mailing_rule(Level.warning)
def links_differ(dossier: Dossier) -> Found:
    """A link that stands in one language only; pages of the same site in each language are the same."""

    def read(edition: Edition) -> Iterator[tuple[str, str, Where]]:
        for link in edition.links:
            yield _without_language(link.target, edition.language), link.target, link.at

    yield from _differences(dossier, read, "the links")


@mailing_rule(Level.warning)
def pictures_differ(dossier: Dossier) -> Found:
    """Not as many pictures in each language."""

    def count(edition: Edition) -> int:
        return len(edition.pictures)

    yield from _counts(dossier, count, "picture")


@mailing_rule(Level.warning)
def paragraphs_differ(dossier: Dossier) -> Found:
    """Not as many paragraphs, headings or items in each language: something was forgotten, or not translated."""
    for sort, name in ((Sort.heading, "heading"), (Sort.paragraph, "paragraph"), (Sort.item, "list item")):

        def count(edition: Edition, sort: Sort = sort) -> int:
            return sum(block.sort == sort for block in edition.blocks)

        yield from _counts(dossier, count, name)


@mailing_rule(Level.warning)
def quotes_differ(dossier: Dossier) -> Found:
    """Not as many quotes in each language."""

    def count(edition: Edition) -> int:
        quotes = edition.front.get("quotes")
        return sum(block.sort == Sort.quote for block in edition.blocks) + (
            len(quotes) if isinstance(quotes, list) else 0
        )

    yield from _counts(dossier, count, "quote")


def _pairs(dossier: Dossier) -> Iterator[tuple[Edition, Edition]]:
    for other in dossier.editions[1:]:
        yield dossier.editions[0], other


def _differences(dossier: Dossier, read: Callable[[Edition], Iterator[tuple[Any, str, Where]]], what: str) -> Found:
    for first, other in _pairs(dossier):
        ours = {key: (shown, at) for key, shown, at in read(first)}
        theirs = {key: (shown, at) for key, shown, at in read(other)}
        more = [theirs[key] for key in theirs if key not in ours]
        less = [ours[key] for key in ours if key not in theirs]
        if more or less:
            at = more[0][1] if more else other.at()
            parts = [f"only here {_listed(more)}"] if more else []
            parts += [f"only in {first.file} {_listed(less)}"] if less else []
            yield at, f"{what} are not those of {first.file}: {', '.join(parts)}", _CORRECT


def _listed(found: list[tuple[str, Where]]) -> str:
    shown = [f"{text} (line {at.line})" if at.line else text for text, at in found[:4]]
    return ", ".join([*shown, *([f"and {len(found) - 4} more"] if len(found) > 4 else [])])


def _counts(dossier: Dossier, count: Callable[[Edition], int], what: str) -> Found:
    for first, other in _pairs(dossier):
        ours, theirs = count(first), count(other)
        if ours != theirs:
            message = f"{theirs} {what}{'s' * (theirs != 1)} here, {ours} in {first.file}"
            yield other.at(), message, "see what was forgotten or added"


def _without_language(target: str, language: str) -> str:
    """A link as it is in all languages: from an address that names the language, the site alone."""
    parts = urlsplit(target)
    codes = {language.lower(), language.partition("-")[0].lower()}
    steps = [*(parts.hostname or "").split("."), *parts.path.split("/"), *re.split(r"[=&]", parts.query)]
    ends = tuple(f"-{code}" for code in codes)
    if not any(step.lower() in codes or step.lower().partition(".")[0].endswith(ends) for step in steps):
        return target.rstrip("/")
    site = [part for part in (parts.hostname or "").split(".") if part.lower() not in {*codes, "www"}]
    return ".".join(site)
