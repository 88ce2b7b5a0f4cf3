"""`broadside mailing`: from a folder of text to a mailing that may be sent."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from cli import reports, sending
from cli.findings import show_findings
from cli.group import commands, example
from cli.options import AsJson, MailingName
from cli.output import DONE, REFUSED, count, out, say, stream_csv, table, working, write_json
from config.database import reading, transaction
from mailer.audience import candidates
from mailer.check import check_mailing
from mailer.control import find_mailing, list_mailings
from mailer.editions import drafts_of
from mailer.folder import import_folder
from mailer.house import first_sender
from mailer.models import Mailing
from mailer.preview import write_previews
from mailer.specimen import send_test, specimens
from mailer.word.draft import draft_mailing
from subscribers.models import List

app = commands()
COLUMNS = ("email", "language", "list", "reason")
"""Of `mailing audience`; `reason` is empty for those who would get it."""
SHOWN = 20
"""People on the screen; a file takes everybody."""


@app.command("import", epilog=example("broadside mailing import value-gap"))
def import_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder with mailing.yaml and texts like en.md.")],
) -> None:
    """Bring in a mailing from a folder, whose name is the mailing's; again until it is sent, to bring in changes."""
    with transaction() as session:
        mailing = import_folder(session, folder)
        languages = [draft.language for draft in drafts_of(session, mailing)]
    say(f"{mailing.name}: {mailing.kind}, {', '.join(languages)}; see if it may be sent: "
        f"broadside mailing check {mailing.name}")  # fmt: skip


@app.command(
    epilog=example(
        "broadside mailing draft op-ed.docx", "broadside mailing draft op-ed.docx --kind op-ed --out value-gap"
    )
)
def draft(
    file: Annotated[Path, typer.Argument(metavar="FILE.docx", help="A text written in Word.")],
    kind: Annotated[str, typer.Option(help="What it is to be.")] = "op-ed",
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The folder to make; else one named after the file.")
    ] = None,
) -> None:
    """Make a mailing's folder out of a Word file, and say what was guessed and what was lost.

    Read it over, name its audience in mailing.yaml, then bring it in with `broadside mailing import`.
    """
    with reading() as session:
        sender = first_sender(session)
    made = draft_mailing(file, kind=kind, sender=sender, out=folder)
    for line in made.guessed:
        say(f"guessed: {line}")
    for line in made.lost:
        say(f"lost: {line}", "yellow")
    say(f"{made.folder} is written; read it over, then: broadside mailing import {made.folder}")


@app.command("list", epilog=example("broadside mailing list"))
def list_(as_json: AsJson = False) -> None:
    """Show the mailings, the newest first."""
    with reading() as session:
        rows = [
            {
                "mailing": one.name,
                "title": one.title,
                "kind": one.kind,
                "state": str(one.state),
                "send_at": one.send_at.isoformat() if one.send_at else "",
                "started_at": one.started_at.isoformat() if one.started_at else "",
                "finished_at": one.finished_at.isoformat() if one.finished_at else "",
            }
            for one in list_mailings(session)
        ]
    if as_json:
        write_json({"mailings": rows})
    elif rows:
        table(
            ("mailing", "title", "kind", "state", "when, UTC"),
            [
                (row["mailing"], row["title"], row["kind"], row["state"],
                 (row["finished_at"] or row["started_at"] or row["send_at"])[:16].replace("T", " "))
                for row in rows
            ],
        )  # fmt: skip
    else:
        say("there is no mailing yet; bring one in with: broadside mailing import DIR")


@app.command(epilog=example("broadside mailing check value-gap", "broadside mailing check value-gap --online --json"))
def check(
    name: MailingName,
    as_json: AsJson = False,
    online: Annotated[bool, typer.Option("--online", help="Ask each link whether it leads somewhere.")] = False,
    at: Annotated[
        str | None, typer.Option(metavar="ISO-TIME-WITH-ZONE", help="Check it as if it were sent then.")
    ] = None,
) -> None:
    """Read a mailing as a careful colleague would, and make the message of every reader.

    Errors stop a send (exit status 1), warnings do not. Only with --online is anything asked of other machines.
    """
    moment = sending.instant(at)
    with reading() as session:
        mailing = find_mailing(session, name)
        with working(f"checking {mailing.name}", quiet=as_json):
            report = check_mailing(session, mailing, goes_out=moment, online=online)
    if as_json:
        write_json(report.as_json())
    else:
        show_findings(report)
        if report.left_out:
            left_out = Counter(report.left_out)
            people = count(left_out.total(), "person", "people")
            say(f"{people} in the audience would get nothing: {_listed(left_out)}")
        if report.ok:
            by_language = ", ".join(f"{language} {number:,}" for language, number in sorted(report.languages.items()))
            say(f"{name} may be sent to {count(report.recipients, 'reader')} ({by_language})", "green")
    raise typer.Exit(DONE if report.ok else REFUSED)


@app.command(
    epilog=example("broadside mailing audience value-gap", "broadside mailing audience value-gap --csv > who.csv")
)
def audience(
    name: MailingName,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write everybody as CSV, a row each.")] = False,
) -> None:
    """Show who would get the mailing now, in which language and on which list, and who would not, and why."""
    with reading() as session:
        mailing = find_mailing(session, name)
        people = _audience(session, mailing)
        if as_csv:
            stream_csv(COLUMNS, people)
            return
        reached: Counter[str] = Counter()
        left_out: Counter[str] = Counter()
        first: list[dict[str, Any]] = []
        for one in people:
            (left_out if one["reason"] else reached)[one["reason"] or one["language"]] += 1
            if len(first) < SHOWN:
                first.append(one)
    everybody = reached.total() + left_out.total()
    if not everybody:
        say(f"nobody is in the audience of {name}")
        return
    table(COLUMNS, [[one[column] for column in COLUMNS] for one in first])
    if everybody > SHOWN:
        say(f"... and {everybody - SHOWN:,} more; --csv writes everybody")
    say()
    say(f"{count(reached.total(), 'person', 'people')} would get it: {_listed(reached)}")
    if left_out:
        say(f"{count(left_out.total(), 'person', 'people')} would not: {_listed(left_out)}")


def _audience(session: Session, mailing: Mailing) -> Iterator[dict[str, Any]]:
    lists = {row.id: row.name for row in session.execute(select(List.id, List.name))}
    for one in candidates(session, mailing):
        yield {
            "email": one.recipient.email,
            "language": one.language or "",
            "list": lists.get(one.list_id or 0, ""),
            "reason": str(one.reason or ""),
        }


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.most_common()) or "-"


@app.command(
    epilog=example(
        "broadside mailing preview value-gap",
        "broadside mailing preview value-gap --as zoe@example.org --out /tmp/preview",
    )
)
def preview(
    name: MailingName,
    address: Annotated[
        str, typer.Option("--as", metavar="ADDRESS", help="A subscriber, whose message it is; else a reader unknown.")
    ] = "",
    language: Annotated[str, typer.Option(help="One edition; else all, or with --as theirs.")] = "",
    folder: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where to write; else NAME-preview in this folder.")
    ] = None,
) -> None:
    """Write the mailing as files to look at: HTML for a browser, text, and .eml for a mail program.

    The way out in them works, but nobody leaves by it.
    """
    with reading() as session:
        mailing = find_mailing(session, name)
        made = specimens(session, mailing, address=address, language=language)
        for path in write_previews(made, folder or Path(f"{mailing.name}-preview")):
            out.print(str(path), soft_wrap=True)


@app.command("test", epilog=example("broadside mailing test value-gap --to me@example.org"))
def send_one(
    name: MailingName,
    to: Annotated[str, typer.Option("--to", metavar="ADDRESS", help="Who gets it.")],
    language: Annotated[str, typer.Option(help="Which edition; else the reader's, or the default one.")] = "",
) -> None:
    """Send one message now, marked [Test], to somebody of your own. Nothing is written down.

    If the address is a subscriber's, it is the message that they would get; the way out in it takes nobody off a list.
    """
    with reading() as session:
        reply = send_test(session, find_mailing(session, name), to, language=language)
    say(f"sent to {to}; the server said: {reply}")


for part in (sending, reports):
    app.add_typer(part.app)
