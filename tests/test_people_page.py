"""docs/people.md, run: its commands in their order on its people, its rules read, its mistakes refused."""

import json
import re
import shlex
from pathlib import Path

import pytest

import mailer  # noqa: F401  (adds its rules to those that a segment may have)
from config.errors import Refused
from subscribers.rule_parsing import parse
from subscribers.rule_text import read
from subscribers.rule_writing import write
from tests.cli.speaking import broadside

PAGE = (Path(__file__).parents[1] / "docs" / "people.md").read_text()
BLOCKS = re.findall(r"^```([^\n]*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def pairs(label: str) -> list[tuple[str, str]]:
    """Blocks of that label, each with the one that follows it."""
    return [(text, BLOCKS[at + 1][1]) for at, (name, text) in enumerate(BLOCKS) if name == label]


@pytest.mark.parametrize(("text", "tree"), pairs("rule"))
def test_each_rule_means_the_json_beside_it(text: str, tree: str) -> None:
    assert read(text) == json.loads(tree)
    assert read(write(parse(read(text)))) == json.loads(tree)


@pytest.mark.parametrize(("text", "says"), pairs("rule wrong"))
def test_each_mistake_is_told_as_the_page_says(text: str, says: str) -> None:
    with pytest.raises(Refused) as refused:
        read(text)
    assert str(refused.value) == says.strip()


def test_the_commands_do_what_the_page_says(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [people] = [text for name, text in BLOCKS if name == "csv people.csv"]
    (tmp_path / "people.csv").write_text(people)
    broadside("list", "create", "staff", "--title", "Staff")
    lines = [line for name, text in BLOCKS if name == "sh" for line in text.splitlines()]
    said = {line: broadside(*shlex.split(line)[1:]).out for line in lines}
    assert "1 person, of whom 1 may be written to" in said["broadside segment count brussels"]
    suggested = said["broadside subscribers duplicates"]
    assert "merge zoe@verso.example zoe@old.example" in suggested
    assert "b.peeters@gmail.com" in suggested
    shown = said["broadside subscribers show zoe@old.example"]
    assert "sign-up form, May 2026" in shown and "press" in shown
    assert max(map(len, shown.splitlines())) <= 80
    held = json.loads(said["broadside subscribers export --person zoe@old.example"])
    assert held["first_name"] == "Zoë" and held["events"][0]["source"] == "sign-up form, May 2026"
    left = broadside("subscribers", "export").out
    assert "gmial" not in left and "zoe@old.example" in left and "zoe@verso.example" in left
    assert "was erased on" in broadside("subscribers", "forget", "b.peeters@gmial.com").out
    assert "--yes" in broadside("subscribers", "forget", "ana@gazeta.example", status=1).err
    assert "ana@gazeta.example" in broadside("subscribers", "export").out
