"""Everything the rules look at, laid out once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailer.checks.edition import Edition
from mailer.house import House
from mailer.render.errors import Where
from mailer.render.front import line_of
from mailer.render.kinds import Kind

FILE = "mailing.yaml"
HOUSE = "house style"


@dataclass(frozen=True)
class Readers:
    """The audience as it stands now."""

    number: int = 0
    """Who would get an edition."""
    languages: Mapping[str, int] = field(default_factory=dict)
    """How many would get each."""
    unwritten: Mapping[str, int] = field(default_factory=dict)
    """How many read none of the languages there are, by the one they read first, "" where that is not known."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many get nothing, by reason."""
    attributes: frozenset[str] = frozenset()
    """The names of attributes that somebody has."""
    rendered: int = 0


@dataclass(frozen=True)
class Dossier:
    """One mailing."""

    name: str
    kind: Kind
    house: House
    has_house: bool
    """False where no house style was entered."""
    default_language: str
    fallback: str
    sender: str
    """The address alone."""
    senders: frozenset[str]
    """The addresses that the organisation may send as, lower-case; none where none was entered."""
    lists: Mapping[str, str]
    """The purpose of each list of the audience, by name."""
    lines: Mapping[str, int]
    """Of mailing.yaml."""
    attachments: tuple[str, ...]
    files: tuple[str, ...]
    """The names of the pictures in the folder."""
    unused: tuple[str, ...]
    """The names of files that are neither text, picture nor attachment."""
    today: datetime
    """Now, in UTC."""
    goes_out: datetime
    """When the mailing is sent or its embargo ends: now, or later where that was said."""
    readers: Readers
    usual: int | None
    """How many readers mailings had lately; None where there were too few to say."""
    relay: tuple[str, int] | None
    """The relay that takes the least, and how many octets, as far as relays have said."""
    dead: Mapping[str, str]
    """Links that lead nowhere, and why; none where nobody asked."""
    editions: list[Edition]
    """The default one first."""

    @property
    def scheduled(self) -> bool:
        """Whether it goes out on a later day than today."""
        return self.goes_out.date() > self.today.date()

    def at(self, path: str = "") -> Where:
        """The place of a value of mailing.yaml."""
        return Where(FILE, line_of(path, self.lines), path)
