"""The files of the folder: named and absent, there and not used."""

import re

from mailer.checks import words
from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.pieces import Sort
from mailer.checks.registry import Found, edition_rule, mailing_rule
from mailer.findings import Level
from mailer.render.errors import Where

_FILE = re.compile(r"(?<![\w/@.-])[\w-]+\.(?:pdf|docx?|xlsx?|pptx?|odt|ods|zip|ics|rtf)(?!\w)", re.IGNORECASE)
_NO_PROMISE = re.compile(r"\s+(?:to|great|importance|no|so much)\b")


@edition_rule(Level.warning)
def no_attachment(edition: Edition, dossier: Dossier) -> Found:
    """The text promises a file, and none is attached."""
    attached = {name.lower() for name in dossier.attachments}
    for block in edition.blocks:
        if block.sort == Sort.code:
            continue
        for found in _FILE.finditer(block.text):
            if found[0].lower() not in attached:
                message = f"the text names {found[0]}, which is not attached"
                yield block.where(found.start()), message, f"add it to the folder and to `attachments: [{found[0]}]`"
        for found in words.find("attached", block.text, edition.language) if not attached else ():
            if not _NO_PROMISE.match(block.text, found.end()) and not _FILE.search(block.text):
                message = f"the text says {found[0]!r}, and nothing is attached"
                yield block.where(found.start()), message, "name the file under `attachments:` in mailing.yaml"


@mailing_rule(Level.warning)
def unused_file(dossier: Dossier) -> Found:
    """A file in the folder that nothing uses."""
    shown = {name for edition in dossier.editions for name in edition.shown}
    if any(edition.proofs is None for edition in dossier.editions):
        shown |= set(dossier.files)  # what a text shows that cannot be compiled is not known
    for name in sorted({*dossier.files, *dossier.unused} - shown - set(dossier.attachments)):
        yield Where(name), "nothing uses this file", "show it in a text, name it under `attachments:`, or move it away"
