"""`broadside db`, and the database as every other command needs it: there, and up to date."""

from cli.group import commands, example
from cli.output import say
from config.database import transaction
from config.errors import Refused
from config.migrate import is_current, upgrade
from config.settings import settings
from mailer.installation import check_keys

app = commands()


@app.command("upgrade", epilog=example("broadside db upgrade"))
def upgrade_tables() -> None:
    """Bring the tables up to date; safe to run again. The embedded database does it by itself."""
    if is_current():
        say("the database is up to date")
        return
    upgrade()
    say("the database has been brought up to date")


def ready() -> None:
    """See that tables and keys are those of this installation. Raises Refused where a person has to act."""
    if not is_current():
        if settings().database_url:
            raise Refused("the database is not up to date; run: broadside db upgrade")
        upgrade()
    with transaction() as session:
        check_keys(session)
