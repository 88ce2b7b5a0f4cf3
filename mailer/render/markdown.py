"""An author's Markdown as clean HTML: CommonMark with tables and strikethrough, statements as blocks of their own."""

import re
from dataclasses import replace
from typing import Any

import lxml.html
import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token as MarkdownToken

from mailer.render.tokens import Role, Tokens, Written

_MARKUP = re.compile(r"(?:#{1,6}[ \t]|[-*+][ \t]|\d{1,9}[.)][ \t]|>|```|~~~|\|)")
"""What begins a block other than a paragraph."""

TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "div", "figure", "figcaption"),
    *("ul", "ol", "li", "dl", "dt", "dd"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"),
    *("a", "abbr", "b", "bdi", "cite", "code", "del", "em", "i", "img", "ins", "kbd", "mark", "q", "s", "small"),
    *("span", "strong", "sub", "sup", "u"),
}
ATTRIBUTES = {
    "*": {"lang", "dir"},
    "a": {"href"},
    "img": {"src", "alt", "title", "width", "height"},
    "ol": {"start"},
    "th": {"align", "colspan", "rowspan", "scope"},
    "td": {"align", "colspan", "rowspan"},
}
SCHEMES = {"http", "https", "mailto", "tel", "cid"}


def to_html(written: Written, tokens: Tokens) -> str:
    """The HTML of a body, cleaned. Raises SourceError, with its line, for a statement inside a table."""
    text, lines = _own_lines(written, tokens)
    parser = _parser(tokens)
    known: dict[str, Any] = {}
    parsed = parser.parse(text, known)
    laid_out = replace(written, text=text, lines=tuple(lines))
    _refuse_bound_definitions(known.get("references", {}), laid_out, tokens)
    _refuse_in_tables(parsed, laid_out, tokens)
    for token in parsed:
        _align(token)
    html = str(parser.renderer.render(parsed, parser.options, known))
    _refuse_in_raw_tables(html, tokens)
    return nh3.clean(html, tags=TAGS, attributes=ATTRIBUTES, url_schemes=SCHEMES, link_rel=None)


def parser_of_markdown() -> MarkdownIt:
    """A parser of the Markdown that authors write, without their braces."""
    parser = MarkdownIt("commonmark", {"linkify": True, "html": True, "typographer": False})
    parser.enable(["table", "strikethrough", "linkify"])
    assert parser.linkify is not None
    # Only what has a scheme is a link: `{{x}}.eu` would be taken for a host otherwise.
    parser.linkify.set({"fuzzy_link": False, "fuzzy_email": False, "fuzzy_ip": False})
    return parser


def _parser(tokens: Tokens) -> MarkdownIt:
    parser = parser_of_markdown()

    def statement(state: StateBlock, start: int, _end: int, silent: bool) -> bool:
        line = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]]
        if not tokens.statements.fullmatch(line):
            return False
        if not silent:
            token = state.push("statement", "", 0)
            token.content = line.strip()
            token.map = [start, start + 1]
            state.line = start + 1
        return True

    parser.block.ruler.before(
        "table", "statement", statement, {"alt": ["paragraph", "reference", "blockquote", "list", "table"]}
    )
    parser.add_render_rule("statement", lambda _self, parsed, index, *_rest: f"{parsed[index].content}\n")
    return parser


def _own_lines(written: Written, tokens: Tokens) -> tuple[str, list[int | None]]:
    """Statements around the markup of a block, or around a paragraph, get lines of their own.

    `{% if x %}## Heading{% endif %}` would be no heading otherwise, and `{% if x %}Text{% endif %}` an empty paragraph
    for those whom it does not concern.
    """
    lines = written.text.split("\n")
    text: list[str] = []
    numbers: list[int | None] = []
    for at, line in enumerate(lines):
        parts = [line]
        lead = tokens.statements.match(line)
        if lead and lead.end() < len(line):
            rest = line[lead.end() :]
            alone = _is_edge(lines, at - 1, tokens) and _is_edge(lines, at + 1, tokens)
            if _MARKUP.match(rest) or (alone and _is_one(line, tokens)):
                parts = _split(line, lead.end(), tokens)
        text.extend(parts)
        numbers.extend([written.lines[at]] * len(parts))
    return "\n".join(text), numbers


def _is_edge(lines: list[str], at: int, tokens: Tokens) -> bool:
    """Whether a paragraph ends here: no line, an empty one, or nothing but statements."""
    return not 0 <= at < len(lines) or not lines[at].strip() or tokens.statements.fullmatch(lines[at]) is not None


def _is_one(line: str, tokens: Tokens) -> bool:
    """Whether the line is one `if` from its first letter to its last."""
    found = [(token, match) for token, _, match in tokens.find(line.strip()) if token.role != "e"]
    (first, begin), (last, end) = found[0], found[-1]
    return (
        begin.start() == 0
        and end.end() == len(line.strip())
        and first.role == "o"
        and not first.repeats
        and last.role == "c"
        and last.construct == first.construct
        and all(token.role != "m" or token.construct != first.construct for token, _ in found)
    )


def _split(line: str, lead: int, tokens: Tokens) -> list[str]:
    parts = [line[:lead].rstrip()]
    rest = line[lead:]
    trail = re.search(rf"(?:[ \t]*{tokens.statement.pattern})+[ \t]*$", rest)
    opened = {token.construct for token, _, _ in tokens.find(parts[0])}
    if trail and all(token.construct in opened for token, _, _ in tokens.find(trail[0])):
        return [*parts, rest[: trail.start()], trail[0].strip()]
    return [*parts, rest]


def _refuse_bound_definitions(references: dict[str, Any], written: Written, tokens: Tokens) -> None:
    """`[label]: address` holds in the whole text: inside a condition it would not be bound to it."""
    starts = {reference["map"][0] for reference in references.values()}
    depth = 0
    for at, line in enumerate(written.text.split("\n")):
        if depth and at in starts:
            raise written.refuse(
                "an address for later, `[label]: https://...`, holds for everybody, also inside a condition or loop",
                written.lines[at],
                "move it out, or write the link as `[words](https://...)`",
            )
        depth += sum({Role.opening: 1, Role.closing: -1}.get(token.role, 0) for token, _, _ in tokens.find(line))


def _refuse_in_tables(parsed: list[MarkdownToken], written: Written, tokens: Tokens) -> None:
    """A statement ends a table, so what follows it as a row is none any more."""
    ends: set[int] = set()
    text = written.text.split("\n")
    for token in parsed:
        if token.type == "table_open" and token.map:
            ends.add(token.map[1])
        elif token.type == "statement" and token.map and token.map[0] in ends:
            start = token.map[0]
            following = next((line for line in text[start:] if not tokens.statements.fullmatch(line)), "")
            if "|" in following:
                raise written.refuse(
                    "a statement cannot stand between the rows of a table",
                    written.lines[start],
                    "put it around the whole table, with an empty line after the table, or inside a cell",
                )


def _refuse_in_raw_tables(html: str, tokens: Tokens) -> None:
    """The cleaning would move such a statement before its table, and what it holds would go to everybody."""
    if not html.strip() or "<t" not in html.lower():
        return
    for element in lxml.html.fragment_fromstring(html, create_parent="div").iter(
        "table", "thead", "tbody", "tfoot", "tr"
    ):
        for text in (element.text, *(child.tail for child in element)):
            for token, _, _ in tokens.find(text or ""):
                raise tokens.refuse(
                    token,
                    "nothing can stand between the rows and cells of a table",
                    "put it around the table or in a cell",
                )


def _align(token: Any) -> None:
    """A column's alignment as an attribute: the cleaning takes every style."""
    if token.type in {"th_open", "td_open"}:
        style = str(token.attrs.pop("style", ""))
        if style:
            token.attrs["align"] = style.removeprefix("text-align:")
        if token.type == "th_open":
            token.attrs["scope"] = "col"
