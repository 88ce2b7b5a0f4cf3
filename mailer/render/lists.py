"""Statements on lines between the items of a list cut it into several; here they become one again.

Out of `<ul><li>one</li></ul> {% if a %} <ul><li>two</li></ul> {% endif %}` comes
`<ul><li>one</li> {% if a %} <li>two</li> {% endif %}</ul>`.
"""

import re

from lxml.html import HtmlElement

from mailer.render.tokens import Role, Token, Tokens


def join_lists(tree: HtmlElement, tokens: Tokens) -> None:
    """Join, in place, lists of one kind between which nothing stands but statements, wherever these come out even."""
    for parent in list(tree.iter()):
        for run in _runs(parent, tokens):
            _join(parent, run, tokens)


def _runs(parent: HtmlElement, tokens: Tokens) -> list[list[HtmlElement]]:
    """The lists among the children, in runs with only statements between."""
    runs: list[list[HtmlElement]] = []
    follows = None
    for child in parent:
        if child.tag in {"ul", "ol"}:
            if follows == child.tag:
                runs[-1].append(child)
            else:
                runs.append([child])
            follows = child.tag if _statements(child.tail, tokens) else None
        else:
            follows = None
    return runs


def _statements(text: str | None, tokens: Tokens) -> list[Token]:
    """The statements that `text` consists of; empty if there is anything else."""
    if not text or tokens.statement.sub("", text).strip():
        return []
    return [token for token, _, _ in tokens.find(text)]


def _join(parent: HtmlElement, run: list[HtmlElement], tokens: Tokens) -> None:
    between = [_statements(part.tail, tokens) for part in run[:-1]]
    inner = [token for some in between for token in some]
    before, after = _text_before(parent, run[0]), run[-1].tail or ""
    leading, trailing = _ending(before, tokens), _beginning(after, tokens)
    opened = {token.construct for token in inner if token.role == Role.opening}
    closed = {token.construct for token in inner if token.role == Role.closing}
    wrap = None
    if len(run) == 1:
        if not (leading and trailing and leading[-1].repeats and leading[-1].construct == trailing[0].construct):
            return
        wrap = leading[-1]
        take_leading, take_trailing = leading[-1:], trailing[:1]
    else:
        unopened, unclosed = closed - opened, opened - closed
        take_leading = _from_first(leading, unopened)
        take_trailing = _to_last(trailing, unclosed)
        if not _even([*take_leading, *inner, *take_trailing]):
            return
    first = run[0]
    # All statements move into the first list, and the items of the others after them.
    head, tail = _cut(before, take_leading, tokens, last=True), _cut(after, take_trailing, tokens, last=False)
    _set_text_before(parent, first, head)
    first.text = "".join(map(tokens.word, take_leading)) + (first.text or "")
    for part, statements in zip(run[1:], between, strict=True):
        _append_text(first, "".join(map(tokens.word, statements)) + (part.text or ""))
        for item in list(part):
            first.append(item)
        parent.remove(part)
    _append_text(first, "".join(map(tokens.word, take_trailing)))
    first.tail = tail
    if wrap is not None:
        # A list without items is no list: nothing at all where the loop has nothing to go over.
        over = wrap.source.partition(" in ")[2]
        opening, closing = tokens.surround(f"if {over}", "endif", wrap)
        _set_text_before(parent, first, head + opening)
        first.tail = closing + tail


def _even(statements: list[Token]) -> bool:
    stack: list[int] = []
    for token in statements:
        if token.role == Role.opening:
            stack.append(token.construct)
        elif not stack or stack[-1] != token.construct:
            return False
        elif token.role == Role.closing:
            stack.pop()
    return not stack


def _ending(text: str, tokens: Tokens) -> list[Token]:
    found = re.search(rf"(?:\s*{tokens.statement.pattern})+\s*$", text)
    return [token for token, _, _ in tokens.find(found[0])] if found else []


def _beginning(text: str, tokens: Tokens) -> list[Token]:
    found = re.match(rf"(?:\s*{tokens.statement.pattern})+", text)
    return [token for token, _, _ in tokens.find(found[0])] if found else []


def _from_first(statements: list[Token], constructs: set[int]) -> list[Token]:
    at = next((at for at, token in enumerate(statements) if token.construct in constructs), len(statements))
    return statements[at:]


def _to_last(statements: list[Token], constructs: set[int]) -> list[Token]:
    at = max((at for at, token in enumerate(statements) if token.construct in constructs), default=-1)
    return statements[: at + 1]


def _cut(text: str, statements: list[Token], tokens: Tokens, *, last: bool) -> str:
    """`text` without `statements`, which stand at its end (`last`) or beginning."""
    if not statements:
        return text
    if last:
        return text[: text.index(tokens.word(statements[0]))]
    word = tokens.word(statements[-1])
    return text[text.index(word) + len(word) :]


def _text_before(parent: HtmlElement, child: HtmlElement) -> str:
    previous = child.getprevious()
    return (parent.text if previous is None else previous.tail) or ""


def _set_text_before(parent: HtmlElement, child: HtmlElement, text: str) -> None:
    previous = child.getprevious()
    if previous is None:
        parent.text = text
    else:
        previous.tail = text


def _append_text(element: HtmlElement, text: str) -> None:
    if len(element):
        element[-1].tail = (element[-1].tail or "") + text
    else:
        element.text = (element.text or "") + text
