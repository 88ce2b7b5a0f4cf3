"""A rule as people write it: what is written of a rule is read (`rule_text.py`) as that very rule."""

import json
import re
from typing import Any

from subscribers.fields import ATTRIBUTE
from subscribers.rules import (
    All,
    Any_,
    AttributeRule,
    CountryRule,
    FieldRule,
    LanguageRule,
    ListRule,
    Not,
    Registered,
    Rule,
    TopicRule,
)

FIELD = "field."
SIGNS = {"is": "=", "is_not": "!=", "starts_with": "starts with", "over": ">", "under": "<"}
"""How an operator of the tree is written, where it is not written as it is called."""
TYPED = {"true": True, "false": False, "null": None}
"""Words that are no text unless they stand in quotation marks."""
_BARE = re.compile(r"\w[\w.@+:/&-]*\Z")
_BARE_ATTRIBUTE = re.compile(r"\w[\w.-]*\Z")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?\Z")
_KEYWORDS = frozenset(
    {"and", "or", "not", "all", "any", "is", "in", "contains", "starts", "with", "before", "after", *TYPED}
)


def write(rule: Rule) -> str:
    """The rule as a person would write it."""
    match rule:
        case All() | Any_():
            parts = rule.all if isinstance(rule, All) else rule.any
            word = "and" if isinstance(rule, All) else "or"
            if len(parts) == 1:
                return f"{'all' if word == 'and' else 'any'}({write(parts[0])})"
            return f" {word} ".join(map(_together, parts))
        case Not():
            return f"not {_together(rule.not_)}"
        case FieldRule():
            twofold = rule.field == "country" and rule.operator == "is" and rule.value
            return _compared(f"{FIELD if twofold else ''}{rule.field}", rule.operator, rule.value)
        case AttributeRule():
            plain = _BARE_ATTRIBUTE.match(rule.attribute)
            name = rule.attribute if plain else json.dumps(rule.attribute, ensure_ascii=False)
            return _compared(f"{ATTRIBUTE}{name}", rule.operator, rule.value)
        case ListRule():
            return _compared("list", "is", rule.list)
        case TopicRule():
            return _compared("topic", "is", rule.topic)
        case LanguageRule():
            return _compared("language", "is", rule.language)
        case CountryRule():
            return _compared("country", "is", rule.country)
        case Registered():
            return _compared(rule.rule, "is", rule.value)


def _together(rule: Rule) -> str:
    several = isinstance(rule, All | Any_) and len(rule.all if isinstance(rule, All) else rule.any) > 1
    return f"({write(rule)})" if several else write(rule)


def _compared(name: str, operator: str, value: Any) -> str:
    if operator == "in":
        return f"{name} in ({', '.join(map(_shown, value))})"
    whole = operator in ("over", "under") and value.is_integer()
    return f"{name} {SIGNS.get(operator, operator)} {_shown(int(value) if whole else value)}"


def _shown(value: Any) -> str:
    if isinstance(value, str) and _BARE.match(value) and not _NUMBER.match(value) and value.lower() not in _KEYWORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
