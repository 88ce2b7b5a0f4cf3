"""The body as plain text: one line a paragraph, nothing wrapped, each link in full.

A link that everybody gets is a footnote `[1]`; one inside a condition or loop stands in brackets where it is, since
its number would depend on the reader. Footnotes are numbered through the whole text part, wherever a kind's template
puts the pieces that they stand in.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest

from lxml.html import HtmlElement

from mailer.render.tokens import Role, Tokens
from mailer.render.urls import encode_places
from mailer.render.words import Translator

_BLOCKS = {
    *("p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "dt", "dd", "li", "blockquote", "pre", "hr"),
    *("table", "figure", "figcaption"),
}
_SPACE = re.compile(r"[ \t\n\r\f]+")
RULE = "* * *"
LONGEST_RULE = 60
"""Characters under a heading."""


class Notes:
    """The links of a text part, each marked until all is in its place; two links to one address are one note."""

    def __init__(self, tokens: Tokens) -> None:
        self._stem = f"{tokens.stem}n"
        self._marks: dict[str, str] = {}

    def mark(self, target: str) -> str:
        """What stands for the number of the note about `target`."""
        return self._marks.setdefault(target, f"{self._stem}{len(self._marks)}z")

    def numbered(self, text: str) -> str:
        """`text` with numbers in the place of marks, in the order in which these first stand there."""
        numbers: dict[str, str] = {}
        return re.sub(rf"{self._stem}\d+z", lambda mark: numbers.setdefault(mark[0], str(len(numbers) + 1)), text)


def body_text(tree: HtmlElement, tokens: Tokens, notes: Notes | None, say: Translator) -> str:
    """The text of a body's tree (a div), tokens in it, its links' footnotes at the end; without `notes` in brackets.

    `say` are the fixed words of its language.
    """
    writer = _Writer(tokens, notes, say)
    text = writer.blocks(tree)
    if writer.noted:
        text += "".join(f"[{mark}] {target}\n" for mark, target in writer.noted.items()) + "\n"
    return text.removesuffix("\n")


def underlined(text: str, tokens: Tokens, stroke: str = "=") -> str:
    """A heading: `text` with a line under it."""
    longest = max(len(tokens.pattern.sub("", line)) for line in text.split("\n"))
    return f"{text}\n{stroke * min(max(longest, 3), LONGEST_RULE)}"


class _Writer:
    """Every block ends in an empty line, or in a list in a line break, so that any of them may be left out."""

    def __init__(self, tokens: Tokens, notes: Notes | None, say: Translator) -> None:
        self.tokens = tokens
        self.notes = notes
        self.say = say
        self.noted: dict[str, str] = {}
        """Mark -> address."""
        self.depth = 0

    def blocks(self, element: HtmlElement, end: str = "\n\n") -> str:
        """The children of `element`, each followed by `end`; loose text between them is a paragraph."""
        out: list[str] = []
        line: list[str] = []

        def flush() -> None:
            out.append(self._paragraph("".join(line), end))
            line.clear()

        line.append(self._run(element.text))
        for child in element:
            if child.tag in _BLOCKS:
                flush()
                out.append(self._block(child, end))
            else:
                line.append(self._inline(child))
            line.append(self._run(child.tail))
        flush()
        return "".join(out)

    def _paragraph(self, text: str, end: str) -> str:
        """A line of text with `end`; statements that stand alone at its edges take none."""
        lead = self.tokens.statements.match(text.lstrip())
        if lead and lead.end() == len(text.lstrip()):
            return lead[0].replace(" ", "")
        text = _trim(text)
        return f"{text}{end}" if text else ""

    def _block(self, element: HtmlElement, end: str) -> str:
        match element.tag:
            case "ul" | "ol" | "dl":
                return self._list(element, end)
            case "li" | "dd" | "div" | "figure":
                return self.blocks(element, end)
            case "blockquote":
                inside = self.blocks(element).removesuffix("\n\n")
                return _prefixed(inside, "> ", "> ") + end
            case "pre":
                text = "".join(str(part) for part in element.itertext())
                self._count(text)
                return text.rstrip("\n") + end
            case "hr":
                return RULE + end
            case "table":
                return self._table(element, end)
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                text = self._paragraph(self._inside(element), "")
                return underlined(text, self.tokens, "-") + end if text else ""
        return self._paragraph(self._inside(element), end)

    def _list(self, element: HtmlElement, end: str) -> str:
        numbered = element.tag == "ol" and not self.tokens.holds(
            "".join([element.text or "", *(child.tail or "" for child in element)])
        )
        number = int(element.get("start") or 1) if numbered else 0
        out = [self._run(element.text).strip()]
        for item in element:
            mark = f"{number}. " if numbered else "" if item.tag in {"dt", "dd"} else "- "
            number += 1
            inside = self.blocks(item, "\n").removesuffix("\n")
            out += [_prefixed(inside, mark, " " * len(mark)), "\n", self._run(item.tail).strip()]
        return "".join(out) + end.removeprefix("\n")

    def _table(self, element: HtmlElement, end: str) -> str:
        """A row a line; where the first column has no heading, a row is its first cell and a list under it."""
        rows = [[_trim(self._inside(cell)) for cell in row.iter("th", "td")] for row in element.iter("tr")]
        if len(rows) < 2 or rows[0][:1] != [""]:
            return "\n".join(" | ".join(row) for row in rows) + end
        names = rows[0][1:]
        return "\n\n".join("\n".join([row[0], *self._labelled(names, row[1:])]) for row in rows[1:]) + end

    def _labelled(self, names: list[str], cells: list[str]) -> Iterator[str]:
        for name, cell in zip_longest(names, cells, fillvalue=""):
            yield f"- {self.say('%(label)s: %(value)s', label=name, value=cell)}"

    def _inside(self, element: HtmlElement) -> str:
        parts = [self._run(element.text)]
        for child in element:
            parts += [self._inline(child), self._run(child.tail)]
        return "".join(parts)

    def _inline(self, element: HtmlElement) -> str:
        match element.tag:
            case "br":
                return "\n"
            case "img":
                alternative = element.get("alt", "").strip()
                return f"[{self._run(alternative)}]" if alternative else ""
            case "a":
                return self._link(element)
        return self._inside(element)

    def _link(self, element: HtmlElement) -> str:
        bound = self.depth > 0
        text = self._inside(element)
        target = element.get("href", "")
        if not target:
            return text
        shown = encode_places(target, self.tokens)
        plain = target.removeprefix("mailto:").removeprefix("tel:")
        if text.strip() in {target, plain}:
            return text.replace(text.strip(), plain if plain != target else shown)
        if (
            self.notes is None
            or bound
            or self.tokens.holds(target)
            or any(t.role != Role.expression for t, _, _ in self.tokens.find(text))
        ):
            return f"{text} ({shown})"
        mark = self.notes.mark(shown)
        self.noted[mark] = shown
        return f"{text} [{mark}]"

    def _run(self, text: str | None) -> str:
        """Text as it stands in a line, with the statements in it counted."""
        self._count(text or "")
        return _SPACE.sub(" ", text or "")

    def _count(self, text: str) -> None:
        for token, _, _ in self.tokens.find(text):
            self.depth += {Role.opening: 1, Role.closing: -1}.get(token.role, 0)


def _trim(text: str) -> str:
    """Without spaces at the ends and around line breaks."""
    return re.sub(r" *\n *", "\n", text).strip(" \n")


def _prefixed(text: str, first: str, rest: str) -> str:
    return first + text.replace("\n", f"\n{rest}").replace(f"\n{rest}\n", f"\n{rest.rstrip()}\n")
