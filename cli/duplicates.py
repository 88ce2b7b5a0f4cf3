"""`broadside subscribers merge` and `unmerge`: people who are there twice."""

from typing import Annotated

import typer

import mailer  # noqa: F401  (adds what a merge has to hold still)
from cli.group import commands, example
from cli.output import say
from config.database import transaction
from subscribers import merging

app = commands()


@app.command(epilog=example("broadside subscribers merge zoe@new.example.org zoe@old.example.org"))
def merge(
    keep: Annotated[str, typer.Argument(metavar="KEEP", help="The address that mail goes to from now on.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The person's other address.")],
    source: Annotated[str, typer.Option(help="How you know that they are one person.")] = "broadside command",
) -> None:
    """Make two subscribers one: OTHER becomes an address of the person at KEEP, who gets every mail once.

    The stricter of their rights is kept: who left a list under one address has left it, and an objection or complaint
    holds. What KEEP does not say of the person is filled from OTHER. Links in old mail go on working, an import of
    OTHER finds the person, and mailings under way reach them once. It can be undone.
    """
    with transaction() as session:
        done = merging.merge(session, keep, other, source=source)
    say(f"{done.other} is now an address of {done.kept}")
    _tell(done)
    say(f"undo it with: broadside subscribers unmerge {done.other}")


@app.command(epilog=example("broadside subscribers unmerge zoe@old.example.org"))
def unmerge(
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The address that was merged into another.")],
) -> None:
    """Undo a merge: OTHER is a person of its own again, on the lists and with the data as before.

    What was left or objected to in between holds for both. A mailing sent in between is not sent again.
    """
    with transaction() as session:
        done = merging.unmerge(session, other)
    say(f"{done.other} and {done.kept} are two people again")
    _tell(done)


def _tell(done: merging.Merged) -> None:
    for name, standing in done.lists.items():
        say(f"  list {name}: {standing or 'not on it any more'}")
    for scope in done.suppressed:
        say(f"  suppression of {done.kept} changed: {f'the purpose {scope}' if scope else 'all mail'}")
    if done.fields:
        say(f"  changed of {done.kept}: {', '.join(done.fields)}")
