"""The tables of the ledger.

`delivery` has no foreign keys: at a million rows their checks cost more than all else in the freeze, and a
subscriber may be erased while the account of what was sent stays.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from config.database import Base, BigKey, Json, UtcTime


class Delivery(Base):
    """One mailing to one subscriber on one subscription: the unit of accounting."""

    __tablename__ = "delivery"

    mailing_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, 3 ... within the mailing."""
    subscriber_id: Mapped[int] = mapped_column(BigInteger)
    list_id: Mapped[int | None]
    """The subscription chosen at the freeze, or by whose end they were left out."""
    edition_id: Mapped[int | None]
    batch: Mapped[int]
    """The number of the batch whose counts this delivery is in."""
    state: Mapped[str] = mapped_column(String(9))
    reason: Mapped[str | None] = mapped_column(Text)
    """Of a skipped one: why. Of a failed, deferred or uncertain one: what we know beyond the reply."""
    claim: Mapped[int | None] = mapped_column(BigInteger)
    """The claim under which the present state was recorded; 0 of a doubt for the sake of claims that are lost."""
    attempts: Mapped[int] = mapped_column(default=0)
    reply: Mapped[str | None] = mapped_column(Text)
    """The server's last words, scrubbed of addresses."""
    relay_id: Mapped[int | None]
    at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When the present state was recorded."""
    deferred_since: Mapped[datetime | None] = mapped_column(UtcTime)
    """When a server first refused it for now; the deadline counts from here."""
    retry_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When a deferred one, or an uncertain one that is to be sent again, is queued again."""
    was_uncertain: Mapped[bool] = mapped_column(default=False)


class Batch(Base):
    """A run of deliveries that is claimed, sent and recorded together: the unit of work."""

    __tablename__ = "batch"
    __table_args__ = (Index("ix_batch_state_due", "state", "due_at"),)

    mailing_id: Mapped[int] = mapped_column(ForeignKey("mailing.id"), primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_seq: Mapped[int]
    last_seq: Mapped[int]
    seqs: Mapped[list[int] | None] = mapped_column(Json)
    """The members of a batch made of what is tried again; null for a run first_seq..last_seq."""
    state: Mapped[str] = mapped_column(String(8), default="open")
    """open, claimed or done."""
    counts: Mapped[dict[str, int]] = mapped_column(Json)
    """Deliveries by state; of skipped ones by `skipped:reason`. Their sum over a mailing's batches is its report."""
    claim: Mapped[int] = mapped_column(BigInteger, default=0)
    owner: Mapped[str] = mapped_column(String(64), default="")
    """The id of the host of the claim's holder."""
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)
    """By the database's clock."""
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """Of a done batch: when the first of its deliveries is to be queued again; null when none is."""


class Attempt(Base):
    """An attempt at a delivery that was queued again, the first one included.

    Append-only: one in doubt has another row if it is resolved while it is the last.
    """

    __tablename__ = "attempt"
    __table_args__ = (Index("ix_attempt_delivery", "mailing_id", "seq"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True, autoincrement=True)
    mailing_id: Mapped[int]
    seq: Mapped[int]
    number: Mapped[int]
    claim: Mapped[int] = mapped_column(BigInteger)
    relay_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(9))
    reply: Mapped[str | None] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(UtcTime)


class ClaimCounter(Base):
    """One row: the number of the last claim. It only grows."""

    __tablename__ = "claim_counter"

    id: Mapped[int] = mapped_column(primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger, default=0)


class PeriodicRun(Base):
    """When each periodic task last began, so that several beats do no harm."""

    __tablename__ = "periodic_run"

    task: Mapped[str] = mapped_column(String(64), primary_key=True)
    last_run: Mapped[datetime] = mapped_column(UtcTime)


class Fact(Base):
    """A few things the installation must remember of itself, such as the fingerprints of its keys."""

    __tablename__ = "fact"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(Json)
