"""docs/checks.md, run: of each rule a mailing that trips it and one that does not."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.database import reading, transaction
from config.migrate import upgrade
from mailer.check import check_mailing
from mailer.checks.rules import LEVELS
from mailer.control import find_mailing
from mailer.findings import Report
from mailer.folder import import_folder
from mailer.house import import_house
from subscribers.importing import import_file
from subscribers.lists import create_list
from subscribers.models import Basis
from tests.conftest import forget
from tests.mailer.test_folder import picture

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "checks.md").read_text()
NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
"""The day on which the page's mailings are checked: a Monday."""


PEOPLE = {
    "press": "ana@press.example,Ana,en,Lisbon\nbo@press.example,,en; fr,\n",
    "paris": "chloe@press.example,Chloe,fr,\n",
    "staff": "dan@staff.example,Dan,en,\n",
}


@dataclass
class Example:
    """One mailing of the page: the files that differ from its ordinary one."""

    rule: str
    found: bool
    files: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.rule}-{'found' if self.found else 'sound'}"


def examples() -> Iterator[Example]:
    """Blocks labelled `... found FILE` or `... sound FILE` under a rule's heading; those side by side are one mailing."""
    for part in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        rule = part.split("\n", 1)[0].strip()
        last: Example | None = None
        after = 0
        for block in re.finditer(r"^```(?P<label>[^\n]*)\n(?P<text>.*?)^```$", part, re.DOTALL | re.MULTILINE):
            form, verdict, name = block["label"].split()
            together = last is not None and not part[after : block.start()].strip()
            if not (together and last and last.found == (verdict == "found")):
                if last:
                    yield last
                last = Example(rule, verdict == "found")
            after = block.end()
            text = block["text"]
            if form == "yaml" and name.endswith(".md"):
                text = f"---\n{text}---\n"
            last.files[name] = text  # type: ignore[union-attr]
        if last:
            yield last


EXAMPLES = list(examples())


def ordinary(name: str) -> str:
    """A file of the page's ordinary mailing."""
    [text] = re.findall(rf"^```\w+ ordinary {re.escape(name)}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(text)


def changed(text: str, change: str, name: str) -> str:
    """An ordinary file with another body, or with some keys of its front matter or of all it has replaced."""
    if name.endswith(".yaml"):
        return yaml.safe_dump({**yaml.safe_load(text), **yaml.safe_load(change)}, sort_keys=False)
    _, front, body = text.split("---\n")
    if change.startswith("---\n"):
        _, other, *rest = change.split("---\n")
        keys = {**yaml.safe_load(front), **yaml.safe_load(other)}
        kept = {key: value for key, value in keys.items() if value is not None}
        front = yaml.safe_dump(kept, sort_keys=False, allow_unicode=True)
        body = "".join(rest) or body
    else:
        body = change
    return f"---\n{front}---\n{body}"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The page's press office, and the folder that its mailing stands in."""
    path = tmp_path_factory.mktemp("office")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROADSIDE_STATE_DIR", str(path / "state"))
        patch.setenv("BROADSIDE_DATABASE_URL", f"sqlite:///{path / 'office.db'}")
        forget()
        upgrade()
        with transaction() as session:
            for name, purpose in (("press", "press"), ("paris", "press"), ("nobody", "press"), ("staff", "staff")):
                create_list(session, name=name, title=name.title(), purpose=purpose)
        for name, rows in PEOPLE.items():
            people = path / "people.csv"
            people.write_text(f"email,first_name,languages,city\n{rows}")
            counts = import_file(people, name, Basis.consent, "the page")
            assert (counts["created"], counts["rejected"]) == (rows.count("@"), 0)
        yield path
        forget()


def checked(office: Path, example: Example) -> Report:
    folder = office / "note"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = {name: ordinary(name) for name in ("house.yaml", "mailing.yaml", "en.md")}
    for name, text in example.files.items():
        files[name] = changed(ordinary(name), text, name) if name.endswith((".md", ".yaml")) else text
    at = re.search(r"--at (\S+)", files.pop("terminal", ""))
    for name, text in files.items():
        (folder / name).write_text(text)
    for name in re.findall(r"[\w-]+\.png", "".join(files.values())):
        (folder / name).write_bytes(picture())
    house = folder.parent / "house.yaml"
    (folder / "house.yaml").replace(house)
    with transaction() as session:
        import_house(session, house)
        import_folder(session, folder)
    with reading() as session:
        return check_mailing(
            session,
            find_mailing(session, "note"),
            goes_out=datetime.fromisoformat(at[1]) if at else None,
            now=NOW,
        )


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_each_example_is_found_or_sound_as_the_page_says(office: Path, example: Example) -> None:
    found: list[Any] = [finding for finding in checked(office, example).findings if finding.rule == example.rule]
    assert bool(found) == example.found, [str(finding) for finding in found]
    for finding in found:
        assert finding.level == LEVELS[example.rule]
        assert finding.message and finding.remedy
        assert finding.at.file in {*example.files, "mailing.yaml", "en.md", "fr.md", "house style"} | set(
            re.findall(r"[\w.-]+", finding.message)
        )


def test_the_ordinary_mailing_has_nothing_to_report(office: Path) -> None:
    report = checked(office, Example("", found=False))
    assert [str(finding) for finding in report.findings] == []
    both = checked(office, Example("", found=False, files={"fr.md": ordinary("fr.md")}))
    assert [str(finding) for finding in both.findings] == []


NEEDS_MORE = {"dead-link", "template", "size", "too-large", "heavy", "length", "large-audience", "left-out"}
"""What no few lines of text can trip; tests/mailer/test_check.py does."""


def test_every_rule_is_on_the_page_with_both_and_its_level() -> None:
    for rule, level in LEVELS.items():
        verdicts = {example.found for example in EXAMPLES if example.rule == rule}
        assert verdicts == ({True, False} if rule not in NEEDS_MORE else set()), rule
        assert re.search(rf"^### {rule}\n\n{level.title()}\. ", PAGE, re.MULTILINE), rule
    assert {example.rule for example in EXAMPLES} == set(LEVELS) - NEEDS_MORE
