"""The segment rule `{"received": "value-gap"}`: who was sent a mailing."""

from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from config.errors import Refused, Unknown
from mailer.ledger.models import Delivery
from mailer.ledger.states import State
from mailer.models import Mailing
from subscribers import rules
from subscribers.models import Subscriber


def received(session: Session, name: Any) -> ColumnElement[bool]:
    """True of the subscribers that a server accepted the mailing for. Raises Unknown for a name there is not."""
    if not isinstance(name, str):
        raise Refused(f"a rule 'received' takes a mailing's name, not {name!r}")
    mailing_id = session.scalar(select(Mailing.id).where(Mailing.name == name))
    if mailing_id is None:
        raise Unknown("mailing", name, session.scalars(select(Mailing.name)))
    return Subscriber.id.in_(
        select(Delivery.subscriber_id).where(
            Delivery.mailing_id == mailing_id, Delivery.state.in_([State.sent, State.complained])
        )
    )


rules.register("received", received)
