"""The rule tree of a segment: what each rule looks like, and the registry for rules of the upper floor's."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from config.errors import Refused
from subscribers import fields

Compiler = Callable[[Session, Any], ColumnElement[bool]]
"""Makes a condition over Subscriber of a registered rule's value. Raises Refused for one that it does not take."""
Scalar = bool | int | float | str
CODED = ("country", "role", "time_zone")
"""Fields whose values are codes of a known list, so that a misspelt one is an error and not simply nobody."""
NUMBER_LIMIT = 10**15
REGISTERED = "registered"
_registry: dict[str, Compiler] = {}


class Node(BaseModel):
    """A rule. Keys that it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class All(Node):
    """Everybody for whom each of the rules is true."""

    all: list["Rule"] = Field(min_length=1)


class Any_(Node):  # noqa: N801 - `Any` is taken
    """Everybody for whom at least one of the rules is true."""

    any: list["Rule"] = Field(min_length=1)


class Not(Node):
    """Everybody for whom the rule is not true."""

    not_: "Rule" = Field(alias="not")


class Comparison(Node):
    """What a value is compared with: exactly one of these."""

    is_: Scalar | None = Field(None, alias="is")
    is_not: Scalar | None = None
    in_: list[Scalar] | None = Field(None, alias="in", min_length=1)
    contains: str | None = Field(None, min_length=1)
    starts_with: str | None = Field(None, min_length=1)
    before: str | None = None
    after: str | None = None
    over: float | None = None
    under: float | None = None

    @property
    def operator(self) -> str:
        """The name of the one that is given, as it is written in the tree."""
        return next(_written(name) for name in Comparison.model_fields if getattr(self, name) is not None)

    @property
    def value(self) -> Any:
        """What it is compared with."""
        return next(value for name in Comparison.model_fields if (value := getattr(self, name)) is not None)

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [_written(name) for name in Comparison.model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"compare with one of {', '.join(map(_written, Comparison.model_fields))}"
                + (f", not with {' and '.join(given)} at once" if given else "")
            )
        return self


class FieldRule(Comparison):
    """A comparison of one of the subscriber's own fields."""

    field: Literal["email", "first_name", "last_name", "country", "time_zone", "role", "organisation", "created_at"]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        timely = self.operator in ("before", "after")
        if timely != (self.field == "created_at"):
            raise ValueError(f"{self.field} cannot be compared by {self.operator!r}")
        if self.operator in ("over", "under"):
            raise ValueError(f"{self.field} is no number; 'over' and 'under' are for attributes")
        if timely:
            instant(self.value)
        elif not all(isinstance(value, str) for value in (self.value if self.operator == "in" else [self.value])):
            raise ValueError(f"{self.field} is compared with a text in quotation marks")
        else:
            _valid(lambda: self.canonical)
        return self

    @property
    def canonical(self) -> Any:
        """The value as the field writes it: `uk` is `GB`. Raises Refused for a role or country that there is not."""
        if self.field not in CODED or self.operator not in ("is", "is_not", "in"):
            return self.value
        reader = fields.FIELDS[self.field]
        return [reader(one) for one in self.value] if self.operator == "in" else self.value and reader(self.value)


class AttributeRule(Comparison):
    """A comparison of an attribute: its name, or a path such as `a.b` into nested ones."""

    attribute: str = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.operator in ("before", "after"):
            raise ValueError("'before' and 'after' are for created_at")
        if '"' in self.attribute:
            raise ValueError("an attribute whose name has a quotation mark cannot be asked for")
        for number in self.value if self.operator == "in" else [self.value]:
            if isinstance(number, int | float) and abs(number) > NUMBER_LIMIT:
                raise ValueError(f"numbers are compared up to {NUMBER_LIMIT:,}")
        return self


class ListRule(Node):
    """Everybody with a confirmed subscription to the list."""

    list: str


class TopicRule(Node):
    """Everybody who has the topic."""

    topic: str = Field(min_length=1)


class LanguageRule(Node):
    """Everybody who reads the language: `fr` means `fr-BE` too."""

    language: str

    @model_validator(mode="after")
    def _known(self) -> Self:
        _valid(lambda: fields.language(self.language))
        return self


class CountryRule(Node):
    """Everybody in the country."""

    country: str

    @model_validator(mode="after")
    def _known(self) -> Self:
        _valid(lambda: fields.country(self.country))
        return self


class Registered(Node):
    """A rule of the upper floor's: `{"received": "value-gap"}`."""

    rule: str
    value: Any

    @model_validator(mode="before")
    @classmethod
    def _split(cls, tree: Any) -> Any:
        name = next(name for name in tree if name in _registry)
        if len(tree) > 1:
            raise ValueError(f"{name!r} stands alone; put other rules beside it in an 'all'")
        return {"rule": name, "value": tree[name]}


KINDS: Mapping[str, type[Node]] = {
    "all": All,
    "any": Any_,
    "not": Not,
    "field": FieldRule,
    "attribute": AttributeRule,
    "list": ListRule,
    "topic": TopicRule,
    "language": LanguageRule,
    "country": CountryRule,
}


def _kind(tree: Any) -> str | None:
    if isinstance(tree, Registered):
        return REGISTERED
    if isinstance(tree, Node):
        return next(kind for kind, model in KINDS.items() if isinstance(tree, model))
    if not isinstance(tree, dict):
        return None
    found = next((kind for kind in KINDS if kind in tree), None)
    return found or next((REGISTERED for name in tree if name in _registry), None)


Rule = Annotated[
    Annotated[All, Tag("all")]
    | Annotated[Any_, Tag("any")]
    | Annotated[Not, Tag("not")]
    | Annotated[FieldRule, Tag("field")]
    | Annotated[AttributeRule, Tag("attribute")]
    | Annotated[ListRule, Tag("list")]
    | Annotated[TopicRule, Tag("topic")]
    | Annotated[LanguageRule, Tag("language")]
    | Annotated[CountryRule, Tag("country")]
    | Annotated[Registered, Tag(REGISTERED)],
    Discriminator(_kind),
]
All.model_rebuild()
Any_.model_rebuild()
Not.model_rebuild()


def register(rule_name: str, compiler: Compiler) -> None:
    """Let trees say `{rule_name: value}`: how the upper floor adds rules on what only it knows."""
    if rule_name in KINDS or rule_name in Comparison.model_fields:
        raise ValueError(f"{rule_name!r} is a rule already")
    _registry[rule_name] = compiler


def registered(rule_name: str) -> Compiler:
    """The compiler registered under that name."""
    return _registry[rule_name]


def registered_names() -> list[str]:
    """What the upper floor has registered."""
    return sorted(_registry)


def instant(text: object) -> datetime:
    """The instant of an ISO date (its first moment in UTC) or date and time with zone. Raises ValueError."""
    try:
        assert isinstance(text, str)
        if len(text) == len("2026-05-01"):
            day = date.fromisoformat(text)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(text)
        assert moment.tzinfo is not None
    except (AssertionError, ValueError):
        raise ValueError(f"{text!r} is no date; write 2026-05-01 or 2026-05-01T09:00+02:00") from None
    return moment


def _valid(read: Callable[[], object]) -> None:
    try:
        read()
    except Refused as error:
        raise ValueError(str(error)) from None  # so that pydantic adds the place


def _written(field: str) -> str:
    return field.removesuffix("_")
