"""Export: people as a CSV file that import takes back."""

import csv
from typing import TextIO

from sqlalchemy import func, not_, select, true

from config.bulk import on_sqlite
from config.database import reading
from subscribers.columns import cell, column_for
from subscribers.fields import FIELDS
from subscribers.lists import find_list
from subscribers.models import Standing, Subscriber, Subscription
from subscribers.suppression import suppressed_clause


def export(to: TextIO, list_name: str | None = None) -> int:
    """Write people to `to` (opened with newline="") and return how many: everybody, or a list's confirmed ones.

    Of a list only those are written who may get its mail, because the file may go to where nobody knows who left.
    Columns: email, the known fields, then one for each attribute that somebody has. A cell that a spreadsheet would
    run as a formula begins with an apostrophe; importing takes it off.
    """
    with reading() as session:
        people = select(Subscriber).where(Subscriber.merged_into_id.is_(None)).order_by(Subscriber.id)
        if list_name is not None:
            chosen = find_list(session, list_name)
            people = people.join(Subscription, Subscription.subscriber_id == Subscriber.id).where(
                Subscription.list_id == chosen.id,
                Subscription.standing == Standing.confirmed,
                not_(suppressed_clause(chosen.purpose)),
            )
        keys = func.json_each if on_sqlite(session) else func.jsonb_each
        chosen_people = people.order_by(None).subquery()
        each = keys(chosen_people.c.attributes).table_valued("key")
        named = select(each.c.key).select_from(chosen_people.join(each, true())).distinct()
        attributes = sorted(session.scalars(named))
        writer = csv.writer(to)
        writer.writerow(["email", *FIELDS, *map(column_for, attributes)])
        count = 0
        for person in session.scalars(people.execution_options(yield_per=2000)):
            writer.writerow(
                [
                    cell(person.email),
                    *(cell(getattr(person, name)) for name in FIELDS),
                    *(cell(person.attributes.get(name)) for name in attributes),
                ]
            )
            count += 1
        return count
