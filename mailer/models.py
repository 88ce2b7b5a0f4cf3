"""The tables of what is sent: house style, senders, relays, mailings, their editions and media."""

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from config.database import Base, Json, UtcTime, Words


def _now() -> datetime:
    return datetime.now(UTC)


class MailingState(StrEnum):
    """draft -> scheduled -> freezing -> sending <-> paused -> finished | cancelled."""

    draft = "draft"
    scheduled = "scheduled"
    freezing = "freezing"
    sending = "sending"
    paused = "paused"
    finished = "finished"
    cancelled = "cancelled"


class Fallback(StrEnum):
    """What somebody gets who reads none of a mailing's languages."""

    default = "default"
    skip = "skip"


class OnUncertain(StrEnum):
    """What happens to a delivery whose end nobody can know."""

    leave = "leave"
    resend = "resend"


class HouseStyle(Base):
    """How an organisation looks and what it says of itself; `style` is validated by mailer.house."""

    __tablename__ = "house_style"

    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"), primary_key=True)
    style: Mapped[dict[str, Any]] = mapped_column(Json)
    updated_at: Mapped[datetime] = mapped_column(UtcTime, default=_now, onupdate=_now)


class Snippet(Base):
    """A named piece of Markdown in one language, for any edition to include."""

    __tablename__ = "snippet"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    language: Mapped[str] = mapped_column(String(35), primary_key=True)
    text: Mapped[str] = mapped_column(Text)


class Sender(Base):
    """A From address that an organisation may send as."""

    __tablename__ = "sender"

    id: Mapped[int] = mapped_column(primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    name: Mapped[str] = mapped_column(Text, default="")
    address: Mapped[str] = mapped_column(String(320), unique=True)


class Relay(Base):
    """An SMTP server mail leaves through; its address and password stay in the settings."""

    __tablename__ = "relay"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    """host:port."""
    size_limit: Mapped[int | None] = mapped_column(BigInteger)
    """Octets of the largest message it takes, as it last said (RFC 1870); None: it was not asked yet; 0: no limit."""
    down_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """After a failed connection nobody tries again before this."""
    failures: Mapped[int] = mapped_column(default=0)
    """Failed connections in a row."""
    last_error: Mapped[str] = mapped_column(Text, default="")


class Mailing(Base):
    """One thing to send."""

    __tablename__ = "mailing"

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(16), unique=True, default=lambda: secrets.token_hex(6))
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("mailing.id"))
    """The mailing that this one corrects or relays."""
    parent_relation: Mapped[str | None] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(64), unique=True)
    """Short name: the folder's."""
    title: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(32))
    sender: Mapped[str] = mapped_column(Text)
    """The From header: `Name <address>`."""
    reply_to: Mapped[str] = mapped_column(Text, default="")
    audience: Mapped[dict[str, Any]] = mapped_column(Json)
    """{lists, segments, exclude: {lists, mailings}}, names."""
    default_language: Mapped[str] = mapped_column(String(35))
    fallback: Mapped[Fallback] = mapped_column(String(8), default=Fallback.default)
    urgent: Mapped[bool] = mapped_column(default=False)
    on_uncertain: Mapped[OnUncertain] = mapped_column(String(8), default=OnUncertain.leave)
    deadline_hours: Mapped[float] = mapped_column(default=48.0)
    """How long a temporary refusal is tried again before the delivery fails."""
    embargo_until: Mapped[datetime | None] = mapped_column(UtcTime)
    embargo_zone: Mapped[str] = mapped_column(String(64), default="")
    state: Mapped[MailingState] = mapped_column(String(12), default=MailingState.draft, index=True)
    send_at: Mapped[datetime | None] = mapped_column(UtcTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    pause_reason: Mapped[str] = mapped_column(Text, default="")
    lines: Mapped[dict[str, int]] = mapped_column(Json, default=dict)
    """The line of mailing.yaml on which each value begins, by its path: `audience.lists.1`."""
    unused: Mapped[list[str]] = mapped_column(Json, default=list)
    """Files of the folder that are neither text, picture nor attachment."""
    content_hash: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 over the editions' hashes, set when the mailing is frozen."""
    audience_hash: Mapped[str] = mapped_column(String(64), default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=_now)


class Draft(Base):
    """What an author wrote in one language: the source of an edition, renewed by each import until it is sent."""

    __tablename__ = "draft"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id", ondelete="CASCADE"), primary_key=True)
    language: Mapped[str] = mapped_column(String(35), primary_key=True)
    front: Mapped[dict[str, Any]] = mapped_column(Json)
    """The front matter: subject, preheader, headline and what else the kind has."""
    body: Mapped[str] = mapped_column(Text)
    body_line: Mapped[int] = mapped_column(default=1)
    """The line of the file on which the body begins, for error messages."""
    lines: Mapped[dict[str, int]] = mapped_column(Json, default=dict)
    """The line on which each field's text begins, by the field's path: `dates.1.what`."""


class Edition(Base):
    """A compiled edition: immutable, named by its hash, all that a worker on any host needs."""

    __tablename__ = "edition"
    __table_args__ = (Index("ix_edition_hash", "hash", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 over `compiled`, which names the template's version and the media by their hashes."""
    language: Mapped[str] = mapped_column(String(35))
    compiled: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=_now)


class MailingEdition(Base):
    """Which edition a mailing was frozen with, by language."""

    __tablename__ = "mailing_edition"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    language: Mapped[str] = mapped_column(String(35), primary_key=True)
    edition_id: Mapped[int] = mapped_column(ForeignKey("edition.id"))


class EditionChoice(Base):
    """While an audience is frozen: the edition's language for each set of languages and country in it."""

    __tablename__ = "edition_choice"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True)
    languages: Mapped[tuple[str, ...]] = mapped_column(Words, primary_key=True)
    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    language: Mapped[str] = mapped_column(String(35))


class Media(Base):
    """A picture or attachment, named by the hash of its bytes."""

    __tablename__ = "media"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    content_type: Mapped[str] = mapped_column(String(127))
    content: Mapped[bytes] = mapped_column(LargeBinary)


class MailingMedia(Base):
    """The files of a mailing's folder, by the name that the text uses."""

    __tablename__ = "mailing_media"

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id", ondelete="CASCADE"), primary_key=True)
    filename: Mapped[str] = mapped_column(String(255), primary_key=True)
    attached: Mapped[bool] = mapped_column(primary_key=True, default=False)
    """True for an attachment, False for a picture shown in the text; one file may be both."""
    media_hash: Mapped[str] = mapped_column(ForeignKey("media.hash"))
    width: Mapped[int] = mapped_column(default=0)
    """Of a picture that is shown: its size in CSS pixels."""
    height: Mapped[int] = mapped_column(default=0)
