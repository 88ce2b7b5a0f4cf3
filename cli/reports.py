"""`broadside mailing report` and `deliveries`: what became of a mailing."""

from itertools import islice
from typing import Annotated, Any

import typer

from cli.group import commands, example
from cli.output import facts, say, stream_csv, stream_json, table, write_json
from config.database import reading
from mailer import relays
from mailer.control import find_mailing
from mailer.ledger import reports
from mailer.ledger.states import State
from mailer.models import MailingState

app = commands()
COLUMNS = ("delivery", "email", "state", "reason", "language", "relay", "message_id", "attempts", "reply", "sent_at")
SHOWN = 50
"""Deliveries on the screen; a file takes all."""

Name = Annotated[str, typer.Argument(metavar="NAME", help="The mailing's short name.")]


@app.command(epilog=example("broadside mailing report value-gap", "broadside mailing report value-gap --json"))
def report(name: Name, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Show how many got a mailing, how many did not, and why. Instant at any size."""
    with reading() as session:
        mailing = find_mailing(session, name)
        summed = reports.report(session, mailing)
        troubles = relays.troubles(session) if mailing.state == MailingState.sending else []
    if as_json:
        write_json(summed)
        return
    show_report(summed, mailing.pause_reason)
    for trouble in troubles:
        say(trouble, "yellow")


def show_report(summed: dict[str, Any], pause_reason: str = "") -> None:
    """A report on the screen."""
    paused = f", paused: {pause_reason}" if pause_reason else ""
    say(f"{summed['mailing']}: {summed['state']}{paused}", "bold")
    numbers = {"recipients": summed["recipients"]}
    numbers |= {f"  {state}": number for state, number in summed["deliveries"].items()}
    if summed["skipped"]:
        numbers["left out"] = sum(summed["skipped"].values())
        numbers |= {f"  {reason}": number for reason, number in summed["skipped"].items()}
    facts({name: f"{number:,}" for name, number in numbers.items()}, right=True)


@app.command(
    epilog=example(
        "broadside mailing deliveries value-gap --state failed",
        "broadside mailing deliveries value-gap --csv > all.csv",
    )
)
def deliveries(
    name: Name,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write all as CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show each delivery of a mailing, with the server's last words and its queue id."""
    if as_csv and as_json:
        raise typer.BadParameter("choose one of --csv and --json", param_hint="--csv")
    with reading() as session:
        rows = reports.deliveries(session, find_mailing(session, name), state)
        if as_json:
            stream_json("deliveries", rows)
            return
        if as_csv:
            stream_csv(COLUMNS, rows)
            return
        first = list(islice(rows, SHOWN))
        more = next(rows, None) is not None
    if not first:
        say("there is none")
        return
    table(
        ("delivery", "email", "state", "lang", "tries", "last words"),
        [
            (
                row["delivery"],
                row["email"],
                row["state"],
                row["language"],
                row["attempts"],
                row["reply"] or row["reason"],
            )
            for row in first
        ],
        right=("tries",),
    )
    if more:
        say("... and more; --csv or --json writes all, with every column")
