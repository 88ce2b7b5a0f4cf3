"""The ground: migrations make exactly the tables of the models, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from config.database import Base, engine
from config.migrate import upgrade


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
