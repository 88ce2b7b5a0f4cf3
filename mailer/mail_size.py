"""How large a mailing's messages are, and whether its relays take that much."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer import relays
from mailer.findings import Report
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


def check_size(report: Report, session: Session, edition: CompiledEdition, document: int) -> None:
    """Report an edition that is larger than a relay takes, as far as relays have said what they take."""
    smallest = relays.smallest(session)
    size = octets(session, edition, document)
    if smallest is not None and size > smallest.limit:
        report.error(
            "size",
            f"{edition.language}.md",
            f"the mail has {size // 1000:,} KB with its files, and relay {smallest.name} takes no more than"
            f" {smallest.limit // 1000:,} KB",
            "make the files smaller, or put them on the website and link to them",
        )
