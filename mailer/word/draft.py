"""A mailing's folder out of a Word file."""

import re
import shutil
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config.errors import Refused
from mailer.mailing_file import NAME
from mailer.render.kinds import load_kind
from mailer.word.convert import convert
from mailer.word.package import Package
from subscribers import fields
from subscribers.lists import short_name

_BRACES = re.compile(r"\{[{%#]")
_KEPT_REGIONS = {"pt-BR"}


@dataclass(frozen=True)
class Drafted:
    """The folder, and what an editor has to know: what was guessed, and what was lost."""

    folder: Path
    guessed: list[str]
    lost: list[str]


def draft_mailing(path: Path, *, kind: str, sender: str, out: Path | None = None) -> Drafted:
    """Write the folder `out`, else one named after the file in the current folder, for an import.

    `sender` is the From line. Raises Refused for a file that is no Word file or damaged, for a folder that exists, and
    Unknown for a kind there is not; then nothing is written.
    """
    known = load_kind(kind).front
    folder = out or Path(_slug(path.stem))
    short_name("mailing", folder.name)
    if folder.exists():
        raise Refused(f"{folder}: is there already; name another folder with --out, or take it away")
    package = Package(path)
    made = convert(package)
    tag = package.language()
    try:
        language = fields.language(tag if tag in _KEPT_REGIONS else tag.partition("-")[0])
    except Refused:
        language = ""
    guessed = [f"the language is {language or 'en'}, {'as Word has it' if language else 'since Word says none'}"]
    language = language or "en"
    author = made.byline or package.author()
    if not made.byline and author and "author" in known:
        guessed.append(f"the author is {author}, from the file's properties")
    if not made.headline:
        guessed.append("there is no title or heading 1; write the headline yourself")
    front: dict[str, Any] = {"subject": _plain(made.headline)}
    for name, words in (("headline", made.headline), ("standfirst", made.standfirst)):
        if words and name in known:
            front[name] = _plain(words)
    if author and "author" in known:
        front["author"] = {"name": _plain(author)}
    mailing = {
        "kind": kind,
        "name": made.headline or path.stem,
        "from": sender,
        "audience": {"lists": []},
        "default_language": language,
    }
    texts = {NAME: _yaml(mailing), f"{language}.md": f"---\n{_yaml(front)}---\n{made.body}"}
    _write(folder, texts, made.pictures)
    return Drafted(folder, guessed, [*package.lost(), *made.notes])


def _write(folder: Path, texts: dict[str, str], pictures: dict[str, bytes]) -> None:
    """All of the folder or nothing of it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as half:
            whole = Path(half) / folder.name
            whole.mkdir()
            for name, text in texts.items():
                (whole / name).write_text(text, encoding="utf-8")
            for name, content in pictures.items():
                (whole / name).write_bytes(content)
            shutil.move(whole, folder)
    except OSError as error:
        raise Refused(f"{folder}: cannot be written: {error.strerror}") from None


def _plain(words: str) -> str:
    """Words for a field, in which braces print themselves."""
    return _BRACES.sub(lambda found: f'{{{{ "{found[0]}" }}}}', words)


def _yaml(data: dict[str, Any]) -> str:
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=10_000)


def _slug(stem: str) -> str:
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].strip("-") or "draft"
