"""`broadside ledger`: what a person does when the account of what was sent needs one."""

from typing import Annotated

import typer

from cli.group import commands, example
from cli.options import AsJson
from cli.output import REFUSED, count, say, write_json
from mailer.ledger.reconcile import reconcile as replay

app = commands()


@app.command(epilog=example("broadside ledger reconcile", "broadside ledger reconcile --give-up"))
def reconcile(
    give_up: Annotated[
        bool,
        typer.Option("--give-up", help="Go on without the recorders that are lost; who is in doubt becomes uncertain."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """After the database went back in time: replay what this host's flight recorders know of the time between.

    Run it on every host that sends. Nothing is sent until the recorder of every claim was read, or you give up.
    """
    done = replay(give_up=give_up)
    if as_json:
        write_json(
            {"claims": done.claims, "missing": done.missing, "resolved": done.resolved, "uncertain": done.uncertain}
        )
    elif not (done.claims or done.resolved):
        say("the database did not go back in time; there is nothing to do")
    else:
        say(f"{count(done.resolved, 'delivery', 'deliveries')} brought back from the recorders of this host")
        if done.missing:
            say(
                f"{count(done.missing, 'claim')} of {done.claims} were made on other hosts, or are still in hand: run "
                "this there too, and here again. If their recorders are lost: broadside ledger reconcile --give-up"
            )
        else:
            say(f"{count(done.uncertain, 'delivery is', 'deliveries are')} uncertain; sending goes on")
    if done.missing:
        raise typer.Exit(REFUSED)
