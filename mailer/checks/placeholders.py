"""What somebody meant to fill in or take out before sending."""

from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.leftovers import FROM_WORD, PERHAPS, SURE, leftovers
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


@edition_rule(Level.error)
def word_leftover(edition: Edition, dossier: Dossier) -> Found:
    """A comment, a tracked change or a broken reference that Word left."""
    del dossier
    for passage in edition.passages:
        for found, what in leftovers(passage.text, FROM_WORD):
            yield passage.where(found.start()), f"{' '.join(found[0].split())!r} looks like {what}", "take it out"
