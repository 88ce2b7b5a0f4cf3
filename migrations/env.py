"""Alembic's entry: the tables of all packages, on the connection that `config.migrate` hands over."""

from typing import Any

from alembic import context
from sqlalchemy import TypeDecorator

from config.database import Base, Json, UtcTime, engine
from mailer import models as _mailings
from mailer.ledger import models as _ledger
from subscribers import models as _people

TABLES_OF = (_people, _mailings, _ledger)
"""Importing a package's models adds its tables to the base."""


def render_item(kind: str, item: Any, autogen_context: Any) -> str | bool:
    """Migrations name plain column types, so that they stay true when our own types change."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return "sa.DateTime(timezone=True)" if isinstance(item, UtcTime) else "sa.Text()"
    if item is Json:
        autogen_context.imports.add("from sqlalchemy.dialects import postgresql")
        return "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')"
    return False


connection = context.config.attributes.get("connection")
with connection or engine().connect() as connection:
    if connection.dialect.name == "postgresql":
        # Two processes that start at once take turns.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(20826)")
    context.configure(
        connection=connection, target_metadata=Base.metadata, render_as_batch=True, render_item=render_item
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
