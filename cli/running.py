"""The commands that run processes. Each loads what it needs when it runs, so that help is quick."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.group import example

app = typer.Typer()
_PANEL = "Running"
USUAL_PROCESSES = (os.cpu_count() or 1) + 1
"""Processes that send: while one waits for the database's disk or for a relay, another has work."""


class DemoKind(StrEnum):
    """What the demo can send."""

    op_ed = "op-ed"
    press_release = "press-release"
    campaign_update = "campaign-update"
    newsletter = "newsletter"
    invitation = "invitation"


@app.command(rich_help_panel=_PANEL, epilog=example("broadside demo", "broadside demo --kind newsletter --once"))
def demo(
    once: Annotated[bool, typer.Option("--once", help="End when everybody has it; for trying out and for CI.")] = False,
    kind: Annotated[DemoKind, typer.Option(help="What is sent.")] = DemoKind.op_ed,
    folder: Annotated[Path | None, typer.Option(help="Where the demo keeps what it makes; emptied first.")] = None,
    people: Annotated[int, typer.Option(min=1, max=1_000_000, hidden=True)] = 10_000,
) -> None:
    """Watch a mailing go out to ten thousand invented people, into an inbox on this machine.

    It ignores every BROADSIDE_ setting: no real mail server is ever spoken to.
    """
    from cli.demo import begin  # noqa: PLC0415

    begin(folder, kind=kind, people=people, once=once)


@app.command(rich_help_panel=_PANEL, epilog=example("broadside up", "BROADSIDE_WEB_PORT=9025 broadside up"))
def up() -> None:
    """Run everything in this terminal: Redis, database, workers, beat, public pages and an inbox to try out with.

    What the settings name (a database, a Redis, a mail server) is used instead. Ctrl-C ends it when the messages in
    hand are sent, a second Ctrl-C at once.
    """
    from cli.up import up as run_up  # noqa: PLC0415

    raise typer.Exit(run_up())


@app.command(rich_help_panel=_PANEL, epilog=example("broadside worker", "broadside worker --processes 8"))
def worker(
    processes: Annotated[
        int, typer.Option(min=1, max=256, help="Processes that send; by default one more than there are cores.")
    ] = USUAL_PROCESSES,
) -> None:
    """Run the workers of this host: some that send, one for urgent mail and for what is due."""
    _part("worker", str(processes))


@app.command(rich_help_panel=_PANEL, epilog=example("broadside beat"))
def beat() -> None:
    """Run the clock that has the workers look for what is due; several may run, on several hosts."""
    _part("beat")


@app.command(rich_help_panel=_PANEL, epilog=example("broadside web", "BROADSIDE_HOST=0.0.0.0 broadside web"))
def web() -> None:
    """Serve the public pages, the way out of a mailing above all."""
    _part("web")


@app.command(rich_help_panel=_PANEL, epilog=example("broadside inbox"))
def inbox() -> None:
    """Run a mail server that keeps what it gets, and a page to look at it; nothing goes any further."""
    _part("inbox")


def _part(name: str, *arguments: str) -> None:
    from cli.database import ready  # noqa: PLC0415
    from cli.output import say  # noqa: PLC0415
    from cli.part import local_inbox, local_web, run  # noqa: PLC0415
    from config.settings import settings  # noqa: PLC0415

    if name in {"worker", "web"}:
        ready()
    where = {"web": local_web, "inbox": local_inbox}.get(name)
    say(f"{name} runs{f' at {where(settings())}' if where else ''}; Ctrl-C ends it")
    raise typer.Exit(run(name, *arguments))
