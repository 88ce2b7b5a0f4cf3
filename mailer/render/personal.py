"""The recipient's level of Jinja: the environment that compiled editions are rendered in, and its variables.

Sources reach this environment only from the compiler, which writes them itself out of what the grammar allows; the
sandbox is the second wall. Delimiters are control characters, so that the static text may hold any braces.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined
from jinja2.runtime import LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from config.errors import Refused
from mailer.recipient import Recipient
from mailer.render import filters, values
from mailer.render.comparing import COMPARISONS
from mailer.render.moments import elsewhere

VARIABLE = ("\x02", "\x03")
BLOCK = ("\x04", "\x05")
COMMENT = ("\x06", "\x07")
"""Never written by the compiler; Jinja wants a pair."""

TEXT_FIELDS = ("email", "first_name", "last_name", "country", "time_zone", "role", "organisation")
LIST_FIELDS = ("languages", "topics")
LINK_FIELDS = ("unsubscribe_url",)
MAILING_FIELDS = ("list_title",)
FIELDS = frozenset({*TEXT_FIELDS, *LIST_FIELDS, *LINK_FIELDS, *MAILING_FIELDS, "attributes"})
"""What an author may name. All are always defined."""
LOOP_FIELDS = frozenset({"first", "last", "index"})


class TooLarge(Refused):
    """A text would be beyond all measure."""


class Attributes(dict[str, Any]):
    """A subscriber's free attributes: looked up by key, never by method."""


class Budget:
    """The items that one message's loops may still go over: counted down while it is rendered."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items = values.MOST_ITEMS

    def spend(self, items: int) -> None:
        """Count down; raises TooManyItems when there is none left."""
        self.items -= items
        if self.items < 0:
            raise values.TooManyItems


class PersonalEnvironment(ImmutableSandboxedEnvironment):
    """Nothing can be called, and the only look-ups are `attributes[key]` and the loop's own fields."""

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Attributes):
            return values.tidy(obj.get(argument))
        raise Refused(f"{argument!r} cannot be looked up; only attributes have names")

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, LoopContext) and attribute in LOOP_FIELDS:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def is_safe_callable(self, obj: Any) -> bool:
        del obj
        return False


@cache
def environment(language: str) -> PersonalEnvironment:
    """The environment for editions in `language` (BCP 47), whose dates, lists and numbers are written its way.

    Place filters encode, so there is no escaping besides. Filters and tests are only ours.
    """
    env = PersonalEnvironment(
        variable_start_string=VARIABLE[0],
        variable_end_string=VARIABLE[1],
        block_start_string=BLOCK[0],
        block_end_string=BLOCK[1],
        comment_start_string=COMMENT[0],
        comment_end_string=COMMENT[1],
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )
    env.globals = {}
    comparisons = {comparison.__name__: comparison for comparison in COMPARISONS.values()}
    env.filters = {**filters.author_filters(language), **comparisons, **values.PLACES, "each": values.each}
    env.filters |= {"follows": filters.follows, "elsewhere": elsewhere(language)}
    env.tests = {"defined": _is_defined, "none": _is_none}
    return env


class Scope(dict[str, Any]):
    """One message's variables, for subject, text and HTML alike.

    It stands for the Context that Jinja would make of them for each source. Of that a compiled source only asks for
    names, and a dictionary answers in an eighth of the time.
    """

    __slots__ = ()
    resolve_or_missing = dict.__getitem__

    def __missing__(self, name: str) -> object:
        return missing


def context(recipient: Recipient, *, unsubscribe_url: str, list_title: str) -> Scope:
    """What sources are rendered with: one person's fields, and the budget of one message."""
    person = recipient if _is_tidy(recipient) else map(values.tidy, recipient)
    variables = Scope(zip(Recipient._fields, person, strict=True))
    variables["attributes"] = Attributes(recipient.attributes)
    variables["unsubscribe_url"] = unsubscribe_url
    variables["list_title"] = values.tidy(list_title)
    variables[values.BUDGET] = Budget()
    return variables


def _is_tidy(recipient: Recipient) -> bool:
    """Whether values.tidy would change nothing, as of nearly all: one look at all fields is a sixth of one at each."""
    email, first, last, languages, country, time_zone, role, organisation, topics, _ = recipient
    joined = "|".join(("", email, first, last, country, time_zone, role, organisation, *languages, *topics, ""))
    around = " |" in joined or "| " in joined
    return joined.isprintable() and not (around or "" in languages or "" in topics)


def attribute_names(attributes: Mapping[str, Any]) -> set[str]:
    """The names of the attributes that print something for this person."""
    return {name for name, value in attributes.items() if not values.is_empty(values.tidy(value))}


def _is_defined(value: Any) -> bool:
    """All known fields are defined; to an author `is defined` asks whether anything is there."""
    return not (isinstance(value, Undefined) or values.is_empty(value))


def _is_none(value: Any) -> bool:
    return not _is_defined(value)
