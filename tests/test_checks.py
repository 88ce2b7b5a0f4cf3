"""docs/checks.md, run: of each rule a mailing that trips it and one that does not."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.database import reading, transaction
from config.migrate import upgrade
from config.settings import settings
from mailer.check import check_mailing
from mailer.checks import gathering
from mailer.checks.online import dead
from mailer.checks.rules import LEVELS
from mailer.control import find_mailing
from mailer.findings import Report
from mailer.folder import import_folder
from mailer.house import import_house
from mailer.models import Relay
from mailer.render.compile import compile_edition
from mailer.render.kinds import TEMPLATES
from subscribers.importing import import_file
from subscribers.lists import create_list
from subscribers.models import Basis
from tests.conftest import forget
from tests.mailer.checks.test_online import served
from tests.mailer.test_folder import picture
from tests.press import sent_before

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "checks.md").read_text()
NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
"""The day on which the page's mailings are checked: a Monday."""


PEOPLE = {
    "press": "ana@press.example,Ana,en,Lisbon,\nbo@press.example,,en; fr,,\n",
    "paris": "chloe@press.example,Chloe,fr,,\n",
    "staff": "dan@staff.example,Dan,en,,\n",
    "everyone": "".join(f"e{number}@press.example,Eve,en,,\n" for number in range(30)),
    "former": "".join(f"f{number}@press.example,Finn,en,,unsubscribed\n" for number in range(10)),
}
OCTETS = {"leaflet.pdf": 20_000, "annex.pdf": 1_800_000, "report.pdf": 3_500_000}
TAKEN = 4_000_000
"""Octets that the page's relay takes."""


@dataclass
class Example:
    """One mailing of the page: the files that differ from its ordinary one."""

    rule: str
    found: bool
    files: dict[str, str] = field(default_factory=dict)
    times: int = 1
    """How often its paragraph is written."""

    def __str__(self) -> str:
        return f"{self.rule}-{'found' if self.found else 'sound'}"


def examples() -> Iterator[Example]:
    """Blocks labelled `... found FILE` or `... sound FILE` under a rule's heading; those side by side are one mailing.

    What stands before a block may say that its paragraph is written so many times.
    """
    for part in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        rule = part.split("\n", 1)[0].strip()
        last: Example | None = None
        after = 0
        for block in re.finditer(r"^```(?P<label>[^\n]*)\n(?P<text>.*?)^```$", part, re.DOTALL | re.MULTILINE):
            form, verdict, name = block["label"].split()
            between = part[after : block.start()]
            together = last is not None and not between.strip()
            if not (together and last and last.found == (verdict == "found")):
                if last:
                    yield last
                written = re.search(r"is written ([\d,]+) times:", between)
                times = int(written[1].replace(",", "")) if written else 1
                last = Example(rule, verdict == "found", times=times)
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
            for name in (*PEOPLE, "nobody"):
                create_list(session, name=name, title=name.title(), purpose="staff" if name == "staff" else "press")
            for relay in settings().relays:
                session.add(Relay(name=relay.name, failures=0, last_error="", size_limit=TAKEN))
        for name, rows in PEOPLE.items():
            people = path / "people.csv"
            people.write_text(f"email,first_name,languages,city,status\n{rows}")
            counts = import_file(people, name, Basis.consent, "the page")
            assert counts["unsubscribed" if name == "former" else "created"] == rows.count("@")
        for number in range(3):
            sent_before(number, readers=3)
        yield path
        forget()


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the templates, which the check uses."""
    shutil.copytree(TEMPLATES, tmp_path / "templates")
    monkeypatch.setitem(compile_edition.__kwdefaults__, "templates", tmp_path / "templates")
    return tmp_path / "templates"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The page's `https://impala.example`, on this machine."""
    monkeypatch.setattr(gathering, "dead", partial(dead, allowed=bool))
    with served() as address:
        yield address


def checked(office: Path, example: Example, *, site: str = "") -> Report:
    folder = office / "note"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = {name: ordinary(name) for name in ("house.yaml", "mailing.yaml", "en.md")}
    for name, text in example.files.items():
        more = text.replace("https://impala.example", site) if site else f"{text}\n" * example.times
        files[name] = changed(ordinary(name), more, name) if name.endswith((".md", ".yaml")) else more
    typed = files.pop("terminal", "")
    at = re.search(r"--at (\S+)", typed)
    for name, text in files.items():
        (folder / name).write_text(text)
    for name in OCTETS.keys() & set(re.findall(r"[\w-]+\.pdf", files["mailing.yaml"])):
        (folder / name).write_bytes(bytes(OCTETS[name]))
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
            online="--online" in typed,
        )


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_each_example_is_found_or_sound_as_the_page_says(
    office: Path, request: pytest.FixtureRequest, example: Example
) -> None:
    site = request.getfixturevalue("site") if "--online" in example.files.get("terminal", "") else ""
    for name in [name for name in example.files if name.endswith(".html")]:
        (request.getfixturevalue("templates") / "email" / name).write_text(example.files.pop(name))
    report = checked(office, example, site=site)
    found: list[Any] = [finding for finding in report.findings if finding.rule == example.rule]
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


def test_every_rule_is_on_the_page_with_both_and_its_level() -> None:
    for rule, level in LEVELS.items():
        verdicts = {example.found for example in EXAMPLES if example.rule == rule}
        assert verdicts == {True, False}, rule
        assert re.search(rf"^### {rule}\n\n{level.title()}\. ", PAGE, re.MULTILINE), rule
    assert {example.rule for example in EXAMPLES} == set(LEVELS)
