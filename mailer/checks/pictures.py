"""Pictures, for those who cannot see them and for those who can."""

from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.registry import Found, edition_rule
from mailer.findings import Level


@edition_rule(Level.warning)
def no_alt_text(edition: Edition, dossier: Dossier) -> Found:
    """A picture without words."""
    del dossier
    for picture in edition.pictures:
        if not picture.alt.strip():
            yield (
                picture.at,
                f"the picture {picture.name} has no words for those who cannot see it",
                f"describe it between the brackets: ![What it shows]({picture.name})",
            )
