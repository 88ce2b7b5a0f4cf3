"""Pictures, for those who cannot see them and for those who can."""

import re

from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.pieces import Picture
from mailer.checks.registry import Found, edition_rule
from mailer.findings import Level

_FILE_NAME = re.compile(
    r"\S+\.(?:png|jpe?g|gif|webp|svg|tiff?|heic)|(?:img|dsc|dscn|pxl|screenshot)[\s_-]*[\d_-]+\w*", re.IGNORECASE
)
_SAYS_NOTHING = {"image", "picture", "photo", "logo", "chart", "graph", "foto", "bild", "grafik", "imagem", "imagen"}


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


@edition_rule(Level.warning)
def alt_is_file_name(edition: Edition, dossier: Dossier) -> Found:
    """The words of a picture are its file's name, or say nothing."""
    del dossier
    for picture in edition.pictures:
        words = picture.alt.strip()
        stem = picture.name.rpartition(".")[0].lower()
        if _FILE_NAME.fullmatch(words) or words.lower() in {picture.name.lower(), stem, *_SAYS_NOTHING}:
            yield (
                picture.at,
                f"{words!r} tells nobody what the picture {picture.name} shows",
                "write what a reader who cannot see it would want to know",
            )


def _example(picture: Picture, field: str) -> str:
    """How it is written, in a field of the front matter or in Markdown."""
    if picture.at.field:
        return f" in the field `{field}` beside it"
    return f': ![What it shows]({picture.name} "Photo: Jo Doe")'
