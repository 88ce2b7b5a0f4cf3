"""A compiled edition: all that a worker on any host needs to write to its readers."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# Both stand in a header as they are.
_MEDIA_TYPE = r'^[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+(; ?[A-Za-z0-9-]+=([A-Za-z0-9._-]+|"[A-Za-z0-9 ._:/-]*"))*$'
_CONTENT_ID = r"^[A-Za-z0-9._+@-]*$"


class MediaRef(BaseModel):
    """A picture or an attachment: its bytes are found by their hash, apart from the edition."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hash: str
    """SHA-256 of the bytes, 64 hex digits."""
    content_type: Annotated[str, Field(pattern=_MEDIA_TYPE)]
    filename: str
    cid: Annotated[str, Field(pattern=_CONTENT_ID)] = ""
    """Of a picture: the Content-ID without brackets, as in `cid:...`; empty for an attachment."""
    width: int = Field(default=0, exclude=True)
    """Of a picture: how wide the text shows it, in CSS pixels; 0 where nobody knows. No part of the edition."""
    height: int = Field(default=0, exclude=True)


class CalendarPart(BaseModel):
    """What calendars read beside the texts: one iCalendar object (RFC 5545) with its method (RFC 5546)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["REQUEST", "CANCEL"]
    source: str
    """For mailer.render.personal.environment, lines ending in LF; all but the attendee is the same for everybody."""


class CompiledEdition(BaseModel):
    """One edition, immutable.

    `subject`, `html` and `text` are sources for mailer.render.personal.environment, in which only what depends on the
    recipient is still Jinja.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: str
    """A BCP 47 tag."""
    direction: Literal["ltr", "rtl"]
    kind: str
    template_version: str
    """SHA-256 over the template files that were used."""
    subject: str
    html: str
    """The whole inlined document."""
    text: str
    """The whole text part."""
    calendar: CalendarPart | None = None
    """One more alternative (multipart/alternative), of an invitation."""
    sender: str
    """`Name <address>`, in Unicode."""
    reply_to: str = ""
    pictures: tuple[MediaRef, ...] = ()
    """Shown in the document (multipart/related)."""
    attachments: tuple[MediaRef, ...] = ()
    """Beside it (multipart/mixed)."""

    @property
    def hash(self) -> str:
        """The edition's name: SHA-256 over its canonical JSON, 64 hex digits."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()
