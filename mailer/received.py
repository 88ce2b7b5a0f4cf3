"""The segment rule `{"received": "value-gap"}`: who was sent a mailing."""

from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, or_, select
from sqlalchemy.orm import Session, aliased

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
    return had(
        and_(Delivery.mailing_id == mailing_id, Delivery.state.in_([State.sent, State.complained])), Subscriber.id
    )


def had(deliveries: ColumnElement[bool], person: SQLColumnExpression[int]) -> ColumnElement[bool]:
    """True of the persons (a column of subscribers' ids) who have such a delivery, under whatever address of theirs."""
    direct = select(Delivery.subscriber_id).where(deliveries)
    other = aliased(Subscriber)
    merged = select(other.merged_into_id).where(other.merged_into_id.is_not(None), other.id.in_(direct))
    return or_(person.in_(direct), person.in_(merged))


rules.register("received", received)
