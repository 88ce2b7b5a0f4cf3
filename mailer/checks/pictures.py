"""Pictures, for those who cannot see them and for those who can."""

from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition, Picture
from mailer.checks.registry import Found, edition_rule
from mailer.findings import Level


@edition_rule(Level.error)
def no_alt_text(edition: Edition, dossier: Dossier) -> Found:
    """A picture without words."""
    del dossier
    for picture in edition.pictures:
        if not picture.alt.strip():
            problem = f"the picture {picture.name} has no words for those who cannot see it"
            yield picture.at, problem, f"describe it{_example(picture, 'alt')}"


@edition_rule(Level.error)
def no_credit(edition: Edition, dossier: Dossier) -> Found:
    """A picture that does not say who made it."""
    del dossier
    for picture in edition.pictures:
        if not picture.credit.strip():
            problem = f"the picture {picture.name} does not say who made it"
            yield picture.at, problem, f"name them{_example(picture, 'credit')}"


def _example(picture: Picture, field: str) -> str:
    """How it is written, in a field of the front matter or in Markdown."""
    if picture.at.field:
        return f" in the field `{field}` beside it"
    return f': ![What it shows]({picture.name} "Photo: Jo Doe")'
