"""The organisation that owns lists and mailings. There is one at first; it comes into being when it is needed."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.bulk import insert
from subscribers.models import Organisation

FIRST_NAME = "default"
"""What the first organisation is called until the house style gives its real name to readers."""


def default_organisation(session: Session) -> Organisation:
    """The first organisation, made at first use; safe when two processes need it at once."""
    first = select(Organisation).order_by(Organisation.id).limit(1)
    found = session.scalar(first)
    if found is None:
        session.execute(insert(session, Organisation).values(name=FIRST_NAME).on_conflict_do_nothing())
        found = session.scalars(first).one()
    return found
