"""Many rows at once: that each arrives as it was, and what the planner is told of them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DataError

from config.bulk import append_columns, on_sqlite, refresh_statistics, update_rows, update_texts
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


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.deferred(lambda: WRITTEN), min_size=1, max_size=4), role=st.deferred(lambda: WRITTEN_TEXTS))
def test_rows_are_added_as_they_were_given(database: str, values: list[dict[str, Any]], role: str) -> None:
    del database
    with transaction() as session:
        session.execute(delete(Subscriber))
        keys = range(1, len(values) + 1)
        columns = {name: [row[name] for row in values] for name in WRITTEN_NAMES}
        same = {"first_name": role, "last_name": "", "languages": (), "country": "", "time_zone": "", "role": "staff"}
        texts = {name: [str(key) for key in keys] for name in ("public_id", "email", "email_key", "address_hash")}
        append_columns(session, Subscriber, {"id": keys, **texts, **columns}, created_at=datetime.now(UTC), **same)
        found = session.scalars(select(Subscriber).order_by(Subscriber.id)).all()
        assert [{name: getattr(one, name) for name in WRITTEN_NAMES} for one in found] == values
        assert {one.first_name for one in found} == {role}


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
WRITTEN_TEXTS = TEXTS | st.sampled_from(
    ["NULL", "null", "{}", "\\", '"', "\\n", "a,b", " ", "\\N", "\\.", "\t", "a\r\nb"]
)
WRITTEN = st.fixed_dictionaries(
    {
        "organisation": WRITTEN_TEXTS,
        "topics": st.lists(st.sampled_from(["economy", "a b", 'say "no"', "\\"]), max_size=2).map(tuple),
        "attributes": st.dictionaries(TEXTS, st.none() | TEXTS | st.booleans() | st.lists(TEXTS), max_size=2),
        "merged_into_id": st.none() | st.integers(1, 2**31 - 1),
    }
)
WRITTEN_NAMES = ("organisation", "topics", "attributes", "merged_into_id")


def a_person(key: int) -> Subscriber:
    return Subscriber(id=key, email=f"{key}@example.org", email_key=f"{key}@example.org", address_hash=str(key))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(WRITTEN, min_size=3, max_size=3))
def test_rows_are_updated_to_what_was_given(database: str, values: list[dict[str, Any]]) -> None:
    del database
    with transaction() as session:
        if session.scalar(select(Subscriber.id).limit(1)) is None:
            session.add_all(a_person(key) for key in (1, 2, 3))
            session.flush()
        rows = [{"id": key, **row} for key, row in enumerate(values, start=1)]
        assert update_rows(session, Subscriber, rows, key="id", role="staff") == len(rows)
        found = session.scalars(select(Subscriber).order_by(Subscriber.id)).all()
        assert [{name: getattr(one, name) for name in rows[0]} for one in found] == rows
        assert {one.role for one in found} == {"staff"}


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.dictionaries(st.integers(1, 3), WRITTEN_TEXTS, min_size=1))
def test_texts_are_set_by_key_where_they_may_be(database: str, texts: dict[int, str | None]) -> None:
    del database
    with transaction() as session:
        if session.scalar(select(Subscriber.id).limit(1)) is None:
            session.add_all(a_person(key) for key in (1, 2, 3))
            session.flush()
        session.execute(update(Subscriber).values(organisation="as before", role="reader"))
        run = [Subscriber.id.between(2, 3), Subscriber.role == "reader"]
        expected = {key: texts.get(key, "as before") if key > 1 else "as before" for key in (1, 2, 3)}
        written = update_texts(session, Subscriber.organisation, texts, key=Subscriber.id, where=run, role="staff")
        found = session.execute(select(Subscriber.id, Subscriber.organisation, Subscriber.role)).all()
        assert {row.id: row.organisation for row in found} == expected
        assert {row.id for row in found if row.role == "staff"} == set(texts) - {1}
        assert written == len(set(texts) - {1})


def test_a_text_too_long_for_its_column_is_refused_and_not_cut_off(database: str) -> None:
    if database.startswith("sqlite"):
        pytest.skip("SQLite's columns have no length")
    open_office(1)
    with transaction() as session:
        key = session.scalars(select(Subscriber.id)).first()
        with pytest.raises(DataError), session.begin_nested():
            update_rows(session, Subscriber, [{"id": key, "country": "long"}], key="id")
