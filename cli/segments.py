"""`broadside segment`: saved filters over subscribers."""

from pathlib import Path
from typing import Annotated

import typer

import mailer  # noqa: F401  (adds its rules to those that a segment may have)
from cli.group import commands, example
from cli.output import count, say, write_json
from config.database import reading, transaction
from subscribers.segments import count_segment, read_rule, save_segment

app = commands()


@app.command(epilog=example("broadside segment save brussels-press brussels-press.json"))
def save(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A short name: a-z, 0-9 and hyphens.")],
    file: Annotated[
        Path, typer.Argument(metavar="FILE.json", help="The rule: a tree of all, any, not and comparisons.")
    ],
) -> None:
    """Save a filter under a name, in place of the one before.

    The file says whom it means, as in {"all": [{"country": "BE"}, {"topic": "streaming"}]}.
    """
    with transaction() as session:
        save_segment(session, name, read_rule(file))
    say(f"the segment {name} is saved; see whom it means with: broadside segment count {name}")


@app.command("count", epilog=example("broadside segment count brussels-press"))
def count_people(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The segment.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Count the people in a segment now, and those of them that mail may reach."""
    with reading() as session:
        counted = count_segment(session, name)
    if as_json:
        write_json({"segment": name, "matching": counted.matching, "reachable": counted.reachable})
        return
    say(f"{count(counted.matching, 'person', 'people')}, of whom {counted.reachable:,} may be written to")
