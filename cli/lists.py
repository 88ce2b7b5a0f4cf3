"""`broadside list`: lists that people are on."""

from dataclasses import asdict
from typing import Annotated

import typer

from cli.group import commands, example
from cli.output import say, table, write_json
from config.database import reading, transaction
from subscribers.lists import create_list, list_lists

app = commands()


@app.command(epilog=example('broadside list create press --title "IMPALA for the press"'))
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A short name for commands: a-z, 0-9 and hyphens.")],
    title: Annotated[str, typer.Option(help="The name that readers see in their mail.")],
    purpose: Annotated[
        str, typer.Option(help="What people agree to be written to about; lists may share it.")
    ] = "press",
) -> None:
    """Create a list."""
    with transaction() as session:
        create_list(session, name, title, purpose)
    say(f"the list {name} is created; put people on it with: broadside subscribers import FILE --list {name} ...")


@app.command(epilog=example("broadside list show", "broadside list show press --json"))
def show(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One list; all of them if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the lists, each with how many people stand on it."""
    with reading() as session:
        lists = list_lists(session, name)
    if as_json:
        write_json({"lists": [asdict(one) for one in lists]})
        return
    if not lists:
        say('there is no list yet; create one with: broadside list create press --title "..."')
        return
    numbers = ("confirmed", "pending", "unsubscribed")
    rows = [(one.name, one.title, one.purpose, *(f"{getattr(one, name):,}" for name in numbers)) for one in lists]
    table(("list", "title", "purpose", *numbers), rows, right=numbers)
