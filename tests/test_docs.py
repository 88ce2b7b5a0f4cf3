"""What the documents name is there: links, commands, options, targets, settings, files, numbers."""

import inspect
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from babel import Locale
from pydantic import SecretStr

from cli.main import root
from config.settings import PREFIX, Settings
from mailer import relays
from mailer.ledger import outcomes
from mailer.ledger.lease import GRACE
from mailer.ledger.states import Skip, State
from mailer.models import MailingState
from mailer.render.kinds import load_kind
from mailer.render.words import languages
from tasks import processes

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text() for page in PAGES}
OPERATIONS = TEXTS["docs/operations.md"]
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def prose(text: str) -> str:
    return FENCE.sub("", text)


def section(text: str, title: str) -> str:
    return prose(text).split(f"\n## {title}\n")[1].split("\n## ")[0]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    titles = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", TEXTS)
def test_every_link_leads_somewhere(page: str) -> None:
    text = prose(TEXTS[page])
    links = [*re.findall(r"\]\(([^)\s]+)\)", text), *re.findall(r'(?:href|src)="([^"]+)"', text)]
    for link in links:
        if re.match(r"(https?|mailto):", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text()), f"{page}: {link}"


def test_writing_lists_the_languages_there_are_words_in() -> None:
    tags = ["en", *languages()]
    *names, last = sorted(f"{Locale.parse(tag, sep='-').get_display_name('en')} (`{tag}`)" for tag in tags)
    assert f"There are fixed words in {', '.join(names)} and {last}." in TEXTS["docs/writing.md"]


def test_every_picture_says_what_it_shows() -> None:
    for page, text in TEXTS.items():
        assert not re.search(r"!\[\s*\]\(", prose(text)), page
        for tag in re.findall(r"<img [^>]*>", text):
            assert re.search(r'alt="[^"]+"', tag), page


def commands() -> list[tuple[str, str]]:
    """(page, command line) of every `broadside ...` in a code span or a shell block."""
    found = []
    for page, text in TEXTS.items():
        for block in re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            found += [(page, line) for line in re.findall(r"^[^#\n]*?\b(broadside .*)$", block, re.MULTILINE)]
        found += [(page, span) for span in re.findall(r"`(broadside [^`]*)`", prose(text))]
    return found


def test_commands_are_found() -> None:
    assert len(commands()) > 30


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_and_option_exists(page: str, line: str) -> None:
    command: Any = root()
    words = shlex.split(line, comments=True)[1:]
    while words and hasattr(command, "get_command"):
        found = command.get_command(None, words.pop(0))
        assert found is not None, f"{page}: {line}"
        command = found
    assert not hasattr(command, "get_command"), f"{page}: {line} is only a group"
    known = {option for parameter in command.params for option in parameter.opts}
    for word in words:
        if word.startswith("--"):
            assert word in known, f"{page}: {line}"


def test_every_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page, text in TEXTS.items():
        code = [*re.findall(r"`([^`\n]+)`", prose(text)), *"\n".join(FENCE.findall(text)).splitlines()]
        for span in code:
            for target in re.findall(r"^make ([a-z]+)", span):
                assert target in targets, f"{page}: make {target}"


def test_the_readme_has_two_commands() -> None:
    part = TEXTS["README.md"].split("\n## Two commands\n")[1].split("\n## ")[0]
    assert re.findall(r"^```sh\n(.*?)\n```$", part, re.DOTALL | re.MULTILINE) == ["make demo", "make test"]


@pytest.mark.parametrize("page", TEXTS)
def test_every_file_named_is_there(page: str) -> None:
    """`mailer/ledger/states.py`, and in a row of files of one folder also `headers.py`."""
    folders = "config|subscribers|mailer|tasks|web|cli|templates|migrations|docs|tests"
    for line in prose(TEXTS[page]).splitlines():
        last = ROOT
        for name in re.findall(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|yaml|lock|toml|yml)|(?:[\w-]+/)+)`", line):
            if re.match(rf"(?:{folders})/", name):
                assert (ROOT / name).exists(), f"{page}: {name}"
                last = (ROOT / name).parent
            elif name.endswith(".py"):
                assert (last / name).exists(), f"{page}: {name}"


def test_the_map_of_the_house_is_complete() -> None:
    house = TEXTS["docs/architecture.md"].split("\n## The house\n")[1]
    block = re.findall(FENCE, house)[0]
    named = set(re.findall(r"^(\w+)/", block, re.MULTILINE))
    assert all((ROOT / name).is_dir() for name in named)
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert named >= {*hatch["packages"], *hatch["targets"]["wheel"]["force-include"], "docs", "tests"}


def test_no_page_names_a_machine() -> None:
    for page, text in TEXTS.items():
        assert not re.search(r"(?<![\w.])/(?:work|root|home|Users|tmp)/", text), page


def test_no_lock_file_names_an_index() -> None:
    for name in ("requirements.lock", "requirements-run.lock"):
        assert not re.search(r"://|--(?:extra-)?index-url|--find-links", (ROOT / name).read_text())


def test_operations_names_every_setting_with_its_default() -> None:
    rows = dict(re.findall(rf"^\| `{PREFIX}(\w+)` \| (.*?) \| .+ \|$", section(OPERATIONS, "Settings"), re.MULTILINE))
    assert list(rows) == list(dict.fromkeys(rows))
    assert set(rows) == {name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        given = rows[name.upper()]
        if isinstance(field.default, int | float):
            assert given == f"`{field.default:g}`", name
        elif isinstance(field.default, SecretStr) or field.default in ("", ()):
            assert not given.startswith("`") or given.startswith("`http://`"), name
        else:
            assert given == f"`{field.default}`", name


def test_every_variable_named_is_a_setting() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    known.add("BROADSIDE_PROCESSES")  # of docker-compose.yml
    for page, text in TEXTS.items():
        assert set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", text)) <= known, page


def test_operations_says_what_every_state_means() -> None:
    part = section(OPERATIONS, "What each state means")
    named = {
        state for cell in re.findall(r"^\| (`.*?) \|", part, re.MULTILINE) for state in re.findall(r"`(\w+)`", cell)
    }
    assert named == {str(state) for state in State}
    for word in (*Skip, *MailingState):
        assert f"`{word}`" in part


def test_the_numbers_are_the_programs() -> None:
    def says(words: str) -> bool:
        return words in OPERATIONS

    patience = inspect.signature(processes.drain).parameters["patience"].default
    assert says(f"takes up to {patience:.0f} seconds")
    assert relays.LONGEST_DOWN == 300
    assert says("at most five minutes at a time")
    assert outcomes.LONGEST_WAIT == 1800
    assert says("up to half an hour")
    assert processes.KEEP_RECORDERS == 24 * 3600
    assert says("removed after a day")
    assert processes.WATCH_EVERY == 2
    assert says("Within two seconds")
    lease = Settings.model_fields["lease_seconds"].default
    assert says(f"after {lease * (1 + GRACE):.0f} seconds, as `uncertain`")
    kinds = {path.parent.name for path in ROOT.glob("templates/email/*/kind.yaml")}
    deadlines = {kind: load_kind(kind).deadline_hours for kind in kinds}
    assert {kind for kind in kinds if deadlines[kind] == 4} == {"op-ed", "press-release"}
    assert set(deadlines.values()) == {4, 48}
    assert says("4 hours for an op-ed or a press release, 48 for the other kinds")
    assert says("BROADSIDE_BATCH_SIZE` | `1000`")


def test_decisions_are_numbered_listed_and_complete() -> None:
    records = sorted(path for path in (ROOT / "docs" / "adr").glob("*.md") if path.name != "README.md")
    index = TEXTS["docs/adr/README.md"]
    for number, path in enumerate(records, 1):
        assert path.name.startswith(f"{number:04}-"), path.name
        text = path.read_text()
        title = text.partition("\n")[0].removeprefix("# ")
        assert f"| [{number:04}]({path.name}) | {title} |" in index
        parts = re.findall(r"^\*\*(\w+)\.\*\* ", text, re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences", "Alternatives"], path.name


def test_the_changelog_begins_with_what_is_not_released_yet() -> None:
    assert re.findall(r"^## (.+)$", TEXTS["CHANGELOG.md"], re.MULTILINE)[0] == "[Unreleased]"


def test_what_operations_quotes_is_said() -> None:
    """The trouble table is searched by a message's words, so they must be the program's."""
    modules = [
        path for folder in ("config", "subscribers", "mailer", "tasks", "cli") for path in (ROOT / folder).rglob("*.py")
    ]
    said = "".join(re.sub(r'"\s*f?"', "", path.read_text()) for path in modules)
    quoted = re.findall(r'"([^"]+)"', "".join(re.findall(r'^\| ("[^|]+)\|', OPERATIONS, re.MULTILINE)))
    assert len(quoted) > 20
    assert [words for words in quoted if words not in said] == []
