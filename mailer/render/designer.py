"""The designer's level of Jinja: a kind's template is rendered within bounds, so that a mistake in it is told.

A loop without end, a word of a billion letters or a macro that calls itself would otherwise take the worker with it.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from jinja2 import nodes, pass_eval_context
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.filters import do_replace, sync_do_join
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeTransformer

MOST_STEPS = 100_000
"""Turns of loops and calls in one template."""
MOST_CHARACTERS = 5_000_000
"""That one template puts out by expressions, and in any one value."""
# Those that can make no more of a text or a list than they were given; `join` and `replace` are counted beforehand.
FILTERS = (
    *("abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float", "forceescape"),
    *("groupby", "int", "items", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr"),
    *("reverse", "round", "safe", "select", "selectattr", "sort", "string", "striptags", "title", "tojson", "trim"),
    *("truncate", "unique", "upper", "urlencode", "wordcount"),
)
METHODS = frozenset(
    {"capitalize", "count", "endswith", "find", "isdigit", "lower", "lstrip", "partition", "removeprefix"}
    | {"removesuffix", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip", "title", "upper"}
)
"""Of texts."""


class DesignerEnvironment(SandboxedEnvironment):
    """Counts what a template does; `begin` starts the count anew. Raises SecurityError beyond the bounds."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(finalize=self._written, **options)
        self.code_generator_class = _Bounded
        del self.globals["lipsum"]
        self.filters = {name: self.filters[name] for name in FILTERS} | {
            "join": _join,
            "replace": _replace,
            _Bounded.TURNS: self._turns,
            _Bounded.VALUE: self._small,
        }
        self.begin()

    def begin(self) -> None:
        """Count from nothing."""
        self._steps = self._characters = 0

    def call(self, *given: Any, **named: Any) -> Any:
        self._step(1)
        return super().call(*given, **named)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            raise SecurityError("a text cannot be formatted with %; put its parts side by side")
        if operator == "**":
            raise SecurityError("there are no powers in a template")
        if operator == "*" and (hasattr(left, "__len__") or hasattr(right, "__len__")):
            whole, times = (left, right) if hasattr(left, "__len__") else (right, left)
            _refuse_large(len(whole) * times)
        return self._small(super().call_binop(context, operator, left, right))

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return super().is_safe_attribute(obj, attr, value) and not (isinstance(obj, str) and attr not in METHODS)

    def wrap_str_format(self, value: Any) -> None:
        """No text's `format`: like any other method that is not named above, it is refused."""

    def _step(self, number: int) -> None:
        self._steps += number
        if self._steps > MOST_STEPS:
            raise SecurityError(f"it takes more than {MOST_STEPS:,} turns of its loops; does one have no end?")

    def _turns(self, items: Iterable[Any]) -> list[Any]:
        turns = list(islice(items, MOST_STEPS + 1))
        self._step(len(turns))
        return turns

    def _written(self, value: Any) -> Any:
        self._characters += len(value if isinstance(value, str) else str(value))
        _refuse_large(self._characters)
        return value

    @staticmethod
    def _small(value: Any) -> Any:
        if hasattr(value, "__len__"):
            _refuse_large(len(value))
        return value


@pass_eval_context
def _join(context: nodes.EvalContext, value: Iterable[Any], d: str = "") -> str:
    items = list(value)
    _refuse_large(sum(len(str(item)) + len(d) for item in items))
    return sync_do_join(context, items, d)


@pass_eval_context
def _replace(context: nodes.EvalContext, s: str, old: str, new: str, count: int | None = None) -> str:
    _refuse_large(len(s) + (s.count(old) + 1) * len(new))
    return do_replace(context, s, old, new, count)


def _refuse_large(characters: int) -> None:
    if characters > MOST_CHARACTERS:
        raise SecurityError(f"it makes more than {MOST_CHARACTERS:,} characters; what repeats there?")


class _Bounded(CodeGenerator):
    """Sends what every loop goes over, and every text put together with ~, past the environment's count."""

    TURNS, VALUE = "turns counted", "value counted"  # no template can name these

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802  (Jinja's name)
        _Wrapping().visit(node)
        super().visit_Template(node, frame)


class _Wrapping(NodeTransformer):
    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = _filtered(node.iter, _Bounded.TURNS)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _filtered(node, _Bounded.VALUE)


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno, environment=node.environment)
