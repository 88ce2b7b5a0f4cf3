"""The check before sending: what is wrong with a mailing, and what may be."""

from datetime import datetime

from sqlalchemy.orm import Session

from mailer.checks.gathering import gather
from mailer.checks.rules import findings
from mailer.findings import Level, Report
from mailer.models import Mailing


def check_mailing(
    session: Session,
    mailing: Mailing,
    *,
    goes_out: datetime | None = None,
    now: datetime | None = None,
    online: bool = False,
) -> Report:
    """Everything found about the mailing as it and its audience are now; changes nothing.

    Compiles each edition and makes the message of every reader up to 20,000. `goes_out` is when it would be sent, else
    when it is scheduled, or now; `online` lets its links be asked whether they lead somewhere. Raises Unknown where
    the audience names a list, segment or mailing that is gone.
    """
    dossier = gather(session, mailing, goes_out=goes_out, now=now, online=online)
    found = findings(dossier)
    files = list(dict.fromkeys(finding.at.file for finding in found))
    found.sort(key=lambda one: (one.level != Level.error, files.index(one.at.file), one.at.line or 0))
    readers = dossier.readers
    return Report(
        mailing.name, found, readers.number, dict(readers.languages), dict(readers.left_out), readers.rendered
    )
