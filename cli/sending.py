"""`broadside mailing send` and what a person decides after it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer
from sqlalchemy.orm import Session

from cli.findings import show_findings
from cli.group import commands, example
from cli.options import MailingName
from cli.output import REFUSED, agreed, count, say, warn, working
from cli.watching import watch
from config.database import reading, transaction
from config.errors import Refused, Unavailable
from mailer import control
from mailer.check import check_mailing
from mailer.ledger.reports import counts
from mailer.ledger.states import State
from mailer.models import Mailing, MailingState

app = commands()
Wait = Annotated[bool, typer.Option("--wait", help="Show how it goes until nothing is queued or being sent.")]


@app.command(
    epilog=example(
        "broadside mailing send value-gap --wait", "broadside mailing send value-gap --at 2027-05-04T09:00+02:00"
    )
)
def send(
    name: MailingName,
    at: Annotated[
        str | None, typer.Option(metavar="ISO-TIME-WITH-ZONE", help="When, as in 2027-05-04T09:00+02:00; else now.")
    ] = None,
    wait: Wait = False,
) -> None:
    """Check a mailing and let it go out, now or later.

    Errors that the check finds stop it. The audience is who is on the lists when sending begins. With --wait the exit
    status is 3 where some failed, are uncertain or are still tried again.
    """
    moment = instant(at)
    with reading() as session:
        mailing = control.find_mailing(session, name)
        control.refuse_if_sent(mailing)
        with working(f"checking {mailing.name}"):
            report = check_mailing(session, mailing, goes_out=moment)
    if report.findings:
        show_findings(report, on_error_stream=True)
    if not report.ok:
        raise Refused(f"{name} is not sent; correct what the check found, import it again and send it then")
    with transaction() as session:
        mailing = control.find_mailing(session, name)
        control.send(session, mailing, moment)
    readers = count(report.recipients, "reader")
    if moment:
        say(f"{name} is scheduled for {moment.isoformat(' ', 'minutes')} to {readers}")
    else:
        say(f"{name} goes out to {readers}")
        _have_it_looked_at(mailing.id)
    _go_on(name, wait=wait)


@app.command(epilog=example("broadside mailing pause value-gap"))
def pause(name: MailingName) -> None:
    """Stop sending within 2 seconds; what was not begun waits."""
    _change(name, control.pause)
    say(f"{name} is paused; go on with: broadside mailing resume {name}")


@app.command(epilog=example("broadside mailing resume value-gap"))
def resume(name: MailingName, wait: Wait = False) -> None:
    """Go on with a paused mailing; nobody gets it twice."""
    mailing_id = _change(name, control.resume)
    say(f"{name} goes on")
    _have_it_looked_at(mailing_id)
    _go_on(name, wait=wait)


@app.command(epilog=example("broadside mailing cancel value-gap"))
def cancel(name: MailingName) -> None:
    """End a mailing for good within 2 seconds; who has it has it, nobody else will. Before its time: a draft again."""
    mailing_id = _change(name, control.cancel)
    with reading() as session:
        state = session.get_one(Mailing, mailing_id).state
    if state == MailingState.draft:
        say(f"{name} is a draft again")
        return
    _have_it_looked_at(mailing_id)
    say(f"{name} is cancelled")


@app.command(
    epilog=example(
        "broadside mailing retry value-gap --state failed", "broadside mailing retry value-gap --state uncertain --yes"
    )
)
def retry(
    name: MailingName,
    state: Annotated[Literal["failed", "uncertain"], typer.Option(help="Which ones.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    wait: Wait = False,
) -> None:
    """Try again those that failed, or of which nobody knows whether they arrived.

    The server may have taken an uncertain one: then that person gets it twice, with the same Message-ID, so you are
    asked first.
    """
    wanted = State(state)
    if wanted == State.uncertain and not yes:
        with reading() as session:
            number = counts(session, control.find_mailing(session, name).id)[wanted]
        if number and not agreed(f"{count(number, 'reader')} may get {name} twice. Send it again?"):
            say("nothing is sent again")
            raise typer.Exit(REFUSED)
    with transaction() as session:
        mailing = control.find_mailing(session, name)
        queued = control.retry(session, mailing, wanted)
    if not queued:
        say(f"{name} has none that {'are' if wanted == State.uncertain else 'have'} {state}")
        return
    say(f"{count(queued, 'message')} of {name} will be sent again")
    _have_it_looked_at(mailing.id)
    _go_on(name, wait=wait)


def instant(text: str | None) -> datetime | None:
    """The moment that --at names. Raises BadParameter for one without a zone, or that is past."""
    if text is None:
        return None
    hint = "write date, time and zone, as in 2027-05-04T09:00+02:00"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time; {hint}", param_hint="--at") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no zone; {hint}", param_hint="--at")
    if moment < datetime.now(UTC):
        raise typer.BadParameter(f"{text!r} is past; without --at it is now", param_hint="--at")
    return moment


def _change(name: str, change: Callable[[Session, Mailing], Any]) -> int:
    """Change a mailing; its id."""
    with transaction() as session:
        mailing = control.find_mailing(session, name)
        change(session, mailing)
        return mailing.id


def _go_on(name: str, *, wait: bool) -> None:
    if wait:
        raise typer.Exit(watch(name))
    say(f"see how it goes: broadside mailing report {name}")


def _have_it_looked_at(mailing_id: int) -> None:
    """Ask the workers to look at once, instead of within 2 s; without a queue the database has it all the same."""
    from tasks.asking import ask_for_work  # noqa: PLC0415 -- Celery loads slowly, and most commands need none

    try:
        ask_for_work(mailing_id)
    except Unavailable as error:
        warn(f"{error}; it is noted in the database and begins when workers and Redis run")
