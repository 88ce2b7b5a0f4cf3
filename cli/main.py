"""The entry of the `broadside` command: its groups, and what becomes of an error."""

import contextlib
import io
import os
import sys

import typer
from typer.core import TyperGroup
from typer.main import get_group

from cli import running
from cli.group import Group, tidy
from cli.output import REFUSED, fail
from config.errors import BroadsideError

ABOUT = """A press office of your own: write once, and every subscriber receives it exactly once, in their language.

Exit status: 0 done; 1 refused or failed; 2 wrong usage; 3 done, with some failed, uncertain or still deferred."""
GROUPS = (
    Group("house", "cli.house", "The house style: who you are and how your mail looks."),
    Group("list", "cli.lists", "Lists that people are on."),
    Group("subscribers", "cli.subscribers", "People: bring them in, look them up, let them go."),
    Group("segment", "cli.segments", "Saved filters over subscribers."),
    Group("snippet", "cli.snippets", "Named pieces of text for any mailing."),
    Group("mailing", "cli.mailings", "Mailings: write, check, send, and see what became of them."),
    Group("ledger", "cli.ledger", "The account of what was sent, when it needs a person."),
    Group("db", "cli.database", "The database's tables.", database=False),
)


def root() -> TyperGroup:
    """The whole command tree."""
    app = typer.Typer(
        name="broadside",
        help=ABOUT,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.add_typer(running.app)
    tree = get_group(app)
    for command in tree.commands.values():
        tidy(command)
    for group in GROUPS:
        tree.add_command(group)
    return tree


def run() -> None:
    """Run the command line; never returns."""
    _write_utf8()
    try:
        try:
            root()(prog_name="broadside")
        finally:
            _write_the_rest()
    except BroadsideError as error:
        fail(str(error))
    except Exception as error:
        from config.trouble import in_words  # noqa: PLC0415 -- help must not wait for it

        reason = in_words(error)
        if reason is None:
            raise
        fail(reason)
    sys.exit(REFUSED)


def _write_the_rest() -> None:
    """Write what is still buffered, here, where a reader that went away is no defect (Python, `signal`, SIGPIPE)."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(REFUSED)


def _write_utf8() -> None:
    """Files and pipes get UTF-8 whatever the locale; a terminal keeps its own, with ? for what it cannot show."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(io.UnsupportedOperation):
            if isinstance(stream, io.TextIOWrapper):
                if stream.isatty():
                    stream.reconfigure(errors="replace")
                else:
                    stream.reconfigure(encoding="utf-8")
