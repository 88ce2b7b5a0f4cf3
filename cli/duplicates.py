"""`broadside subscribers duplicates`, `merge` and `unmerge`: people who are there twice."""

from dataclasses import asdict
from typing import Annotated

import typer

import mailer  # noqa: F401  (adds what a merge has to hold still)
from cli.group import commands, example
from cli.options import BY_HAND, AsJson
from cli.output import say, table, working, write_json
from config.database import reading, transaction
from subscribers import merging
from subscribers.duplicates import duplicates

app = commands()
SHOWN = 20
"""Suggestions on the screen; --json takes all."""


@app.command("duplicates", epilog=example("broadside subscribers duplicates"))
def find(as_json: AsJson = False) -> None:
    """Suggest who may be there twice, and why: one name and outlet, a misspelt domain, an old and a new address.

    Nothing is changed. Those who were merged and parted again are not suggested again.
    """
    with working("looking for duplicates", quiet=as_json), reading() as session:
        found = duplicates(session)
    if as_json:
        write_json(asdict(found))
        return
    for one in found.duplicates[:SHOWN]:
        say("; ".join(one.reasons), "bold")
        say(f"  broadside subscribers merge {one.keep} {one.other}")
    if len(found.duplicates) > SHOWN:
        say(f"... and {len(found.duplicates) - SHOWN:,} more, less sure; --json writes all")
    if found.misspelt:
        say()
        table(("perhaps misspelt", "is this meant?"), [(one.email, one.meant) for one in found.misspelt[:SHOWN]])
        if len(found.misspelt) > SHOWN:
            say(f"... and {len(found.misspelt) - SHOWN:,} more")
    if not found.duplicates and not found.misspelt:
        say("nobody seems to be there twice")


@app.command(epilog=example("broadside subscribers merge zoe@new.example.org zoe@old.example.org"))
def merge(
    keep: Annotated[str, typer.Argument(metavar="KEEP", help="The address that mail goes to from now on.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The person's other address.")],
    source: Annotated[str, typer.Option(help="How you know that they are one person.")] = BY_HAND,
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
