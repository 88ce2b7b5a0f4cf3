"""`broadside subscribers`: people in and out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

import mailer  # noqa: F401  (adds deliveries to what is held of a person)
from cli import duplicates
from cli import person as person_commands
from cli.group import commands, example
from cli.output import DONE, PARTLY, count, facts, progress, say, write_json
from config.database import reading, transaction
from subscribers import history, people, suppression
from subscribers.exporting import export as export_people
from subscribers.importing import import_file, rejected_path
from subscribers.models import Basis, Reason

app = commands()
BY_HAND = "broadside command"
"""The source that a consent event or suppression names."""

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The person's email address.")]


@app.command(
    "import",
    epilog=example(
        "broadside subscribers import a.csv --list press --basis consent --source form",
        "broadside subscribers import b.csv --list members --basis membership \\\n  --source CRM --map Courriel=email",
    ),
)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file, with a header, in any usual encoding.")],
    list_name: Annotated[str, typer.Option("--list", metavar="NAME", help="The list they go on.")],
    basis: Annotated[Basis, typer.Option(metavar="BASIS", help="consent, legitimate-interest or membership.")],
    source: Annotated[str, typer.Option(help="Where their data comes from; kept with the consent.")],
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMN=FIELD", help="What a column means; again for more. COLUMN= leaves it out."
        ),
    ] = None,
    wording: Annotated[str, typer.Option(help="What people were shown when they agreed.")] = "",
    encoding: Annotated[str, typer.Option(help="The file's encoding, where the guess is wrong.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Put the people in a file on a list. It may be broken off and run again.

    Columns: email, first_name, last_name, languages, country, time_zone, role, organisation, topics; any other is an
    attribute of that name. Nobody who unsubscribed or is suppressed comes back. Rows that cannot be used are written
    to FILE.rejected.csv with the reason, and the exit status is then 3.
    """
    with progress("importing", quiet=as_json) as show:
        counts = import_file(
            file,
            list_name,
            basis,
            source,
            wording=wording,
            mapping=dict(map(_pair, mapping or [])),
            encoding=encoding,
            progress=show,
        )
    if as_json:
        write_json(dict(counts))
    else:
        say(f"{count(counts['read'], 'row')} read from {file.name} for the list {list_name}")
        facts({name.replace("_", " "): f"{number:,}" for name, number in counts.items() if name != "read"}, right=True)
        if counts["kept_out"]:
            say("kept out: they unsubscribed or are suppressed, and a file does not bring them back")
        if counts["rejected"]:
            say(f"rejected: see {rejected_path(file)} for the reasons; correct that file and import it", "yellow")
    raise typer.Exit(PARTLY if counts["rejected"] else DONE)


def _pair(text: str) -> tuple[str, str]:
    column, equals, field = text.rpartition("=")
    if not equals or not column:
        raise typer.BadParameter(f"{text!r}: write COLUMN=FIELD, as in --map Courriel=email", param_hint="--map")
    return column, field


@app.command(
    epilog=example(
        "broadside subscribers export > everybody.csv",
        "broadside subscribers export --list press > press.csv",
        "broadside subscribers export --person zoe@example.org > zoe.json",
    )
)
def export(
    list_name: Annotated[
        str | None, typer.Option("--list", metavar="NAME", help="Only those on the list who may get its mail.")
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="All that is held of one person, as JSON (GDPR, articles 15 and 20)."),
    ] = None,
) -> None:
    """Write people as CSV to standard output, in the form that import takes back; or one person with everything."""
    if person is None:
        export_people(sys.stdout, list_name)
        return
    if list_name is not None:
        raise typer.BadParameter("a list or a person, not both", param_hint="--person")
    with reading() as session:
        write_json(history.show(session, person))


@app.command(
    epilog=example(
        "broadside subscribers unsubscribe zoe@example.org",
        "broadside subscribers unsubscribe zoe@example.org --list press",
    )
)
def unsubscribe(
    address: Address,
    list_name: Annotated[
        str | None, typer.Option("--list", metavar="NAME", help="One list; all they are on if left out.")
    ] = None,
) -> None:
    """Take a person off one list or off all, at once, also for mail that is queued already."""
    with transaction() as session:
        left = people.unsubscribe_address(session, address, list_name, source=BY_HAND)
    say(f"{address} is now off: {', '.join(left)}" if left else f"{address} was on no such list any more")


@app.command(
    epilog=example(
        "broadside subscribers suppress zoe@example.org", "broadside subscribers suppress zoe@example.org --lift"
    )
)
def suppress(
    address: Address,
    reason: Annotated[
        Reason, typer.Option(metavar="REASON", help="objection, complaint, erasure or hard bounce.")
    ] = Reason.objection,
    purpose: Annotated[str, typer.Option(help="Only mail of lists with this purpose; all mail if left out.")] = "",
    lift: Annotated[bool, typer.Option("--lift", help="The other way: let the address have mail again.")] = False,
) -> None:
    """Send no more mail to an address, known or not, whatever list it is on or will be put on.

    Kept as a hash, so that it outlives the person's data.
    """
    with transaction() as session:
        if lift:
            lifted = suppression.lift(session, address, purpose or None)
            say(f"{address} may have mail again" if lifted else f"{address} was not suppressed")
            return
        people.suppress_address(session, address, reason, purpose, source=BY_HAND)
    say(f"{address} gets no more mail{f' for the purpose {purpose}' if purpose else ''}")


for part in (person_commands, duplicates):
    app.add_typer(part.app)
