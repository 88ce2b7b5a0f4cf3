"""`broadside list`: lists that people are on."""

from dataclasses import asdict
from operator import itemgetter
from typing import Annotated

import typer

from cli.group import commands, example
from cli.options import AsCsv, AsJson
from cli.output import moment, say, show_rows, table, write_json
from config.database import reading, transaction
from subscribers.lists import DEFAULT, create_list, list_lists, set_owner, set_title
from subscribers.lists import archive as archive_list
from subscribers.membership import COLUMNS, people_on
from subscribers.models import Standing

app = commands()

Name = Annotated[str, typer.Argument(metavar="NAME", help="The list.")]


@app.command(epilog=example('broadside list create press --title "IMPALA for the press"'))
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A short name for commands: a-z, 0-9 and hyphens.")],
    title: Annotated[str, typer.Option(help="The name that readers see in their mail.")],
    purpose: Annotated[
        str, typer.Option(help="What people agree to be written to about; lists may share it.")
    ] = "press",
    owner: Annotated[str, typer.Option(help="Who in the office answers for it.")] = "",
) -> None:
    """Create a list."""
    with transaction() as session:
        create_list(session, name, title, purpose, owner)
    say(f"the list {name} is created; put people on it with: broadside subscribers import FILE --list {name} ...")


@app.command(epilog=example("broadside list show", "broadside list show press --json"))
def show(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One list; all of them if left out.")] = None,
    as_json: AsJson = False,
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
    for one in lists:
        if one.archived_at:
            say(f"{one.name}: archived, {moment(one.archived_at)}", "yellow")
        if one.owner:
            say(f"{one.name}: answered for by {one.owner}")


@app.command(epilog=example('broadside list title press "IMPALA pour la presse" --language fr'))
def title(
    name: Name,
    title: Annotated[str, typer.Argument(metavar="TITLE", help="The name that readers see in their mail.")],
    language: Annotated[str, typer.Option(help="For readers of this language; for all others if left out.")] = DEFAULT,
) -> None:
    """Give a list another title, or one in another language."""
    with transaction() as session:
        set_title(session, name, language, title)
    say(f"the list {name} is {title} for {'readers' if language == DEFAULT else f'readers of {language}'}")


@app.command(epilog=example('broadside list owner press "Zoë O\'Brien"'))
def owner(
    name: Name,
    who: Annotated[str, typer.Argument(metavar="WHO", help='A name, as your colleagues know it; "" for nobody.')],
) -> None:
    """Write down who in the office answers for a list."""
    with transaction() as session:
        set_owner(session, name, who)
    say(f"{who} answers for the list {name}" if who.strip() else f"nobody answers for the list {name} any more")


@app.command(epilog=example("broadside list archive summer-campaign"))
def archive(name: Name) -> None:
    """Take a list out of use: no new mailing may name it, and nobody is put on it.

    Its people and what they agreed to stay; a mailing that is being sent goes on, and everybody may still leave.
    """
    with transaction() as session:
        changed = archive_list(session, name)
    say(f"the list {name} is archived" if changed else f"the list {name} was archived already")


@app.command(epilog=example("broadside list unarchive summer-campaign"))
def unarchive(name: Name) -> None:
    """Take an archived list into use again."""
    with transaction() as session:
        changed = archive_list(session, name, archived=False)
    say(f"the list {name} is in use again" if changed else f"the list {name} was not archived")


@app.command(
    epilog=example(
        "broadside list people press", "broadside list people press --standing unsubscribed --csv > left.csv"
    )
)
def people(
    name: Name,
    standing: Annotated[Standing | None, typer.Option(help="Only those who stand so.")] = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show who is on a list, since when and why: the basis, where it came from, and what they were told."""
    with reading() as session:
        show_rows(
            "people",
            people_on(session, name, standing),
            COLUMNS,
            {
                "email": itemgetter("email"),
                "standing": itemgetter("standing"),
                "since": lambda row: row["since"][:10],
                "basis": itemgetter("basis"),
                "source and wording": lambda row: " - ".join(filter(None, (row["source"], row["wording"]))),
            },
            as_csv=as_csv,
            as_json=as_json,
            none="there is nobody",
        )
