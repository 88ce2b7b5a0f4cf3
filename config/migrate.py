"""Bringing the database's tables up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from config.database import engine


def upgrade() -> None:
    """Apply every migration that the database has not seen; safe to run again."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    with engine().connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
