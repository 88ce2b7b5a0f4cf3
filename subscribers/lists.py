"""Lists: named, with a purpose that people agreed to and a title in each language."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.bulk import insert
from config.errors import Refused, Unknown
from subscribers import fields
from subscribers.models import List, Standing, Subscription
from subscribers.organisation import default_organisation

DEFAULT = "default"
"""The key of the title that serves every language without one of its own."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class ListCounts:
    """A list and how many people stand on it, by standing."""

    name: str
    title: str
    purpose: str
    confirmed: int
    pending: int
    unsubscribed: int
    owner: str
    archived_at: str | None
    """ISO 8601, or None for a list in use."""


def short_name(what: str, name: str) -> str:
    """`name`, if it can be the short name of a `what` ("list"). Raises Refused: it stands in commands and List-Ids."""
    if not _NAME.match(name):
        raise Refused(f"{name!r} cannot be the name of a {what}: use a-z, 0-9 and hyphens within, 64 at most")
    return name


def create_list(session: Session, name: str, title: str, purpose: str = "press", owner: str = "") -> List:
    """A new list. Raises Refused for a name that is taken or no short name, and for an empty title."""
    title = fields.one_line(title)
    if not title:
        raise Refused(f"list {name!r} needs a title that readers understand")
    added = session.execute(
        insert(session, List)
        .values(
            organisation_id=default_organisation(session).id,
            name=short_name("list", name),
            purpose=short_name("purpose", purpose),
            titles={DEFAULT: title},
            owner=fields.one_line(owner),
        )
        .on_conflict_do_nothing()
        .returning(List.id)
    ).scalar()
    if added is None:
        raise Refused(f"there is a list named {name!r} already; choose another name")
    return session.get_one(List, added)


def find_list(session: Session, name: str) -> List:
    """The list of that name. Raises Unknown with the nearest."""
    found = session.scalar(select(List).where(List.name == name))
    if found is None:
        raise Unknown("list", name, session.scalars(select(List.name)))
    return found


def refuse_if_archived(chosen: List) -> None:
    """Raises Refused for an archived list, where somebody would be put on it or written to by it."""
    if chosen.archived_at is not None:
        raise Refused(
            f"the list {chosen.name!r} is archived since {chosen.archived_at:%Y-%m-%d};"
            f" take it into use again with: broadside list unarchive {chosen.name}"
        )


def archive(session: Session, name: str, *, archived: bool = True) -> bool:
    """Take a list out of use, or into use again; False if it was so already.

    Its people and their consent stay as they are, and it may still be left. A mailing whose audience is frozen goes on.
    """
    chosen = find_list(session, name)
    if (chosen.archived_at is not None) is archived:
        return False
    chosen.archived_at = datetime.now(UTC) if archived else None
    return True


def set_owner(session: Session, name: str, owner: str) -> None:
    """Write down who answers for the list; an empty text for nobody."""
    find_list(session, name).owner = fields.one_line(owner)


def set_title(session: Session, name: str, language: str, title: str) -> None:
    """Give the list a title in one language (a BCP 47 tag, or `default`)."""
    chosen = find_list(session, name)
    key = language if language == DEFAULT else fields.language(language)
    title = fields.one_line(title)
    if not title:
        raise Refused(f"list {name!r} needs a title that readers understand")
    chosen.titles = {**chosen.titles, key: title}


def title_in(chosen: List, language: str) -> str:
    """The list's title for a reader of `language`: `fr-BE` takes the one in `fr`, else the default one."""
    tag = language
    while tag:
        if tag in chosen.titles:
            return chosen.titles[tag]
        tag = tag.rpartition("-")[0]
    return chosen.titles[DEFAULT]


def list_lists(session: Session, name: str | None = None) -> list[ListCounts]:
    """All lists by name, or the one named, each with its people by standing."""
    lists = [find_list(session, name)] if name else list(session.scalars(select(List).order_by(List.name)))
    counted = session.execute(
        select(Subscription.list_id, Subscription.standing, func.count())
        .where(Subscription.list_id.in_([chosen.id for chosen in lists]))
        .group_by(Subscription.list_id, Subscription.standing)
    )
    counts = {(list_id, standing): number for list_id, standing, number in counted}

    def number(chosen: List, standing: Standing) -> int:
        return counts.get((chosen.id, standing), 0)

    return [
        ListCounts(
            chosen.name,
            title_in(chosen, ""),
            chosen.purpose,
            number(chosen, Standing.confirmed),
            number(chosen, Standing.pending),
            number(chosen, Standing.unsubscribed),
            chosen.owner,
            chosen.archived_at.isoformat() if chosen.archived_at else None,
        )
        for chosen in lists
    ]
