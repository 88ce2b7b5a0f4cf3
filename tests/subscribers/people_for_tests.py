"""Invented people, put into the database without an import."""

from typing import Any

from sqlalchemy.orm import Session

from config.keys import address_hash
from subscribers.addresses import normalise
from subscribers.models import Subscriber


def add(session: Session, email: str, **values: Any) -> Subscriber:
    address = normalise(email)
    person = Subscriber(email=address.email, email_key=address.key, address_hash=address_hash(address.key), **values)
    session.add(person)
    session.flush()
    return person
