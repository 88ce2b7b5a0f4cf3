"""`broadside mailing report` and `deliveries`: what became of a mailing."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Annotated, Any

import typer

from cli.group import commands, example
from cli.options import AsCsv, AsJson, MailingName
from cli.output import facts, moment, say, show_rows, write_json
from config.database import reading
from mailer import relays
from mailer.control import find_mailing
from mailer.ledger import reports
from mailer.ledger.states import State
from mailer.models import MailingState

app = commands()
COLUMNS = (
    "delivery",
    "email",
    "state",
    "reason",
    "language",
    "relay",
    "message_id",
    "attempts",
    "before",
    "reply",
    "sent_at",
)


@app.command(epilog=example("broadside mailing report value-gap", "broadside mailing report value-gap --json"))
def report(name: MailingName, as_json: AsJson = False) -> None:
    """Show how many got a mailing, how many did not, and why. Instant at any size."""
    with reading() as session:
        mailing = find_mailing(session, name)
        summed = reports.report(session, mailing)
        troubles = relays.troubles(session) if mailing.state == MailingState.sending else []
    if as_json:
        write_json(summed)
        return
    show_report(summed)
    for trouble in troubles:
        say(trouble, "yellow")


def show_report(summed: dict[str, Any]) -> None:
    """A report on the screen."""
    more = ""
    if summed["state"] == MailingState.scheduled:
        more = f" for {moment(summed['send_at'])} UTC"
    elif summed["pause_reason"]:
        more = f"; {summed['pause_reason']}"
    say(f"{summed['mailing']}: {summed['state']}{more}", "bold")
    if not summed["recipients"] and not summed["skipped"]:
        return
    numbers = {"recipients": summed["recipients"]}
    numbers |= {f"  {state}": number for state, number in summed["deliveries"].items()}
    if summed["skipped"]:
        numbers["left out"] = sum(summed["skipped"].values())
        numbers |= {f"  {reason}": number for reason, number in summed["skipped"].items()}
    facts({name: f"{number:,}" for name, number in numbers.items()}, right=True)


def _last_words(row: Mapping[str, Any]) -> str:
    before = f"{row['before']} before" if row["before"] else ""
    return "; ".join(filter(None, (before, row["reply"] or row["reason"])))


@app.command(
    epilog=example(
        "broadside mailing deliveries value-gap --state failed",
        "broadside mailing deliveries value-gap --csv > all.csv",
    )
)
def deliveries(
    name: MailingName,
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show each delivery of a mailing, with the server's last words and its queue id."""
    with reading() as session:
        show_rows(
            "deliveries",
            reports.deliveries(session, find_mailing(session, name), state),
            COLUMNS,
            {
                "delivery": itemgetter("delivery"),
                "email": itemgetter("email"),
                "state": itemgetter("state"),
                "lang": itemgetter("language"),
                "tries": itemgetter("attempts"),
                "last words": _last_words,
            },
            as_csv=as_csv,
            as_json=as_json,
            none="there is none",
            right=("tries",),
        )
