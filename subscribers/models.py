"""The tables of people and of what they agreed to."""

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from config.database import Base, BigKey, Json, UtcTime, Words


def _now() -> datetime:
    return datetime.now(UTC)


class Role(StrEnum):
    """What a subscriber is to the association."""

    journalist = "journalist"
    member = "member"
    association = "association"
    policymaker = "policymaker"
    staff = "staff"
    other = "other"


class Basis(StrEnum):
    """The legal basis on which somebody is on a list (GDPR article 6)."""

    consent = "consent"
    legitimate_interest = "legitimate-interest"
    membership = "membership"


class Standing(StrEnum):
    """One subscriber's standing on one list."""

    pending = "pending"
    confirmed = "confirmed"
    unsubscribed = "unsubscribed"


class Reason(StrEnum):
    """Why an address is suppressed."""

    hard_bounce = "hard bounce"
    complaint = "complaint"
    objection = "objection"
    erasure = "erasure"


class Organisation(Base):
    """Who owns lists and mailings."""

    __tablename__ = "organisation"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)


_MERGED = text("merged_into_id IS NOT NULL")


class Subscriber(Base):
    """A person with an email address who may receive mail."""

    __tablename__ = "subscriber"
    __table_args__ = (
        Index("ix_subscriber_merged_into_id", "merged_into_id", sqlite_where=_MERGED, postgresql_where=_MERGED),
        # Only of those merged: on everybody's hash, which is random and long, it would be an import's dearest index.
        Index("ix_subscriber_merged_address_hash", "address_hash", sqlite_where=_MERGED, postgresql_where=_MERGED),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    public_id: Mapped[str] = mapped_column(String(22), unique=True, default=lambda: secrets.token_hex(10))
    """20 random hex digits; what links carry instead of the id."""
    email: Mapped[str] = mapped_column(String(320))
    """As it is written to: local part as given, domain lower-case, in Unicode."""
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    """The address casefolded: one person however the letters are written."""
    address_hash: Mapped[str] = mapped_column(String(64))
    """`config.keys.address_hash` of the address, so that suppression is a join."""
    first_name: Mapped[str] = mapped_column(Text, default="")
    last_name: Mapped[str] = mapped_column(Text, default="")
    languages: Mapped[tuple[str, ...]] = mapped_column(Words, default=())
    """BCP 47 tags in order of preference."""
    country: Mapped[str] = mapped_column(String(2), default="")
    """ISO 3166-1 alpha-2, upper-case, or empty."""
    time_zone: Mapped[str] = mapped_column(String(64), default="")
    role: Mapped[Role] = mapped_column(String(16), default=Role.other)
    organisation: Mapped[str] = mapped_column(Text, default="")
    """The person's organisation or outlet."""
    topics: Mapped[tuple[str, ...]] = mapped_column(Words, default=())
    attributes: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    created_at: Mapped[datetime] = mapped_column(UtcTime, default=_now)
    merged_into_id: Mapped[int | None] = mapped_column(BigKey)
    """The subscriber that this one turned out to be; such a row is an address of that person's and on no list."""


class List(Base):
    """A named list with a purpose."""

    __tablename__ = "list"

    id: Mapped[int] = mapped_column(primary_key=True)
    organisation_id: Mapped[int] = mapped_column(ForeignKey("organisation.id"))
    name: Mapped[str] = mapped_column(String(64), unique=True)
    """Short name, as typed in commands: a-z, 0-9 and hyphens."""
    purpose: Mapped[str] = mapped_column(String(64), default="press")
    """What people agreed to be written to about; suppression and fallback stay within one purpose."""
    titles: Mapped[dict[str, str]] = mapped_column(Json, default=dict)
    """Title by language; the key `default` always exists."""
    owner: Mapped[str] = mapped_column(Text, default="", server_default="")
    """Who in the office answers for the list, as they write it."""
    archived_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Since when no new audience may name it and nobody is put on it."""


class ConsentEvent(Base):
    """One thing that happened to one subscriber's standing on one list. Append-only; see ADR 0020 for its keys."""

    __tablename__ = "consent_event"
    __table_args__ = (Index("ix_consent_event_subscriber_list", "subscriber_id", "list_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    subscriber_id: Mapped[int] = mapped_column(BigKey)
    list_id: Mapped[int]
    standing: Mapped[Standing] = mapped_column(String(16))
    """The standing that this event leads to."""
    purpose: Mapped[str] = mapped_column(String(64))
    basis: Mapped[Basis] = mapped_column(String(24))
    wording: Mapped[str] = mapped_column(Text, default="")
    """What the person was shown or told."""
    source: Mapped[str] = mapped_column(Text, default="")
    """Where it came from: a form, a file, a mailing's unsubscribe link."""
    at: Mapped[datetime] = mapped_column(UtcTime, default=_now)
    merge_id: Mapped[int | None] = mapped_column(BigKey)
    """The merge that it comes from; if that one is undone, it does not count any more."""


class Subscription(Base):
    """A subscriber's standing on a list: the projection of their consent events. See ADR 0020 for its keys."""

    __tablename__ = "subscription"
    __table_args__ = (Index("ix_subscription_list_subscriber", "list_id", "subscriber_id"),)

    subscriber_id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    list_id: Mapped[int] = mapped_column(primary_key=True)
    standing: Mapped[Standing] = mapped_column(String(16))
    basis: Mapped[Basis] = mapped_column(String(24))
    since: Mapped[datetime] = mapped_column(UtcTime, default=_now)


class Merge(Base):
    """Two subscribers found to be one person: `other` became an address of `kept`. It may be undone."""

    __tablename__ = "merge"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    kept_id: Mapped[int] = mapped_column(BigKey, ForeignKey("subscriber.id", ondelete="CASCADE"))
    other_id: Mapped[int] = mapped_column(BigKey, ForeignKey("subscriber.id", ondelete="CASCADE"))
    changed: Mapped[dict[str, Any]] = mapped_column(Json)
    """What it changed of `kept`, for undoing it: see subscribers.merging."""
    source: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime] = mapped_column(UtcTime, default=_now)
    undone_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Erasure(Base):
    """Somebody who was forgotten: the id in the links of mail they still have, and the hash that keeps them out."""

    __tablename__ = "erasure"

    public_id: Mapped[str] = mapped_column(String(22), primary_key=True)
    address_hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(UtcTime, default=_now)


class Segment(Base):
    """A saved filter over subscribers."""

    __tablename__ = "segment"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    rule: Mapped[dict[str, Any]] = mapped_column(Json)


class Suppression(Base):
    """An address that gets no mail, kept as a hash so that it outlives the person's data."""

    __tablename__ = "suppression"

    address_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    scope: Mapped[str] = mapped_column(String(64), primary_key=True, default="")
    """A purpose, or empty for everything."""
    reason: Mapped[Reason] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(Text, default="")
    at: Mapped[datetime] = mapped_column(UtcTime, default=_now)
