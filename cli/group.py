"""Groups of commands whose module is imported when one of them is wanted, so that `broadside --help` is quick."""

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group


class Group(TyperGroup):
    """`broadside NAME ...`, its commands those of the Typer app in `module`.

    Before a command of it runs, the database is made ready, unless `database` says that it needs none.
    """

    def __init__(self, name: str, module: str, about: str, *, database: bool = True) -> None:
        super().__init__(name=name, help=about, no_args_is_help=True, rich_help_panel="Press office")
        self._module = module
        self._database = database

    def list_commands(self, ctx: Any) -> list[str]:
        self._load()
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        self._load()
        return super().get_command(ctx, cmd_name)

    def _load(self) -> None:
        if self.commands:
            return
        found = get_group(import_module(self._module).app)
        for command in found.commands.values():
            tidy(command)
            if self._database and command.callback:
                command.callback = _with_database(command.callback)
        self.commands.update(found.commands)


def commands() -> typer.Typer:
    """The app of a group's module."""
    return typer.Typer(pretty_exceptions_enable=False)


def tidy(command: Any) -> None:
    """Make a command's help fit to read: paragraphs as wide as the terminal, and no type beside a flag."""
    command.help = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    for parameter in command.params:
        if getattr(parameter, "is_bool_flag", False):
            parameter.metavar = ""


def example(*lines: str) -> str:
    """The end of a command's help: how it is typed."""
    return "\n\n".join(["Example:" if len(lines) == 1 else "Examples:", *lines])


def _with_database(run: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run)
    def ready_then_run(*args: Any, **kwargs: Any) -> Any:
        from cli.database import ready  # noqa: PLC0415 -- help must not wait for it

        ready()
        return run(*args, **kwargs)

    return ready_then_run
