"""Days and times: whether they agree with the calendar, and with the day on which the mailing goes out."""

import re
from collections.abc import Iterator
from datetime import date

from babel.dates import format_date, get_day_names

from mailer.checks import words
from mailer.checks.calendar import TIME, ZONE, Day, days
from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.pieces import Block, Sort
from mailer.checks.registry import Found, edition_rule
from mailer.findings import Level

_SENTENCE = re.compile(r"[^.!?…]+(?:[.!?…](?!\s)[^.!?…]*)*")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?P<zone>.*))?")


@edition_rule(Level.error)
def wrong_weekday(edition: Edition, dossier: Dossier) -> Found:
    """The day of the week is not that date's."""
    for block, day in dated(edition):
        meant = day.near(dossier.goes_out.date())
        if meant and day.weekday is not None and meant.weekday() != day.weekday:
            written = " ".join(block.text[day.begin : day.end].split())
            names = get_day_names(locale="en")
            yield (
                block.where(day.begin),
                f"{written!r}: {_long(meant)} is a {names[meant.weekday()]}, not a {names[day.weekday]}",
                "correct the day of the week or the date",
            )


@edition_rule(Level.error)
def impossible_date(edition: Edition, dossier: Dossier) -> Found:
    """The calendar has no such day."""
    for block, day in dated(edition):
        if day.near(dossier.goes_out.date()) is None:
            written = " ".join(block.text[day.begin : day.end].split())
            yield block.where(day.begin), f"there is no such day as {written!r}", "correct the date"


@edition_rule(Level.warning)
def past_date(edition: Edition, dossier: Dossier) -> Found:
    """A date that is announced has passed when the mailing goes out."""
    today = dossier.goes_out.date()
    for block, day in dated(edition):
        meant = day.near(today)
        sentence = next((one for one in _SENTENCE.finditer(block.text) if one.start() <= day.begin < one.end()), None)
        if meant and meant < today and sentence and any(words.find("ahead", sentence[0], edition.language)):
            written = " ".join(block.text[day.begin : day.end].split())
            yield block.where(day.begin), f"{written!r} has passed: the mailing goes out on {_long(today)}", _REWRITE
    for path, words_of in _moments(edition):
        if words_of[:10] < today.isoformat() and not path.startswith("dateline"):
            message = f"{words_of[:10]} has passed: the mailing goes out on {_long(today)}"
            yield edition.at(path), message, "correct the date or take it out"


@edition_rule(Level.warning)
def day_word(edition: Edition, dossier: Dossier) -> Found:
    """Today or tomorrow, in words, in a mailing that goes out on another day than it was written."""
    if not dossier.scheduled:
        return
    for block in edition.blocks:
        for found in words.find("day", block.text, edition.language):
            yield (
                block.where(found.start()),
                f"{found[0]!r} will be read on {_long(dossier.goes_out.date())} and later",
                "write the day's date, or make sure that it is meant from that day on",
            )


@edition_rule(Level.warning)
def no_time_zone(edition: Edition, dossier: Dossier) -> Found:
    """A time of day, and nowhere whose clock is meant."""
    del dossier
    if any(
        ZONE.search(block.text) or any(words.find("zone", block.text, edition.language)) for block in edition.blocks
    ):
        return
    if edition.front_text("event", "zone"):
        return
    times = [
        (block, found) for block in edition.blocks if block.sort != Sort.code for found in TIME.finditer(block.text)
    ]
    times = [(block, found) for block, found in times if not _ISO.search(block.text)]
    if times:
        block, found = times[0]
        more = f" (and {len(times) - 1} more)" if len(times) > 1 else ""
        yield (
            block.where(found.start()),
            f"{found[0]!r}{more} does not say whose time it is, and your readers live in several zones",
            "add it once, as in 10:00 CET or 10:00 Brussels time",
        )


_REWRITE = "correct the date, or write of it as past"


def dated(edition: Edition) -> Iterator[tuple[Block, Day]]:
    """The dates of an edition, with the blocks they stand in."""
    for block in edition.blocks:
        if block.sort != Sort.code:
            for day in days(block.text, edition.language):
                yield block, day


def _moments(edition: Edition) -> Iterator[tuple[str, str]]:
    """The fields that are dates, such as an event's."""
    for passage in edition.passages:
        if passage.at.field and _ISO.fullmatch(passage.text.strip()):
            yield passage.at.field, passage.text.strip()


def _long(day: date) -> str:
    return format_date(day, "d MMMM y", locale="en")
