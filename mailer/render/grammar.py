"""What an author may write between braces, read with Jinja's own parser and written anew for the recipient's level.

Nothing of the author's source is passed on: an expression is walked node by node, what is not on the list below is
refused, and the text that reaches `personal.environment` is made here.
"""

from dataclasses import dataclass, field

from jinja2 import Environment, TemplateSyntaxError, nodes

from config.errors import Unknown
from mailer.render import filters, personal
from mailer.render.comparing import COMPARISONS
from subscribers.models import Role

AUTHOR = Environment(autoescape=False, keep_trailing_newline=True)  # noqa: S701 -- only reads sources, renders nothing
FILTERS = frozenset(filters.author_filters("en"))
TESTS = frozenset({"defined", "none"})
LONGEST_CONSTANT = 1_000
"""Characters of one quoted text inside braces."""
DEEPEST = 30
"""Operators inside operators."""
_NAMES: dict[type[nodes.Node], str] = {
    nodes.Call: "a call `...( )`",
    nodes.Concat: "`~`",
    nodes.Slice: "a slice `[ : ]`",
    nodes.Dict: "a dictionary",
    nodes.Getattr: "a dot after this",
    nodes.Getitem: "brackets after this",
}


class NotAllowed(Exception):
    """The expression is no part of the recipient's level; the text says what and what to do."""


@dataclass
class Usage:
    """What a mailing's text asks of its readers: for the check."""

    fields: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    conditions: dict[str, None] = field(default_factory=dict)
    """Conditions that can be asked of a recipient, as sources of the recipient's level, in order."""


class Writer:
    """Writes expressions for the recipient's level; `loops` are the loop variables in scope, inmost last."""

    def __init__(self, usage: Usage, loops: tuple[str, ...] = ()) -> None:
        self.usage = usage
        self.loops = loops
        self._depth = 0

    def write(self, node: nodes.Expr) -> str:
        """The expression as source of the recipient's level, in brackets. Raises NotAllowed."""
        self._depth += 1
        try:
            if self._depth > DEEPEST:
                raise NotAllowed("this is too deeply nested; write it in several conditions")
            return self._write(node)
        finally:
            self._depth -= 1

    def _write(self, node: nodes.Expr) -> str:
        match node:
            case nodes.Const() | nodes.Neg() | nodes.List() | nodes.Tuple():
                return _constant(node)
            case nodes.Name():
                return self._name(node.name)
            case nodes.Getattr(node=nodes.Name(name="attributes"), attr=key):
                return self._attribute(key)
            case nodes.Getitem(node=nodes.Name(name="attributes"), arg=nodes.Const(value=str(key))):
                return self._attribute(key)
            case nodes.Getattr(node=nodes.Name(name="loop"), attr=attribute) if self.loops:
                if attribute not in personal.LOOP_FIELDS:
                    raise NotAllowed(str(Unknown("loop field", f"loop.{attribute}", _loop_fields())))
                return f"loop.{attribute}"
            case nodes.Not():
                return f"(not {self.write(node.node)})"
            case nodes.And() | nodes.Or():
                word = "and" if isinstance(node, nodes.And) else "or"
                return f"({self.write(node.left)} {word} {self.write(node.right)})"
            case nodes.Compare():
                _check_roles(node)
                return self._comparison(node)
            case nodes.CondExpr():
                otherwise = self.write(node.expr2) if node.expr2 is not None else '""'
                return f"({self.write(node.expr1)} if {self.write(node.test)} else {otherwise})"
            case nodes.Filter():
                return self._filter(node)
            case nodes.Test():
                if node.name not in TESTS or node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
                    raise NotAllowed(f"the test `is {node.name}` is not known; there are: {', '.join(sorted(TESTS))}")
                return f"({self.write(node.node)} is {node.name})"
        raise NotAllowed(f"{_what(node)} is not possible here; use a field, `or`, conditions and filters only")

    def _comparison(self, node: nodes.Compare) -> str:
        """`a < b < c` as `(a|under(b) and b|under(c))`."""
        operands = [self.write(node.expr), *(self.write(operand.expr) for operand in node.ops)]
        names = [COMPARISONS[operand.op].__name__ for operand in node.ops]
        pairs = zip(operands, names, operands[1:], strict=False)
        return f"({' and '.join(f'{one}|{name}({other})' for one, name, other in pairs)})"

    def _name(self, name: str) -> str:
        if name in self.loops:
            return name
        if name == "attributes":
            raise NotAllowed("`attributes` alone prints nothing; name one, like `attributes.city`")
        if name == "loop":
            raise NotAllowed("`loop` is known only inside a `for`, as loop.first, loop.last and loop.index")
        if name not in personal.FIELDS:
            raise NotAllowed(str(Unknown("field", name, [*personal.FIELDS, *self.loops])))
        self.usage.fields.add(name)
        return name

    def _attribute(self, key: str) -> str:
        self.usage.attributes.add(key)
        return f"attributes[{quoted(key)}]"

    def _filter(self, node: nodes.Filter) -> str:
        if node.name not in FILTERS or node.node is None:
            raise NotAllowed(str(Unknown("filter", node.name, FILTERS)))
        if node.kwargs or node.dyn_args or node.dyn_kwargs:
            raise NotAllowed(f'`{node.name}` takes a plain text in its brackets, like `default("colleague")`')
        arguments = [_constant(argument) for argument in node.args]
        most = {"default": 2, "join": 1, "date": 1, "time": 1, "datetime": 1}.get(node.name, 0)
        if len(arguments) > most:
            raise NotAllowed(f"`{node.name}` takes {most or 'nothing'} in its brackets")
        if node.name == "default":
            arguments = arguments[:1]  # Jinja's second, "also where it is empty", is always so here
        brackets = f"({', '.join(arguments)})" if arguments else ""
        return f"({self.write(node.node)}|{node.name}{brackets})"


def expression(source: str) -> nodes.Expr:
    """The expression that `{{ source }}` holds. Raises NotAllowed, also for what Jinja cannot read."""
    parsed = _parsed(f"{{{{{source}}}}}")
    match parsed.body:
        case [nodes.Output(nodes=[nodes.Expr() as one])]:
            return one
    raise NotAllowed("there is nothing between the braces; name a field, like {{ first_name }}")


def condition(source: str) -> nodes.Expr:
    """The condition of `{% if source %}`. Raises NotAllowed."""
    match _parsed(f"{{% if {source} %}}{{% endif %}}").body:
        case [nodes.If(test=nodes.Expr() as test)]:
            return test
    raise NotAllowed("this is no condition")


def loop(source: str) -> tuple[str, nodes.Expr]:
    """The variable and the list of `{% for source %}`: a list field or an attribute. Raises NotAllowed."""
    match _parsed(f"{{% for {source} %}}{{% endfor %}}").body:
        case [nodes.For(target=nodes.Name(name=variable), iter=over, test=None, recursive=False)]:
            if variable in personal.FIELDS or variable == "loop":
                raise NotAllowed(f"`{variable}` is a field's name; call the loop's variable something else")
            match over:
                case nodes.Name(name=name) if name in personal.LIST_FIELDS:
                    return variable, over
                case (
                    nodes.Getattr(node=nodes.Name(name="attributes"))
                    | nodes.Getitem(node=nodes.Name(name="attributes"), arg=nodes.Const(value=str()))
                ):
                    return variable, over
    lists = ", ".join(personal.LIST_FIELDS)
    raise NotAllowed(f"a loop is written `for topic in topics`, over a list field ({lists}) or an attribute")


def included(source: str) -> str:
    """The name of the snippet of `{% include source %}`. Raises NotAllowed."""
    match _parsed(f"{{% include {source} %}}").body:
        case [nodes.Include(template=nodes.Const(value=str(name)), ignore_missing=False, with_context=True)]:
            return name
    raise NotAllowed('a snippet is named in quotation marks, like `{% include "call-to-action" %}`')


def unclosed(source: str) -> int | None:
    """The line of the inmost `if` or `for` that `source`, which Jinja could not read to its end, never closes."""
    lines: list[int] = []
    begin = 0
    for number, kind, value in AUTHOR.lex(source):
        if kind == "block_begin":
            begin = number
        elif kind == "name" and begin:
            if value in {"if", "for"}:
                lines.append(begin)
            elif value.startswith("end") and lines:
                lines.pop()
            begin = 0
    return lines[-1] if lines else None


def quoted(text: str) -> str:
    """`text` as a constant in Jinja source."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'


def _parsed(source: str) -> nodes.Template:
    try:
        return AUTHOR.parse(source)
    except TemplateSyntaxError as error:
        raise NotAllowed(f"Jinja cannot read this: {error.message}") from None
    except (ValueError, RecursionError):
        raise NotAllowed("Jinja cannot read this") from None


def _constant(node: nodes.Node) -> str:
    match node:
        case nodes.Const(value=None):
            return "none"
        case nodes.Const(value=bool(value)):
            return "true" if value else "false"
        case nodes.Const(value=int(number)) | nodes.Const(value=float(number)):
            return repr(number)
        case nodes.Const(value=str(text)):
            if len(text) > LONGEST_CONSTANT:
                raise NotAllowed(f"a text inside braces has at most {LONGEST_CONSTANT} characters; use a condition")
            return quoted(text)
        case nodes.Neg(node=nodes.Const(value=int() | float())):
            return f"(-{_constant(node.node)})"
        case nodes.List() | nodes.Tuple():
            return f"[{', '.join(_constant(item) for item in node.items)}]"
    raise NotAllowed(f"{_what(node)} cannot stand in brackets; only plain texts and numbers can")


def _check_roles(node: nodes.Compare) -> None:
    """A role that is none would make a condition that is never true, and nobody would notice."""
    if isinstance(node.expr, nodes.Name) and node.expr.name == "role":
        for operand in node.ops:
            given = operand.expr.items if isinstance(operand.expr, (nodes.List, nodes.Tuple)) else [operand.expr]
            for one in given:
                if isinstance(one, nodes.Const) and one.value not in {"", *Role}:
                    raise NotAllowed(str(Unknown("role", str(one.value), map(str, Role))))


def _what(node: nodes.Node) -> str:
    if isinstance(node, nodes.BinExpr):
        return f"`{node.operator}`" if getattr(node, "operator", None) else "arithmetic"
    return _NAMES.get(type(node), f"`{type(node).__name__.lower()}`")


def _loop_fields() -> list[str]:
    return [f"loop.{name}" for name in personal.LOOP_FIELDS]
