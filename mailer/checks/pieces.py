"""What a text is made of for the rules: blocks of words, links and pictures, each with its place."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from mailer.render.errors import Where


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
class Pieces:
    """What stands in one text."""

    blocks: list[Block] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


def later(at: Where, lines: int) -> Where:
    """So many lines further down."""
    return replace(at, line=at.line + lines) if at.line and lines else at
