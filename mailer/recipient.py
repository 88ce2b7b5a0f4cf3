"""One person as a message sees them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Recipient(NamedTuple):
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
    attributes: Mapping[str, Any] = MappingProxyType({})
