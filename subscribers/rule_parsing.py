"""From a JSON tree to a rule, with errors that name the place in the tree and suggest the nearest that there is."""

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import TypeAdapter, ValidationError

from config.errors import Refused
from subscribers.rules import KINDS, FieldRule, Node, Registered, Rule, registered_names

DEPTH_LIMIT = 30
NODE_LIMIT = 1000
PLAINLY = {
    "too_short": "it is empty",
    "string_too_short": "it is empty",
    "string_type": "write a text in quotation marks",
    "list_type": "write a list in square brackets",
    "float_type": "write a number",
    "bool_type": "write a text, a number, true or false",
    "finite_number": "write a finite number",
}
"""What pydantic's kinds of error mean to somebody who writes a rule."""
_adapter: TypeAdapter[Rule] = TypeAdapter(Rule)


class WrongRule(Refused):
    """A rule that cannot be: `said` is what is wrong, without the place."""

    def __init__(self, place: str, said: str) -> None:
        super().__init__(f"segment rule, at {place}: {said}")
        self.said = said


def parse(tree: object) -> Rule:
    """The rule that a JSON tree says. Raises WrongRule, naming the place as in `all[1].not.field`."""
    _measure(tree, 1, [0])
    try:
        return _adapter.validate_python(tree)
    except ValidationError as error:
        raise _explain(error) from None


def _measure(tree: object, depth: int, nodes: list[int]) -> None:
    nodes[0] += 1
    if depth > DEPTH_LIMIT or nodes[0] > NODE_LIMIT:
        raise Refused(f"the rule is too large: at most {NODE_LIMIT} parts, {DEPTH_LIMIT} deep")
    if isinstance(tree, str) and ("\0" in tree or any("\ud800" <= letter <= "\udfff" for letter in tree)):
        raise Refused("the rule holds a character that no database keeps (NUL or half of a surrogate pair)")
    inner: Iterable[object] = (
        [*tree, *tree.values()] if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    )
    for part in inner:
        _measure(part, depth + 1, nodes)


def _explain(error: ValidationError) -> WrongRule:
    problem = error.errors(include_url=False)[0]
    place, model = _place(problem["loc"])
    match problem["type"]:
        case "union_tag_not_found":
            said = _no_kind(problem["input"])
        case "extra_forbidden":
            said = _unknown_key(str(problem["loc"][-1]), model)
        case "literal_error":
            known = FieldRule.model_fields["field"].annotation.__args__  # type: ignore[union-attr]
            said = f"there is no field {problem['input']!r}{nearest(str(problem['input']), known)}"
        case kind if kind in PLAINLY:
            said = PLAINLY[kind]
        case _:
            said = problem["msg"].removeprefix("Value error, ")
    return WrongRule(place, said)


def _no_kind(tree: object) -> str:
    if not isinstance(tree, dict):
        return f'a rule is an object such as {{"country": "BE"}}, not {tree!r:.60}'
    known = [*KINDS, *registered_names()]
    if not tree:
        return f"an empty rule; there are: {', '.join(known)}"
    name = str(next(iter(tree)))
    return f"unknown rule {name!r}{nearest(name, known)}"


def _unknown_key(key: str, model: type[Node] | None) -> str:
    if key in KINDS or key in registered_names():
        return f"{key!r} is a rule of its own; put it beside the other in an 'all'"
    return f"unknown key {key!r}{nearest(key, _keys(model))}"


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of an error's sentence: the nearest that there is, else all there are."""
    known = list(known)
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known)}"


def _keys(model: type[Node] | None) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _place(location: tuple[int | str, ...]) -> tuple[str, type[Node] | None]:
    """The place as a person would write it, and the model there. The kinds' tags stand between the steps."""
    steps: list[str] = []
    model: type[Node] | None = None
    rest = list(location)
    while rest:
        tag = str(rest.pop(0))
        model = KINDS.get(tag, Registered)
        if not rest:
            break
        step = str(rest.pop(0))
        steps.append(f".{step}")
        if tag in ("all", "any") and rest:
            steps.append(f"[{rest.pop(0)}]")
        elif tag != "not":
            break
    return "".join(steps).removeprefix(".") or "the top", model
