"""Several mails about one event: a first invitation, changes, a cancellation."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.models import Draft, Mailing
from mailer.render.event import Revision
from mailer.render.kinds import load_kind


def revision_of(session: Session, mailing: Mailing) -> Revision:
    """How many mailings about the same event were sent before this one, and when this one came to be.

    Calendars take in only what has a higher number (RFC 5545, section 3.8.7.4); nobody has to count.
    """
    field = load_kind(mailing.kind).event_field
    if not field:
        return Revision()
    name = _event_name(session, mailing.id, field)
    before = select(Mailing).where(
        Mailing.organisation_id == mailing.organisation_id,
        Mailing.kind == mailing.kind,
        Mailing.id != mailing.id,
        Mailing.started_at.is_not(None),
    )
    if mailing.started_at is not None:
        before = before.where(Mailing.started_at < mailing.started_at)
    others = [other.id for other in session.scalars(before)]
    number = sum(bool(name) and _event_name(session, other, field) == name for other in others)
    return Revision(number, mailing.created_at)


def _event_name(session: Session, mailing_id: int, field: str) -> str:
    """The name of the event that a mailing's texts are about."""
    fronts = session.scalars(select(Draft.front).where(Draft.mailing_id == mailing_id).order_by(Draft.language))
    groups = (front.get(field) for front in fronts)
    return next((str(group["name"]) for group in groups if isinstance(group, dict) and group.get("name")), "")
