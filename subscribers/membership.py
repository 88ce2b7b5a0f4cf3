"""Who is on a list, since when and why: each person with the event that put them where they stand."""

from collections.abc import Iterator
from typing import TypedDict

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, aliased

from subscribers.consent import counts
from subscribers.lists import find_list
from subscribers.models import ConsentEvent, Standing, Subscriber, Subscription


class OnList(TypedDict):
    """One person's standing on a list: `since` in ISO 8601; `source` and `wording` are those of the event behind it."""

    email: str
    first_name: str
    last_name: str
    organisation: str
    standing: str
    since: str
    basis: str
    source: str
    wording: str


COLUMNS = tuple(OnList.__annotations__)


def people_on(session: Session, name: str, standing: Standing | None = None) -> Iterator[OnList]:
    """Everybody on the list, or those of one standing, by address. Raises Unknown for a list that does not exist."""
    chosen = find_list(session, name)
    earlier = aliased(ConsentEvent)
    last = (
        select(func.max(earlier.id))
        .where(
            earlier.subscriber_id == Subscription.subscriber_id,
            earlier.list_id == Subscription.list_id,
            counts(earlier),
        )
        .correlate(Subscription)
        .scalar_subquery()
    )
    query = (
        select(
            *(Subscriber.email, Subscriber.first_name, Subscriber.last_name, Subscriber.organisation),
            *(Subscription.standing, Subscription.since, Subscription.basis),
            *(ConsentEvent.source, ConsentEvent.wording),
        )
        .join(Subscription, Subscription.subscriber_id == Subscriber.id)
        .outerjoin(ConsentEvent, and_(ConsentEvent.id == last))
        .where(Subscription.list_id == chosen.id)
        .order_by(Subscriber.email_key)
        .execution_options(yield_per=2000)
    )
    if standing is not None:
        query = query.where(Subscription.standing == standing)
    for row in session.execute(query):
        yield OnList(
            email=row.email,
            first_name=row.first_name,
            last_name=row.last_name,
            organisation=row.organisation,
            standing=row.standing,
            since=row.since.isoformat(),
            basis=row.basis,
            source=row.source or "",
            wording=row.wording or "",
        )
