"""`broadside subscribers`: people in and out."""

import sys
from pathlib import Path
from typing import Annotated

import typer

import mailer  # noqa: F401  (adds deliveries to what is held of a person)
from cli import duplicates
from cli import person as person_commands
from cli.group import commands, example
from cli.importing import show_counts, show_file, show_statuses
from cli.options import BY_HAND, Address, AsJson
from cli.output import DONE, PARTLY, progress, say, write_json
from config.database import reading, transaction
from config.errors import Unknown
from subscribers import history, people, suppression
from subscribers.chunks import rejected_path
from subscribers.exporting import export as export_people
from subscribers.importing import import_people
from subscribers.models import Basis, Reason
from subscribers.sources.opening import open_people
from subscribers.sources.preview import preview, statuses
from subscribers.sources.statuses import MEANINGS

app = commands()


@app.command(
    "import",
    epilog=example(
        "broadside subscribers import a.csv --list press --basis consent \\\n  --source form --dry-run",
        "broadside subscribers import b.csv --list members --basis membership \\\n"
        "  --source CRM --map Beruf=role --status Lapsed=unsubscribed",
    ),
)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV of any program, vCards, or a list of addresses.")],
    list_name: Annotated[str, typer.Option("--list", metavar="NAME", help="The list they go on.")],
    basis: Annotated[Basis, typer.Option(metavar="BASIS", help="consent, legitimate-interest or membership.")],
    source: Annotated[str, typer.Option(help="Where their data comes from; kept with the consent.")],
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="COLUMN=FIELD", help="What a column means; again for more. COLUMN= leaves it out."
        ),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(metavar="WORD=STATUS", help=f"What a word of a status column means: {', '.join(MEANINGS)}."),
    ] = None,
    everybody: Annotated[
        str, typer.Option(metavar="STATUS", help="How all in the file stand, whatever its name says.")
    ] = "",
    wording: Annotated[str, typer.Option(help="What people were shown when they agreed.")] = "",
    encoding: Annotated[str, typer.Option(help="The file's encoding, where the guess is wrong.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show how the file is understood and what would happen; write nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put the people in a file on a list, those who had left as left. It may be broken off and run again.

    Columns are known by their names in many languages and programs; any other is an attribute of that name. Nobody
    who unsubscribed or is suppressed comes back, and where the file says so, they are recorded so. Rows that cannot be
    used are written to FILE.rejected.csv with the reason, and the exit status is then 3.
    """
    words = dict(_pair(text, "--status", "WORD=STATUS, as in --status Lapsed=unsubscribed") for text in status or [])
    for word in filter(None, (everybody, *words.values())):
        if word not in MEANINGS:
            raise Unknown("status", word, MEANINGS)
    people_in = open_people(
        file,
        mapping=dict(_pair(text, "--map", "COLUMN=FIELD, as in --map Courriel=email") for text in mapping or []),
        encoding=encoding,
        statuses=words,
        everybody=everybody,
    )
    seen = preview(people_in) if dry_run else {}
    if dry_run and not as_json:
        show_file(seen)
    with progress("reading" if dry_run else "importing", quiet=as_json) as show:
        counts = import_people(people_in, list_name, basis, source, wording=wording, dry_run=dry_run, progress=show)
    understood = statuses(people_in)
    if as_json:
        write_json({**counts, "statuses": understood, **({"dry_run": True, **seen} if dry_run else {})})
    else:
        show_statuses(understood)
        show_counts(counts, people_in, list_name, dry_run=dry_run)
        if dry_run:
            say("nothing was written", "green")
        elif counts["rejected"]:
            say(f"rejected: see {rejected_path(file)} for the reasons; correct that file and import it", "yellow")
    raise typer.Exit(PARTLY if counts["rejected"] else DONE)


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    left, equals, right = text.rpartition("=")
    if not equals or not (left or option == "--status"):
        raise typer.BadParameter(f"{text!r}: write {form}", param_hint=option)
    return left, right


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
