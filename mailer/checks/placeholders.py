"""What somebody meant to fill in or take out before sending."""

from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.leftovers import PERHAPS, SURE, leftovers
from mailer.checks.registry import Found, edition_rule
from mailer.findings import Level

_REMEDY = "fill it in or take it out"


@edition_rule(Level.error)
def placeholder(edition: Edition, dossier: Dossier) -> Found:
    """A blank that was not filled in."""
    del dossier
    for passage in edition.passages:
        for found, what in leftovers(passage.text, SURE):
            yield passage.where(found.start()), f"{found[0]!r} looks like {what}", _REMEDY


@edition_rule(Level.warning)
def possible_placeholder(edition: Edition, dossier: Dossier) -> Found:
    """What may be a blank that was not filled in."""
    del dossier
    for passage in edition.passages:
        certain = [found.span() for found, _ in leftovers(passage.text, SURE)]
        for found, what in leftovers(passage.text, PERHAPS):
            if not any(begin < found.end() and found.start() < end for begin, end in certain):
                yield passage.where(found.start()), f"{found[0]!r} looks like {what}", _REMEDY
