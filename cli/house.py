"""`broadside house`: the house style."""

from pathlib import Path
from typing import Annotated

import typer

from cli.group import commands, example
from cli.options import AsJson
from cli.output import facts, say, write_json
from config.database import reading, transaction
from config.errors import Refused
from mailer.house import import_house, shown_house

app = commands()


@app.command("import", epilog=example("broadside house import house.yaml"))
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The house style; its logo stands beside it.")],
) -> None:
    """Enter the house style from a YAML file, or a new version of it.

    It holds the organisation's name, address, logo, colours, press contact, and what it says of itself in each
    language. Mailings sent before keep the look they had.
    """
    with transaction() as session:
        house = import_house(session, file)
    say(f"the house style of {house.name} is entered")
    if not house.address:
        say("it has no postal address, which mail must carry in many countries: add `address:`", "yellow")


@app.command(epilog=example("broadside house show", "broadside house show --json"))
def show(
    as_json: AsJson = False,
) -> None:
    """Show the house style that is entered."""
    with reading() as session:
        house = shown_house(session)
    if house is None:
        raise Refused("there is no house style yet; enter one with: broadside house import FILE.yaml")
    if as_json:
        write_json(house.model_dump(mode="json"))
        return
    contact = ", ".join(filter(None, (house.contact.name, house.contact.email, house.contact.phone)))
    facts(
        {
            "name": house.name,
            "legal name": house.legal_name,
            "address": "\n".join(house.address),
            "website": house.website,
            "email": house.email,
            "phone": house.phone,
            "press contact": contact,
            "logo": house.logo.alt if house.logo else "",
            "colours": ", ".join(
                f"{name} {value}" for name, value in house.colours.model_dump().items() if isinstance(value, str)
            ),
        }
    )
    for language, text in house.boilerplate.items():
        say()
        say(f"about us, {language}", "bold")
        say(text.strip())
