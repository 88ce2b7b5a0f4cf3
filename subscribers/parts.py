"""What other floors hold of a person: a registry, so that showing, forgetting and merging people miss nothing of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of thing that is held of people, who are named by the ids of their rows."""

    name: str
    """The key under which it stands in what is shown and exported."""
    held: Callable[[Session, Sequence[int]], list[dict[str, Any]]]
    """All of it, ready for JSON, each with the time `at` (ISO 8601, or empty for what is still to come)."""
    forget: Callable[[Session, Sequence[int]], int]
    """Take the person out of it, and leave what counts; how many there were."""
    hold_still: Callable[[Session, Sequence[int]], None]
    """Wait for those who work on it now, and let nobody begin until the transaction ends."""


_parts: dict[str, Part] = {}


def register(part: Part) -> None:
    """Add what an upper floor holds. Raises ValueError for a name that is taken."""
    if part.name in _parts:
        raise ValueError(f"{part.name!r} is a part already")
    _parts[part.name] = part


def parts() -> list[Part]:
    """What has been registered, in that order."""
    return list(_parts.values())
