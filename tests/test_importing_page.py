"""docs/importing.md, run: what it shows of the command is what the command says."""

import re
import shlex
from pathlib import Path

import pytest

from cli.importing import MEANS
from subscribers.sources.statuses import MEANINGS
from subscribers.sources.table import known
from tests.cli.speaking import broadside

PAGE = (Path(__file__).parents[1] / "docs" / "importing.md").read_text()
EXAMPLES = re.findall(r"```csv (\S+)\n(.*?)```\n\n```sh\nbroadside (.*?)\n```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("name", "text", "command", "shown"), EXAMPLES, ids=[name for name, *_ in EXAMPLES])
def test_the_examples_are_what_the_command_says(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, command: str, shown: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text)
    broadside("list", "create", "press", "--title", "Press")
    refused = shown.startswith("broadside: ")
    said = broadside(*shlex.split(command), status=1 if refused else 0)
    told = said.err if refused else said.out
    assert [line.rstrip() for line in told.splitlines()] == shown.splitlines()


def test_the_page_names_all_that_there_is() -> None:
    assert len(EXAMPLES) == 2
    for tool in known().tools:
        assert tool.name in PAGE
    for word in (*MEANINGS, *MEANS):
        assert f"`{word}`" in PAGE
