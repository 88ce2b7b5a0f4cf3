"""Whose pages these are."""

from sqlalchemy import select

from config.database import reading
from mailer.house import load_house
from subscribers.models import Organisation


def sender_name() -> str:
    """The organisation's name as its mail shows it; empty where there are several, for a page names only one.

    Never looked up by a link's token: a page that depended on it would tell real tokens from made-up ones.
    """
    with reading() as session:
        ids = session.scalars(select(Organisation.id).limit(2)).all()
        return load_house(session, ids[0]).name if len(ids) == 1 else ""
