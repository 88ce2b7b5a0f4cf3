"""How large a mailing's messages are."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.models import Media
from mailer.plan.compiled import CompiledEdition

BASE64 = 78 / 57
"""Octets on the wire for one of a file: 57 make a line of 76 and its end."""


def octets(session: Session, edition: CompiledEdition, document: int) -> int:
    """Octets that a message has at least, if its HTML has `document` of them; a file counts each time it is in it."""
    files = [file.hash for file in (*edition.pictures, *edition.attachments)]
    rows = session.execute(select(Media.hash, func.length(Media.content).label("size")).where(Media.hash.in_(files)))
    sizes: dict[str, int] = {row.hash: row.size for row in rows}
    return document + int(sum(sizes.get(file, 0) for file in files) * BASE64)
