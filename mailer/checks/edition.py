"""An edition as the rules read it: its texts and the snippets that it includes, in pieces."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from mailer.checks.pieces import Block, Link, Passage, Picture, Sort
from mailer.checks.proofs import Proofs
from mailer.checks.reading import read_markdown
from mailer.checks.samples import included, sampled
from mailer.render.errors import SourceError, Where
from mailer.render.front import line_of
from mailer.render.grammar import NotAllowed
from mailer.render.kinds import Field, Kind
from mailer.render.snippets import Snippets


@dataclass
class Edition:
    """All that rules look at in one language."""

    language: str
    kind: Kind
    front: Mapping[str, Any]
    lines: Mapping[str, int]
    body: str
    body_line: int
    snippets: Snippets
    """All there are, in its language."""
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
    included: dict[str, str] = field(default_factory=dict)
    """The texts of the snippets that it includes, by name."""
    passages: list[Passage] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)

    def __post_init__(self) -> None:
        for path, described, words in leaves(self.kind.front, self.front):
            at = self.at(path)
            text = sampled(words)
            if described.markdown:
                self._markdown(words, at)
                continue
            self.passages.append(Passage(text, at))
            if described.picture:
                self.pictures.append(Picture(text, self._beside(path, "alt"), self._beside(path, "credit"), at))
            elif described.link:
                self.links.append(Link(None, text.strip(), at))
            else:
                self.blocks.append(Block(Sort.field, " ".join(text.split()), at))
        self._markdown(self.body, Where(self.file, self.body_line))
        for name, words in self.included.items():
            self._markdown(words, Where(f"snippet {name}", 1))

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

    def _markdown(self, source: str, at: Where) -> None:
        text = sampled(source)
        self.passages.append(Passage(text, at))
        found = read_markdown(text, at, first=len(self.blocks))
        self.blocks += found.blocks
        self.links += found.links
        self.pictures += found.pictures
        for name in included(source):
            with suppress(NotAllowed):  # there is none of that name, which compiling says
                self.included.setdefault(name, self.snippets.text(name))

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
        written = "\n".join(
            [self.body, *self.included.values(), *(words for _, _, words in leaves(self.kind.front, self.front))]
        )
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
