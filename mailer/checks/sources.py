"""Who says so: authors, and speakers of quotes."""

import re
from collections.abc import Mapping

from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.pieces import Sort
from mailer.checks.registry import Found, edition_rule
from mailer.findings import Level

_NAMED = re.compile(r"(?:^|\n)\s*[—–-]{1,2}\s*\S|[—–]\s*[^\W\d_a-z][^.!?]{2,80}$")


@edition_rule(Level.warning)
def no_author(edition: Edition, dossier: Dossier) -> Found:
    """A piece that somebody signs, and nobody has."""
    author = edition.front.get("author")
    name = author.get("name") if isinstance(author, Mapping) else author
    if dossier.kind.check.author and not str(name or "").strip():
        yield edition.at("author"), "nobody is named as the author", "add `author:` with `name:` to the front matter"


@edition_rule(Level.warning)
def no_speaker(edition: Edition, dossier: Dossier) -> Found:
    """A quote of which nobody says whose it is."""
    if not dossier.kind.check.speakers:
        return
    quotes = edition.front.get("quotes")
    for number, quote in enumerate(quotes if isinstance(quotes, list) else (), 1):
        if isinstance(quote, Mapping) and quote.get("text") and not quote.get("speaker"):
            yield (
                edition.at(f"quotes.{number}"),
                "this quote has no speaker",
                "add `speaker:` and, if you like, `role:`",
            )
    for number, block in enumerate(edition.body_blocks):
        if block.sort != Sort.quote:
            continue
        after = edition.body_blocks[number + 1 : number + 2]
        if after and after[0].sort == Sort.quote:  # the next paragraph of the same quote
            continue
        if not _NAMED.search(block.text) and not (after and re.match(r"\s*[—–]", after[0].text)):
            yield (
                block.where(0),
                "this quote does not say whose it is",
                "end it with a line such as: — Ana Reis, Secretary",
            )
