"""All rules, in the order in which a colleague would read."""

from mailer.checks import (  # noqa: F401 -- each registers its rules
    agreement,
    compiling,
    dates,
    files,
    house,
    language,
    links,
    pictures,
    placeholders,
    readers,
    sources,
    style,
)
from mailer.checks.registry import LEVELS, findings

__all__ = ["LEVELS", "findings"]
