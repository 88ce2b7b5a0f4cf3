"""Tokens of the inlined document, found again by walking its tree and marked with their places."""

from lxml import etree

from mailer.render.tokens import Place, Role, Scope, Token, Tokens
from mailer.render.urls import ATTRIBUTES, encode_places

_NO_TEXT = {"style", "script", "textarea", "noscript", "iframe", "object", "svg", "math"}


def mark_places(root: etree._Element, tokens: Tokens) -> set[int]:
    """Mark, in place, every token of the document; gives the numbers of those that stand in it.

    Raises SourceError for a token where no value can stand, and for a construct that begins and ends in different
    elements or lost its order.
    """
    walk = _Walk(tokens)
    walk.element(root, ())
    return walk.found


class _Walk:
    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.found: set[int] = set()

    def element(self, element: etree._Element, around: Scope) -> None:
        if not isinstance(element.tag, str):
            self._nothing_in(element.text, "a comment")
            return
        self._nothing_in(element.tag, "the name of an element")
        for name, value in element.attrib.items():
            self._nothing_in(str(name), "the name of an attribute")
            if self.tokens.holds(str(value)):
                element.set(name, self._attribute(str(name).lower(), str(value), around))
        if element.tag in _NO_TEXT:
            self._nothing_in(element.text, f"a {element.tag} element")
        place = Place.attribute if element.tag in {"title", "option"} else Place.html
        sequence = Sequence(self.tokens, around)
        if element.text:
            element.text = self._text(element.text, place, sequence)
        for child in element:
            self.element(child, sequence.scope)
            if child.tail:
                child.tail = self._text(child.tail, place, sequence)
        sequence.end()

    def _attribute(self, name: str, value: str, around: Scope) -> str:
        if name in {"style", "id", "class"} or name.startswith("on"):
            self._nothing_in(value, f"the attribute {name}")
        sequence = Sequence(self.tokens, around)
        marked = encode_places(value, self.tokens, Place.attribute) if name in ATTRIBUTES else value
        marked = self._text(marked, Place.attribute, sequence)
        sequence.end()
        return marked

    def _text(self, text: str, place: Place, sequence: "Sequence") -> str:
        parts = []
        at = 0
        for token, marked, match in self.tokens.find(text):
            sequence.take(token)
            self.found.add(token.number)
            known = token.role != Role.expression or marked != Place.here
            parts += [text[at : match.start()], match[0] if known else self.tokens.word(token, place)]
            at = match.end()
        return "".join([*parts, text[at:]])

    def _nothing_in(self, text: str | None, where: str) -> None:
        for token, _, _ in self.tokens.find(text or ""):
            raise self.tokens.refuse(
                token, f"nothing that depends on the reader can stand in {where}", "move it into the text"
            )


class Sequence:
    """The statements directly inside one element or attribute: they must come out even there."""

    def __init__(self, tokens: Tokens, around: Scope) -> None:
        self.tokens = tokens
        self.around = around
        self.open: list[tuple[int, int]] = []

    @property
    def scope(self) -> Scope:
        """The constructs around what comes next."""
        return (*self.around, *self.open)

    def take(self, token: Token) -> None:
        """The next token; its scope must be what the author's was."""
        if token.role == Role.opening:
            self._same_scope(token, self.scope)
            self.open.append((token.construct, 0))
        elif token.role == Role.expression:
            self._same_scope(token, self.scope)
        else:
            if not self.open or self.open[-1][0] != token.construct:
                raise self._apart(token)
            if token.role == Role.middle:
                self.open[-1] = (token.construct, self.open[-1][1] + 1)
            else:
                self.open.pop()

    def end(self) -> None:
        """The element ends: raises SourceError if a construct is still open."""
        if self.open:
            raise self._apart(self.tokens.all[self.open[-1][0]])

    def _same_scope(self, token: Token, scope: Scope) -> None:
        if not token.made and self._authors(scope) != self._authors(token.scope):
            raise self.tokens.refuse(
                token,
                "this was moved out of the condition or loop that it stands in",
                "write the link, its address or the note inside the same condition",
            )

    def _authors(self, scope: Scope) -> Scope:
        return tuple(step for step in scope if not self.tokens.all[step[0]].made)

    def _apart(self, token: Token) -> Exception:
        return self.tokens.refuse(
            token,
            "this begins in one paragraph, item, link or emphasis and ends in another",
            "put statements on lines of their own around whole paragraphs, or begin and end them in the same sentence",
        )
