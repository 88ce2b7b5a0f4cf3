"""All rules, in the order in which a colleague would read."""

from mailer.checks import compiling, placeholders, pictures, readers, house  # noqa: F401, I001 -- each module registers its rules; this is their order
from mailer.checks.registry import LEVELS, findings

__all__ = ["LEVELS", "findings"]
