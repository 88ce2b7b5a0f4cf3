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
