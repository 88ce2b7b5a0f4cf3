"""Every command that there is: its help, its examples, its names."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.core import TyperGroup

from cli import demo_office, demo_run
from cli.main import root
from cli.running import DemoKind
from mailer.render.kinds import TEMPLATES
from tests.cli.speaking import broadside

ISSUED = """
db upgrade, house import, house show, list create, list show, subscribers import, subscribers export, subscribers show,
subscribers unsubscribe, subscribers suppress, segment save, segment count, snippet import, snippet list,
snippet show, snippet remove, mailing import, mailing draft, mailing list,
mailing check, mailing audience, mailing preview, mailing test, mailing send, mailing pause, mailing resume,
mailing cancel, mailing retry, mailing report, mailing deliveries, up, worker, beat, web, inbox, demo
"""


def leaves(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if isinstance(command, TyperGroup):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(leaves(root()))


def test_the_demo_can_send_every_kind() -> None:
    kinds = {path.parent.name for path in TEMPLATES.glob("email/*/kind.yaml")}
    assert kinds == set(DemoKind) == set(demo_office.MAILINGS) == set(demo_run._A_KIND)


def test_the_names_are_those_that_were_agreed() -> None:
    agreed = {tuple(name.split()) for name in ISSUED.replace("\n", " ").split(",")}
    assert agreed <= set(COMMANDS)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_80_columns_and_has_an_example(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = broadside(*path, "--help")
    assert "Example" in said.out
    assert max(map(len, said.out.splitlines())) <= 80
    assert "\N{HORIZONTAL ELLIPSIS}" not in said.out, "something is cut off"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_examples_are_right_usage_and_can_be_copied(path: tuple[str, ...]) -> None:
    head, *lines = str(COMMANDS[path].epilog).split("\n\n")  # type: ignore[attr-defined]
    assert head in ("Example:", "Examples:")
    assert lines
    for line in lines:
        assert all(len(part) <= 78 for part in line.split("\n")), line
        words = shlex.split(line.partition(" > ")[0].replace("\\\n", " "))
        while re.fullmatch(r"BROADSIDE_[A-Z_]+=.*", words[0]):
            words.pop(0)
        assert tuple(words[: len(path) + 1]) == ("broadside", *path)
        COMMANDS[path].make_context("broadside", words[len(path) + 1 :])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["mailing", "snd", "x"],
        ["mailing", "send"],
        ["mailing", "send", "x", "--no-such-option"],
        ["mailing", "retry", "x"],
        ["mailing", "retry", "x", "--state", "sent"],
        ["mailing", "deliveries", "x", "--state", "lost"],
        ["list", "create", "press"],
        ["subscribers", "import", "x.csv", "--list", "l", "--source", "s", "--basis", "hope"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(words: list[str], environment: object) -> None:
    said = broadside(*words, status=2)
    assert not said.out
    assert "broadside" in said.err


def test_a_misspelt_command_is_met_with_the_nearest(environment: object) -> None:
    assert "'mailing'" in broadside("mailng", status=2).err
    assert "'send'" in broadside("mailing", "snd", "x", status=2).err


def test_help_waits_for_no_heavy_library() -> None:
    heavy = "{'sqlalchemy', 'celery', 'lxml', 'alembic', 'pydantic', 'jinja2'}"
    code = f"""
import sys
from cli.main import run
sys.argv = ['broadside', '--help']
try:
    run()
except SystemExit:
    print(sorted({heavy} & set(sys.modules)))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.splitlines()[-1] == "[]"
