"""The rules by their names. To add one is to write a function in a module of this package under one of the marks below.

A rule yields a place, what is wrong there, and what to do. Its name is the function's with hyphens, and stable: it
stands in the findings and in docs/checks.md.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.findings import Finding, Level
from mailer.render.errors import Where

Found = Iterator[tuple[Where, str, str]]
EditionRule = Callable[[Edition, Dossier], Found]
MailingRule = Callable[[Dossier], Found]
_Rule = TypeVar("_Rule", EditionRule, MailingRule)

LEVELS: dict[str, Level] = {}
"""Every rule's level, in the order in which they are asked."""
_EDITION: dict[str, EditionRule] = {}
_MAILING: dict[str, MailingRule] = {}


def edition_rule(level: Level) -> Callable[[EditionRule], EditionRule]:
    """Marks a rule that reads one edition after the other."""
    return _mark(_EDITION, level)


def mailing_rule(level: Level) -> Callable[[MailingRule], MailingRule]:
    """Marks a rule that looks at the mailing as a whole."""
    return _mark(_MAILING, level)


def findings(dossier: Dossier) -> list[Finding]:
    """What all rules find; each edition's, the default one's first, then the mailing's."""
    found = [
        Finding(LEVELS[name], name, *one)
        for edition in dossier.editions
        for name, rule in _EDITION.items()
        for one in rule(edition, dossier)
    ]
    found += [Finding(LEVELS[name], name, *one) for name, rule in _MAILING.items() for one in rule(dossier)]
    return found


def _mark(rules: dict[str, _Rule], level: Level) -> Callable[[_Rule], _Rule]:
    def mark(rule: _Rule) -> _Rule:
        name = rule.__name__.replace("_", "-")
        assert name not in LEVELS, f"there are two rules named {name}"
        LEVELS[name] = level
        rules[name] = rule
        return rule

    return mark
