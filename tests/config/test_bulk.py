"""Many rows at once: what the planner is told of them."""

from sqlalchemy import text

from config.bulk import on_sqlite, refresh_statistics
from config.database import reading, transaction
from subscribers.models import Subscriber, Subscription
from tests.press import open_office


def test_the_planner_knows_at_once_how_full_a_table_is(database: str) -> None:
    del database
    open_office(50)
    with transaction() as session:
        refresh_statistics(session, Subscriber, Subscription)
    with reading() as session:
        if on_sqlite(session):
            return
        rows = session.execute(text("SELECT relname, reltuples FROM pg_class WHERE relkind = 'r'"))
        known = {row.relname: row.reltuples for row in rows}
    assert (known["subscriber"], known["subscription"]) == (50, 60)
