"""Which deliveries are a batch's, and who holds it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Row, Select, and_, bindparam, func, select
from sqlalchemy.orm import Session

from mailer.ledger.models import Batch, Delivery


def held_by(
    mailing_id: int | BindParameter[Any], batch: int | BindParameter[Any], claim: int | BindParameter[Any]
) -> tuple[ColumnElement[bool], ...]:
    """The fence: true of the batch only while this very claim holds it."""
    return (
        Batch.mailing_id == mailing_id,
        Batch.number == batch,
        Batch.claim == claim,
        Batch.state == "claimed",
    )


def members(batch: Batch) -> ColumnElement[bool]:
    """True of the deliveries of a batch: by the primary key's range, so that no index on the batch is needed.

    Some of its run may be in later batches by now.
    """
    theirs = run_of(batch) & (Delivery.batch == batch.number)
    return theirs & Delivery.seq.in_(batch.seqs) if batch.seqs else theirs


def next_retry(session: Session, batch: Batch) -> datetime | None:
    """When the first of a batch's deliveries is to be queued again: its `due_at`, where some of them were decided."""
    return session.scalar(select(func.min(Delivery.retry_at)).where(members(batch)))


def run_of(batch: Batch) -> ColumnElement[bool]:
    """True of the run of the key from a batch's first delivery to its last.

    To be asked also where the numbers are known: before its first statistics PostgreSQL would read the whole mailing.
    """
    return _run(batch.mailing_id, batch.first_seq, batch.last_seq)


def _run(
    mailing_id: int | BindParameter[int], first_seq: int | BindParameter[int], last_seq: int | BindParameter[int]
) -> ColumnElement[bool]:
    return and_(Delivery.mailing_id == mailing_id, Delivery.seq.between(first_seq, last_seq))


RUN = _run(bindparam("mailing_id"), bindparam("first_seq"), bindparam("last_seq"))
"""The same of the batch that `read_run` is given, for statements that are built once."""


def read_run(session: Session, statement: Select[*tuple[Any, ...]], batch: Batch) -> Sequence[Row[*tuple[Any, ...]]]:
    """The rows of a statement of columns that has RUN among its conditions, and may name the batch's `number`."""
    if batch.seqs:
        statement = statement.where(Delivery.seq.in_(batch.seqs))
    # Not by the session, which would make each row once more.
    of_batch = {name: getattr(batch, name) for name in ("mailing_id", "number", "first_seq", "last_seq")}
    return session.connection().execute(statement, of_batch).all()
