"""Bringing the database's tables up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from config.database import engine
from config.errors import Refused


def upgrade() -> None:
    """Apply every migration that the database has not seen; safe to run again."""
    config = _config()
    with engine().connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current() -> bool:
    """Whether the database has seen every migration. Raises Refused where it has seen one that is not here."""
    scripts = ScriptDirectory.from_config(_config())
    with engine().execution_options(read_only=True).connect() as connection:
        seen = set(MigrationContext.configure(connection).get_current_heads())
    if seen - {script.revision for script in scripts.walk_revisions()}:
        raise Refused("the database is of a newer Broadside than this one; install that version")
    return seen == set(scripts.get_heads())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    return config
