"""One person as a message sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipient:
    """The fields that an author may use. Text is "" where nothing is known, a list field an empty tuple."""

    email: str
    first_name: str = ""
    last_name: str = ""
    languages: tuple[str, ...] = ()
    country: str = ""
    time_zone: str = ""
    role: str = ""
    organisation: str = ""
    topics: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
