"""Reading a text in Markdown for the rules."""

import re
from html import unescape

from markdown_it.token import Token

from mailer.checks.pieces import Block, Link, Picture, Pieces, Sort, later
from mailer.render.errors import Where
from mailer.render.markdown import parser_of_markdown

_MARKDOWN = parser_of_markdown()
_TAG = re.compile(r"<[^>]*>")
_HTML_LINK = re.compile(
    r"<a\b[^>]*?\bhref\s*=\s*[\"']?(?P<target>[^\"'\s>]*)[^>]*>(?P<words>.*?)</a>", re.IGNORECASE | re.DOTALL
)
_HTML_PICTURE = re.compile(r"<img\b(?P<attributes>[^>]*)>", re.IGNORECASE)
_ATTRIBUTE = r"""(?i)\b{}\s*=\s*["']([^"']*)"""


def read_markdown(text: str, at: Where, *, first: int = 0) -> Pieces:
    """The pieces of a text that begins `at` a place, its blocks numbered from `first` on."""
    reading = _Reading(at, first)
    reading.read(text)
    return reading.found


class _Reading:
    def __init__(self, at: Where, first: int) -> None:
        self.at, self.first = at, first
        self.found = Pieces()
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

    @property
    def _next(self) -> int:
        return self.first + len(self.found.blocks)

    def _where(self, lines: int = 0) -> Where:
        return later(self.at, self.line + lines)

    def _add(self, sort: Sort, text: str, at: Where) -> None:
        if text.strip():
            self.found.blocks.append(Block(sort, text, at))

    def _inline(self, token: Token) -> None:
        number = self._next
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
                    self.found.links.append(Link(words, target, at, number))
                case "image":
                    shown += 1
                    name = str(child.attrs.get("src", ""))
                    credit = str(child.attrs.get("title", ""))
                    self.found.pictures.append(Picture(name, child.content, credit, self._where(breaks)))
                case "html_inline" if _HTML_PICTURE.match(child.content):
                    shown += 1
                    self._html_pictures(child.content, breaks)
        for found in _HTML_LINK.finditer(token.content):
            at = self._where(token.content.count("\n", 0, found.start()))
            words = _words(found["words"]) or ("picture" if _HTML_PICTURE.search(found["words"]) else "")
            self.found.links.append(Link(words, unescape(found["target"]), at, number))
        self._add(self._sort, text, self._where())

    def _html(self, content: str) -> None:
        for found in _HTML_LINK.finditer(content):
            words = _words(found["words"]) or ("picture" if _HTML_PICTURE.search(found["words"]) else "")
            at = self._where(content.count("\n", 0, found.start()))
            self.found.links.append(Link(words, unescape(found["target"]), at, self._next))
        self._html_pictures(content, 0)
        self._add(Sort.paragraph, _words(content), self._where())

    def _html_pictures(self, content: str, lines: int) -> None:
        for found in _HTML_PICTURE.finditer(content):
            keys = (re.search(_ATTRIBUTE.format(key), found["attributes"]) for key in ("src", "alt", "title"))
            name, alt, credit = (key[1] if key else "" for key in keys)
            at = self._where(lines + content.count("\n", 0, found.start()))
            self.found.pictures.append(Picture(name, alt, credit, at))


def _words(html: str) -> str:
    return unescape(_TAG.sub("", html)).strip()
