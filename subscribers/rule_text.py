"""Reading a rule as people write it: `country in (BE, FR) and topic = copyright and not list = staff`.

It gives the JSON tree, which stays what a segment is saved as; `rule_writing.py` is its exact opposite. Where a tree
has two ways to say a thing (the rule `country` and the field of that name), so has the text: `country = BE` and
`field.country = BE`.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, get_args

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedEOF, UnexpectedInput, UnexpectedToken

from config.errors import Refused
from subscribers.fields import ATTRIBUTE
from subscribers.rule_parsing import WrongRule, nearest, parse
from subscribers.rule_writing import FIELD, SIGNS, TYPED
from subscribers.rules import FieldRule, registered_names

SIMPLE = ("list", "topic", "language")
"""Rules that only say "it is this"."""
FIELDS: tuple[str, ...] = get_args(FieldRule.model_fields["field"].annotation)
OPERATORS = {sign: name for name, sign in SIGNS.items()} | {
    word: word for word in ("is", "in", "contains", "before", "after")
} | {"is not": "is_not"}  # fmt: skip
COMPARED_BY = {
    "simple": ("=", "!=", "in"),
    "registered": ("=", "!=", "in"),
    "created_at": ("before", "after"),
    "field": ("=", "!=", "in", "contains", "starts with"),
    "attribute": ("=", "!=", "in", "contains", "starts with", ">", "<"),
}


def read(text: str) -> dict[str, Any]:
    """The JSON tree of a rule. Raises Refused with line and column, and the nearest that could stand there."""
    try:
        tree: Any = _parser().parse(text)
    except UnexpectedInput as error:
        raise _misfit(text, error) from None
    parse(tree)
    assert isinstance(tree, dict)
    return tree


@cache
def _parser() -> Lark:
    return Lark(
        (Path(__file__).parent / "rules.lark").read_text(encoding="utf-8"),
        parser="lalr",
        transformer=_Tree(),
        propagate_positions=False,
    )


class _Value:
    """A value with its place; as the text that it is, or typed as in JSON."""

    def __init__(self, token: Token | None, typed: Any) -> None:
        self.token, self.typed = token, typed

    @property
    def text(self) -> Any:
        """What an unquoted number or word is where only texts are compared."""
        return str(self.token) if self.token is not None and self.token.type != "STRING" else self.typed


@v_args(inline=True)
class _Tree(Transformer[Token, Any]):
    """From the parser's rules to the JSON tree, bottom up while it parses, so that no depth of text is too deep."""

    def start(self, rule: dict[str, Any]) -> dict[str, Any]:
        return rule

    def disjunction(self, *rules: dict[str, Any]) -> dict[str, Any]:
        return {"any": list(rules)}

    def conjunction(self, *rules: dict[str, Any]) -> dict[str, Any]:
        return {"all": list(rules)}

    any_of = disjunction
    all_of = conjunction

    def negation(self, rule: dict[str, Any]) -> dict[str, Any]:
        return {"not": rule}

    def name(self, token: Token) -> Token:
        return token

    def operator(self, *tokens: Token) -> Token:
        return tokens[0].update(value=_spelt(tokens[0]))

    def is_not(self, token: Token) -> Token:
        return token.update(value="!=")

    def membership(self, token: Token) -> Token:
        return token.update(value="in")

    def not_in(self, token: Token) -> Token:
        return token.update(value="not in")

    def value(self, given: Any) -> _Value:
        if not isinstance(given, Token):
            return _Value(None, given)
        if given.type == "WORD":
            return _Value(given, TYPED.get(given.lower(), str(given)))
        try:
            return _Value(given, json.loads(given, strict=False))
        except ValueError:
            raise _at(given, f"{given} is no text in quotation marks; write a backslash twice") from None

    def array(self, *values: _Value | None) -> list[Any]:
        return [value.typed for value in values if value is not None]

    def pair(self, key: Token, value: _Value) -> tuple[Any, Any]:
        return json.loads(key, strict=False), value.typed

    def object(self, *pairs: tuple[Any, Any] | None) -> dict[Any, Any]:
        return dict(pair for pair in pairs if pair is not None)

    def comparison(self, name: Token, operator: Token, value: _Value) -> dict[str, Any]:
        kind, field = _meaning(name)
        sign = _sign(kind, field, operator)
        if kind in ("field", "attribute"):
            if kind == "field" and field == "country" and sign == "is" and value.text and name == field:
                return _checked({"country": value.text}, value.token or name)
            given = value.typed if kind == "attribute" else value.text
            return _checked({kind: field, sign: given}, value.token or name)
        rule = _checked({field: value.text if kind == "simple" else value.typed}, value.token or name)
        return {"not": rule} if sign == "is_not" else rule

    def among(self, name: Token, membership: Token, *values: _Value) -> dict[str, Any]:
        kind, field = _meaning(name)
        rule: dict[str, Any]
        if kind in ("field", "attribute"):
            given = [value.typed if kind == "attribute" else value.text for value in values]
            rule = _checked({kind: field, "in": given}, values[0].token or name)
        else:
            each = [
                _checked({field: value.text if kind == "simple" else value.typed}, value.token or name)
                for value in values
            ]
            rule = each[0] if len(each) == 1 else {"any": each}
        return {"not": rule} if membership == "not in" else rule


def _spelt(token: Token) -> str:
    return "starts with" if token.type == "STARTS" else token.lower()


def _sign(kind: str, field: str, operator: Token) -> str:
    """The operator as the tree has it. Raises Refused for one that this kind of thing is not compared by."""
    allowed = COMPARED_BY["created_at" if field == "created_at" else kind]
    written = SIGNS.get(OPERATORS[str(operator)], str(operator))
    if written not in allowed:
        words = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        raise _at(operator, f"{field} is not compared by {str(operator)!r}; write {words}")
    return OPERATORS[str(operator)]


def _meaning(name: Token) -> tuple[str, str]:
    """What stands on the left: (field, attribute, simple or registered; its name). Raises Refused with the nearest."""
    if name.type == "ATTRIBUTE":
        written = name.removeprefix(ATTRIBUTE)
        return "attribute", json.loads(written, strict=False) if written.startswith('"') else written
    field = name.removeprefix(FIELD)
    if field in FIELDS:
        return "field", field
    if name in SIMPLE:
        return "simple", str(name)
    if name in registered_names():
        return "registered", str(name)
    known = [*SIMPLE, *FIELDS, *registered_names()]
    hint = nearest(name, known)
    attribute = "" if "did you mean" in hint else f"; an attribute is written {ATTRIBUTE}{name}"
    raise _at(name, f"unknown {str(name)!r}{attribute}{hint}")


def _checked(rule: dict[str, Any], where: Token) -> dict[str, Any]:
    """The rule of one comparison, if it holds together: here its place is still known."""
    try:
        parse(rule)
    except WrongRule as error:
        raise _at(where, error.said) from None
    return rule


def _at(token: Token, said: str) -> Refused:
    return _refused(token.line or 1, token.column or 1, said)


def _refused(line: int, column: int, said: str) -> Refused:
    return Refused(f"segment rule, {f'line {line}, ' if line > 1 else ''}column {column}: {said}")


def _misfit(text: str, error: UnexpectedInput) -> Refused:
    """What stands where nothing of that kind can stand, and what could."""
    expected = set(error.accepts or error.expected if isinstance(error, UnexpectedToken) else error.allowed or ())  # type: ignore[attr-defined]
    could = _named(expected)
    if isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END"):
        lines = text.rstrip().splitlines() or [""]
        return _refused(len(lines), len(lines[-1]) + 1, f"the rule ends too early; here could stand: {could}")
    found = str(error.token) if isinstance(error, UnexpectedToken) else text[error.pos_in_stream or 0]
    if found in "\u201c\u201d\u201e\u00ab\u00bb'\u2018\u2019":
        return _refused(error.line, error.column, f'{found} is no quotation mark here; write "')
    words = [word for word in could.split(", ") if word.isalpha()]
    hint = nearest(found.lower(), words) if found.isalpha() else ""
    if "did you mean" not in hint:
        hint = f"; here could stand: {could}"
    return _refused(error.line, error.column, f"{found!r} cannot stand here{hint}")


_NAMES = {
    "WORD": "a name or value",
    "NUMBER": "",
    "STRING": "",
    "ATTRIBUTE": "",
    "EQUALS": "=",
    "DIFFERS": "!=",
    "OVER": ">",
    "UNDER": "<",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": "a comma",
    "LSQB": "",
    "LBRACE": "",
    "RSQB": "",
    "RBRACE": "",
    "COLON": "",
    "STARTS": "starts with",
    "$END": "the end",
    "_ALL": "",
    "_ANY": "",
}


def _named(terminals: set[str]) -> str:
    """Terminals in the words of whoever writes a rule."""
    names = {_NAMES.get(terminal, terminal.removeprefix("_").lower()) for terminal in terminals}
    return ", ".join(sorted(filter(None, names)))
