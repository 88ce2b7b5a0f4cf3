"""An edition as the rules read it: its texts in blocks, its links and pictures, each with its place."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from html import unescape
from typing import Any
from urllib.parse import unquote

from markdown_it.token import Token

from mailer.checks.proofs import Proofs
from mailer.checks.samples import sampled
from mailer.render.errors import SourceError, Where
from mailer.render.front import line_of
from mailer.render.kinds import Field, Kind
from mailer.render.markdown import parser_of_markdown

_MARKDOWN = parser_of_markdown()
_TAG = re.compile(r"<[^>]*>")
_HTML_LINK = re.compile(
    r"<a\b[^>]*?\bhref\s*=\s*[\"']?(?P<target>[^\"'\s>]*)[^>]*>(?P<words>.*?)</a>", re.IGNORECASE | re.DOTALL
)
_HTML_PICTURE = re.compile(r"<img\b(?P<attributes>[^>]*)>", re.IGNORECASE)
_ATTRIBUTE = r"""(?i)\b{}\s*=\s*["']([^"']*)"""


class Sort(StrEnum):
    """What a block of text is."""

    field = "field"
    """Of the front matter, in one line."""
    heading = "heading"
    paragraph = "paragraph"
    quote = "quote"
    item = "item"
    cell = "cell"
    code = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """Words without markup that stand together; a line break in `text` is one in the file."""

    sort: Sort
    text: str
    at: Where
    """Where it begins."""

    def where(self, offset: int) -> Where:
        """The place of a character of the text."""
        return later(self.at, self.text.count("\n", 0, offset))


@dataclass(frozen=True, slots=True)
class Link:
    """A link; `words` are None in a field of the front matter, whose words are the template's."""

    words: str | None
    target: str
    at: Where
    block: int = -1
    """The number of the block it stands in."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that the text shows."""

    name: str
    alt: str
    credit: str
    at: Where


@dataclass(frozen=True, slots=True)
class Passage:
    """A field or the body, with samples in the place of braces and markup as it was written."""

    text: str
    at: Where

    def where(self, offset: int) -> Where:
        """The place of a character of the text."""
        return later(self.at, self.text.count("\n", 0, offset))


@dataclass
class Edition:
    """All that rules look at in one language."""

    language: str
    kind: Kind
    front: Mapping[str, Any]
    lines: Mapping[str, int]
    body: str
    body_line: int
    problems: tuple[SourceError, ...] = ()
    """Why it cannot be compiled: what the author has to mend."""
    refused: str = ""
    """Why it cannot be compiled: the template's fault."""
    proofs: Proofs | None = None
    """What became of it for its readers; None where it cannot be compiled."""
    octets: int = 0
    """Of the largest message, with its files."""
    shown: tuple[str, ...] = ()
    """The names of the pictures that its message carries."""
    passages: list[Passage] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    def __post_init__(self) -> None:
        for path, described, words in leaves(self.kind.front, self.front):
            at = self.at(path)
            text = sampled(words)
            self.passages.append(Passage(text, at))
            if described.markdown:
                _Reading(self, at).read(text)
            elif described.picture:
                self.pictures.append(Picture(text, self._beside(path, "alt"), self._beside(path, "credit"), at))
            elif described.link:
                self.links.append(Link(None, text.strip(), at))
            else:
                self.blocks.append(Block(Sort.field, " ".join(text.split()), at))
        at = Where(self.file, self.body_line)
        text = sampled(self.body)
        self.passages.append(Passage(text, at))
        _Reading(self, at).read(text)

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.language}.md"

    def at(self, path: str = "") -> Where:
        """The place of a field, or of the whole file."""
        return Where(self.file, line_of(path, self.lines), path)

    def line(self, line: int) -> Where:
        """The place of a line of the body."""
        return Where(self.file, line)

    def front_text(self, *path: str) -> str:
        """A text of the front matter as the author wrote it, "" where there is none."""
        value: Any = self.front
        for step in ".".join(path).strip(".").split("."):
            if isinstance(value, list) and step.isdecimal() and 0 < int(step) <= len(value):
                value = value[int(step) - 1]
            else:
                value = value.get(step) if isinstance(value, Mapping) else None
        return "" if value is None or isinstance(value, (list, Mapping)) else str(value)

    def _beside(self, path: str, name: str) -> str:
        """The text of the field `name` beside a picture; what the kind has no field for, its template says."""
        *group, _ = path.split(".")
        fields = self.kind.front
        for step in group:
            if not step.isdecimal():
                described = fields[step]
                fields = described.items.fields if described.items else described.fields
        return self.front_text(*group, name) if name in fields else "-"

    @cached_property
    def fixed_links(self) -> list[str]:
        """The addresses on the web that are the same for every reader."""
        written = "\n".join([self.body, *(words for _, _, words in leaves(self.kind.front, self.front))])
        web = (link.target for link in self.links if link.target.lower().startswith(("http://", "https://")))
        return [target for target in web if target in written or unquote(target) in written]

    @cached_property
    def prose(self) -> list[Block]:
        """The blocks that are sentences."""
        return [block for block in self.blocks if block.sort not in {Sort.code, Sort.cell, Sort.field}]

    @cached_property
    def body_blocks(self) -> list[Block]:
        """The blocks of the body alone."""
        return [block for block in self.blocks if not block.at.field]


def leaves(fields: Mapping[str, Field], given: Any, path: str = "") -> Iterator[tuple[str, Field, str]]:
    """Each text in a front matter, after its path (`dates.1.what`) and what its kind says of it."""
    if not isinstance(given, Mapping):
        return
    for name, value in given.items():
        described = fields.get(name)
        where = f"{path}.{name}".lstrip(".")
        if described is None or value is None:
            continue
        if described.items and isinstance(value, list):
            for at, item in enumerate(value, 1):
                if described.items.fields:
                    yield from leaves(described.items.fields, item, f"{where}.{at}")
                elif item is not None:
                    yield f"{where}.{at}", described.items, str(item)
        elif described.fields:
            yield from leaves(described.fields, value, where)
        elif not isinstance(value, (list, Mapping)):
            yield where, described, str(value)


def later(at: Where, lines: int) -> Where:
    """So many lines further down."""
    return replace(at, line=at.line + lines) if at.line and lines else at


class _Reading:
    """Reads one text in Markdown into an edition; `at` is where it begins."""

    def __init__(self, edition: Edition, at: Where) -> None:
        self.edition, self.at = edition, at
        self.around: list[str] = []
        self.line = 0

    def read(self, text: str) -> None:
        for token in _MARKDOWN.parse(text):
            if token.nesting == 1:
                self.around.append(token.type.removesuffix("_open"))
            elif token.nesting == -1:
                self.around.pop()
            if token.map:
                self.line = token.map[0]
            if token.type == "inline":
                self._inline(token)
            elif token.type in {"fence", "code_block"}:
                self._add(Sort.code, token.content, self._where(int(token.type == "fence")))
            elif token.type == "html_block":
                self._html(token.content)

    @property
    def _sort(self) -> Sort:
        for container in reversed(self.around):
            match container:
                case "heading":
                    return Sort.heading
                case "blockquote":
                    return Sort.quote
                case "list_item":
                    return Sort.item
                case "td" | "th":
                    return Sort.cell
        return Sort.paragraph

    def _where(self, lines: int = 0) -> Where:
        return later(self.at, self.line + lines)

    def _add(self, sort: Sort, text: str, at: Where) -> None:
        if text.strip():
            self.edition.blocks.append(Block(sort, text, at))

    def _inline(self, token: Token) -> None:
        number = len(self.edition.blocks)
        text, links = "", [("", 0)][:0]
        shown = 0
        for child in token.children or ():
            breaks = text.count("\n")
            match child.type:
                case "text" | "code_inline":
                    text += child.content
                case "softbreak" | "hardbreak":
                    text += "\n"
                case "link_open":
                    links.append((str(child.attrs.get("href", "")), len(text)))
                    shown = 0
                case "link_close" if links:
                    target, begin = links.pop()
                    words = text[begin:].strip() or ("picture" if shown else "")
                    at = self._where(text.count("\n", 0, begin))
                    self.edition.links.append(Link(words, target, at, number))
                case "image":
                    shown += 1
                    name = str(child.attrs.get("src", ""))
                    credit = str(child.attrs.get("title", ""))
                    self.edition.pictures.append(Picture(name, child.content, credit, self._where(breaks)))
                case "html_inline" if _HTML_PICTURE.match(child.content):
                    shown += 1
                    self._html_pictures(child.content, breaks)
        for found in _HTML_LINK.finditer(token.content):
            at = self._where(token.content.count("\n", 0, found.start()))
            words = _words(found["words"]) or ("picture" if _HTML_PICTURE.search(found["words"]) else "")
            self.edition.links.append(Link(words, unescape(found["target"]), at, number))
        self._add(self._sort, text, self._where())

    def _html(self, content: str) -> None:
        for found in _HTML_LINK.finditer(content):
            words = _words(found["words"]) or ("picture" if _HTML_PICTURE.search(found["words"]) else "")
            at = self._where(content.count("\n", 0, found.start()))
            self.edition.links.append(Link(words, unescape(found["target"]), at, len(self.edition.blocks)))
        self._html_pictures(content, 0)
        self._add(Sort.paragraph, _words(content), self._where())

    def _html_pictures(self, content: str, lines: int) -> None:
        for found in _HTML_PICTURE.finditer(content):
            keys = (re.search(_ATTRIBUTE.format(key), found["attributes"]) for key in ("src", "alt", "title"))
            name, alt, credit = (key[1] if key else "" for key in keys)
            at = self._where(lines + content.count("\n", 0, found.start()))
            self.edition.pictures.append(Picture(name, alt, credit, at))


def _words(html: str) -> str:
    return unescape(_TAG.sub("", html)).strip()
