"""docs/writing.md, run: its folder is imported and checked, its examples compiled and read by its two readers."""

import re
import shutil
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from config.database import reading, transaction
from config.errors import Refused
from config.migrate import upgrade
from mailer.check import check_mailing
from mailer.control import find_mailing
from mailer.editions import compile_mailing
from mailer.folder import import_folder
from mailer.house import import_house
from mailer.ledger.states import Skip, State
from mailer.mailing_file import MailingFile
from mailer.render.filters import author_filters
from mailer.render.kinds import kind_names, load_kind
from mailer.render.personal import FIELDS
from mailer.snippets import import_snippets
from mailer.specimen import specimens
from subscribers.importing import import_file
from subscribers.lists import create_list
from subscribers.models import Basis, Role

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "writing.md").read_text()
DEMO = ROOT / "cli" / "demo_content"
READERS = {"Ana": "ana@gazeta.example", "Peeters": "b.peeters@label.example"}


@dataclass(frozen=True)
class Block:
    """A fenced block: what its first line says, and what stands in it."""

    label: str
    text: str


BLOCKS = [
    Block(label.strip(), text)
    for label, text in re.findall(r"^```([^\n]*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
]
"""All blocks of the page in order."""


def block(label: str) -> str:
    [found] = [one.text for one in BLOCKS if one.label == label]
    return found


def examples() -> list[tuple[str, dict[str, str]]]:
    """What an author writes, with what each reader reads."""
    found: list[tuple[str, dict[str, str]]] = []
    for one in BLOCKS:
        if one.label == "jinja write":
            found.append((one.text, {}))
        elif one.label.startswith("text ") and one.label.removeprefix("text ") in READERS:
            found[-1][1][one.label.removeprefix("text ")] = one.text
    return found


def after(label: str) -> list[tuple[str, str]]:
    """Blocks of that label, each with the one that follows it."""
    return [(one.text, BLOCKS[at + 1].text) for at, one in enumerate(BLOCKS) if one.label == label]


def section(title: str) -> str:
    """What stands under a heading, without blocks."""
    prose = re.sub(r"^```.*?^```$", "", PAGE, flags=re.DOTALL | re.MULTILINE)
    return prose.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.fixture
def folder(tmp_path: Path, environment: None) -> Path:
    """The page's mailing as a folder, beside a database that knows its readers and the demo's house style."""
    upgrade()
    with transaction() as session:
        import_house(session, DEMO / "house.yaml")
        snippets = tmp_path / "snippets.yaml"
        snippets.write_text(block("yaml snippets.yaml"))
        import_snippets(session, snippets)
        for name in ("press", "members", "staff"):
            create_list(session, name=name, title=name.title(), purpose="news")
    people = tmp_path / "people.csv"
    people.write_text(block("csv people.csv"))
    counts = import_file(people, "press", Basis.consent, "the page")
    assert (counts["created"], counts["rejected"]) == (2, 0)
    path = tmp_path / "value-gap"
    path.mkdir()
    (path / "mailing.yaml").write_text(block("yaml mailing.yaml"))
    write_text(path, block("markdown en.md"))
    return path


def write_text(folder: Path, text: str) -> None:
    """`en.md`, and the picture beside it if it is shown."""
    (folder / "en.md").write_text(text)
    (folder / "chart.png").unlink(missing_ok=True)
    if "chart.png" in text:
        shutil.copy(DEMO / "value-gap" / "chart.png", folder)


def read(reader: str, language: str = "") -> tuple[str, str]:
    """Subject and plain text of the mail that a reader gets, without the marks of direction."""
    with reading() as session:
        mailing = find_mailing(session, "value-gap")
        [specimen] = specimens(session, mailing, address=READERS[reader], language=language)
    message = message_from_bytes(specimen.content, policy=default)
    text = message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    return str(message["subject"]), re.sub("[\u2066-\u2069\r]", "", text)


def with_body(folder: Path, body: str) -> None:
    front = block("markdown en.md").rpartition("---\n")[0] + "---\n"
    write_text(folder, front + body)
    with transaction() as session:
        import_folder(session, folder)


def test_the_folder_is_one_that_may_be_sent(folder: Path) -> None:
    with transaction() as session:
        report = check_mailing(session, import_folder(session, folder))
    assert [str(finding) for finding in report.findings] == []
    assert report.languages == {"en": 2}
    assert read("Ana")[0] == "For publication: Europe and the value gap"
    subject, text = read("Peeters")
    assert subject == "Europe and the value gap"
    assert "Dear colleague,\n" in text
    assert "Coudenberg" in text


@pytest.mark.parametrize("kind", ["press-release", "newsletter", "invitation"])
def test_the_example_of_each_kind_may_be_sent(folder: Path, kind: str) -> None:
    own = [one.text for one in BLOCKS if one.label == f"yaml {kind} mailing.yaml"]
    described = own[0] if own else block("yaml mailing.yaml").replace("kind: op-ed", f"kind: {kind}")
    (folder / "mailing.yaml").write_text(described)
    write_text(folder, block(f"markdown {kind} en.md"))
    with transaction() as session:
        report = check_mailing(session, import_folder(session, folder))
    assert [str(finding) for finding in report.findings] == []
    text = read("Ana")[1]
    for expected in (one.text for one in BLOCKS if one.label == f"text Ana {kind}"):
        assert expected.strip() in text


@pytest.mark.parametrize(("written", "readers"), examples())
def test_each_example_reads_as_the_page_says(folder: Path, written: str, readers: dict[str, str]) -> None:
    assert readers
    with_body(folder, f"Before.\n\n{written}\nAfter.\n")
    for reader, expected in readers.items():
        _, text = read(reader)
        assert text.split("Before.\n\n")[1].split("\n\nAfter.")[0] == expected.rstrip("\n")


@pytest.mark.parametrize(("written", "says"), after("jinja wrong"))
def test_each_mistake_is_refused_as_the_page_says(folder: Path, written: str, says: str) -> None:
    with_body(folder, written)
    line = (folder / "en.md").read_text().split("\n").index(written.split("\n", maxsplit=1)[0])
    with reading() as session, pytest.raises(Refused) as refused:
        compile_mailing(session, find_mailing(session, "value-gap"))
    # The page counts lines from the example's first.
    assert str(refused.value) == says.strip().replace("line 1", f"line {line + 1}")


@pytest.mark.parametrize(("written", "says"), after("yaml wrong mailing.yaml"))
def test_a_misspelt_key_is_refused_as_the_page_says(folder: Path, written: str, says: str) -> None:
    (folder / "mailing.yaml").write_text(written)
    with transaction() as session, pytest.raises(Refused) as refused:
        import_folder(session, folder)
    assert str(refused.value) == says.strip()


def test_the_check_finds_what_the_page_says(folder: Path) -> None:
    write_text(folder, block("markdown check en.md"))
    with transaction() as session:
        report = check_mailing(session, import_folder(session, folder))
    found = [f"{finding.level}: {finding}" for finding in report.findings]
    assert found == block("text found").strip().split("\n")


def test_pictures_links_and_tables_pass_the_check(folder: Path) -> None:
    body = next(one.text for one in BLOCKS if one.label == "markdown")
    with_body(folder, body)
    with reading() as session:
        report = check_mailing(session, find_mailing(session, "value-gap"))
    assert report.findings == []
    assert "https://impala.example/paper?from=PT" in read("Ana")[1]


def test_each_key_and_kind_is_on_the_page() -> None:
    first = section("A mailing is a folder")
    named = {key for row in re.findall(r"^\| (`.*?) \|", first, re.MULTILINE) for key in re.findall(r"`(\w+)`", row)}
    assert named == {field.alias or name for name, field in MailingFile.model_fields.items()}
    kinds = section("The text")
    for kind in kind_names():
        [row] = re.findall(rf"^\| `{kind}` \| (.*) \| (.*) \|$", kinds, re.MULTILINE)
        must, may = row
        for name, field in load_kind(kind).fields.items():
            assert f"`{name}`" in (must if field.required else may), f"{kind}: {name}"
        assert re.search(rf"`kind` \|.*`{kind}`", first)


def test_each_field_filter_role_and_reason_is_on_the_page() -> None:
    fields = section("Personal fields")
    for name in FIELDS - {"attributes"}:
        assert f"`{name}`" in fields
    for role in Role:
        assert f"`{role}`" in fields
    filters = re.findall(r"^\| (`.*?) \|", section("Dates and numbers"), re.MULTILINE)
    named = {name for row in filters for name in re.findall(r"`(\w+)", row)}
    assert named == set(author_filters("en"))
    states = section("What became of it")
    for reason in Skip:
        assert str(reason) in states
    assert set(re.findall(r"^\| `(\w+)`", states, re.MULTILINE)) <= {str(state) for state in State}


def test_the_deadlines_are_the_kinds() -> None:
    by_hours = {load_kind(name).deadline_hours: set[str]() for name in kind_names()}
    for name in kind_names():
        by_hours[load_kind(name).deadline_hours].add(name)
    assert by_hours == {4: {"op-ed", "press-release"}, 48: {"campaign-update", "newsletter", "invitation"}}
    assert (
        "up to 4 hours for an op-ed or a press release, and 48 for a campaign update, a newsletter or an invi" in PAGE
    )
