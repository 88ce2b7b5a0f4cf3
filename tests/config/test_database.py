"""The ground: migrations make exactly the tables of the models, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from config import database as database_module
from config.database import Base, engine, make_engine
from config.migrate import upgrade
from tests.conftest import forget


def test_migrations_make_the_tables_of_the_models(database: str) -> None:
    with engine().connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_upgrading_again_changes_nothing(database: str) -> None:
    upgrade()
    upgrade()


def test_postgresql_lets_go_of_the_locks_of_those_who_sleep_or_vanish(database: str) -> None:
    if not database.startswith("postgresql"):
        return
    with engine().connect() as connection:
        for name, value in (("idle_in_transaction_session_timeout", "1min"), ("tcp_keepalives_idle", "30")):
            assert connection.exec_driver_sql(f"SHOW {name}").scalar() == value


def test_what_is_committed_is_on_the_disk_whatever_the_server_thinks(database: str) -> None:
    if not database.startswith("postgresql"):
        with engine().connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        return
    with engine().connect() as connection:
        name = connection.exec_driver_sql("SELECT current_database()").scalar()
        connection.exec_driver_sql(f"ALTER DATABASE {name} SET synchronous_commit = off")
        connection.commit()
    forget()
    with engine().connect() as connection:
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"


def test_an_error_holds_no_parameters(database: str) -> None:
    with engine().connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("SELECT 1 FROM nowhere WHERE email = :email"), {"email": "zoe@example.org"})
    assert "FROM nowhere" in str(caught.value)
    assert "zoe" not in str(caught.value)


def test_two_threads_that_ask_first_get_the_same_engine(environment: object, monkeypatch: pytest.MonkeyPatch) -> None:
    together = Barrier(2)

    def both_at_once(url: str) -> Engine:
        together.wait(60)
        return make_engine(url)

    monkeypatch.setattr(database_module, "make_engine", both_at_once)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: engine(), range(2))
    assert one is other
