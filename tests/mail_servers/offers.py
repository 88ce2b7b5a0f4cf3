"""What a server is set up to offer, and the server as a test sees it."""

from dataclasses import dataclass
from pathlib import Path

USER, PASSWORD = "press", "s3cret"
DOMAIN = "example.org"
"""The servers take mail for this domain alone, and for nobody whose name begins with `nobody`."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The extensions that one port offers; what can be demanded (STARTTLS, AUTH) is demanded there."""

    pipelining: bool = True
    starttls: bool = False
    auth: bool = False
    smtputf8: bool = False

    def __str__(self) -> str:
        return "+".join(name for name in self.__slots__ if getattr(self, name)) or "nothing"


ALL_OFFERS = tuple(
    Offer(pipelining, *others)
    for pipelining in (False, True)
    for others in ((False,) * 3, (True, False, False), (False, True, False), (False, False, True), (True,) * 3)
)


@dataclass(frozen=True, slots=True)
class MailServer:
    """A server that runs: where each offer listens, and the folder under which it delivers a file a message."""

    ports: dict[Offer, int]
    mail: Path
    behind: bytes = b""
    """What it writes behind each message."""

    def delivered(self) -> list[bytes]:
        """The messages so far, lines ending in LF, each with the server's trace fields in front."""
        files = [path for path in self.mail.rglob("*") if path.is_file() and path.parent.name != "tmp"]
        return [path.read_bytes().removesuffix(self.behind) for path in files]
