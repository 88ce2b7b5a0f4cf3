"""What a person decides about a mailing: send, pause, resume, cancel, retry. Each is a conditional change of state."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import BindParameter, Exists, bindparam, exists, func, select, update
from sqlalchemy.orm import Session

from config.database import database_time, transaction
from config.errors import Refused, Unknown
from mailer.ledger.claims import members
from mailer.ledger.deferrals import queue_again
from mailer.ledger.models import Batch, Delivery
from mailer.ledger.states import Skip, State, move
from mailer.models import Mailing, MailingState

ACTIVE = (MailingState.freezing, MailingState.sending, MailingState.paused)
AT_ONCE = 100
"""Batches of a cancelled mailing that are settled in one transaction: more would keep others waiting for seconds."""


def find_mailing(session: Session, name: str) -> Mailing:
    """The mailing of that name; raises Unknown with the nearest."""
    mailing = session.scalar(select(Mailing).where(Mailing.name == name))
    if mailing is None:
        raise Unknown("mailing", name, session.scalars(select(Mailing.name)))
    return mailing


def list_mailings(session: Session) -> list[Mailing]:
    """All mailings, the newest first."""
    return list(session.scalars(select(Mailing).order_by(Mailing.id.desc())))


def refuse_if_sent(mailing: Mailing) -> None:
    """Raises Refused for a mailing that `send` would refuse, before anybody spends time on checking it."""
    if mailing.state != MailingState.draft:
        raise Refused(f"cannot send {mailing.name!r}: {_why_not(mailing.state)}")


def send(session: Session, mailing: Mailing, at: datetime | None = None) -> None:
    """Let a mailing go out, now or at an instant. Raises Refused where it was sent already."""
    _change(
        session,
        mailing,
        {MailingState.draft},
        MailingState.scheduled,
        "send",
        send_at=at or database_time(session),
        pause_reason="",
    )


def pause(session: Session, mailing: Mailing, reason: str = "") -> None:
    """Stop within 2 s; what was begun ends, the rest waits."""
    _change(session, mailing, {MailingState.sending}, MailingState.paused, "pause", pause_reason=reason)


def resume(session: Session, mailing: Mailing) -> None:
    """Go on with what is still queued."""
    _change(session, mailing, {MailingState.paused}, MailingState.sending, "resume", pause_reason="")


def cancel(session: Session, mailing: Mailing) -> None:
    """Send nothing more; a scheduled mailing is a draft again.

    What was not begun becomes `skipped` by who looks for work next: of a million that takes seconds, and in a database
    that went back in time it is not known yet what was begun.
    """
    if mailing.state == MailingState.scheduled:
        _change(session, mailing, {MailingState.scheduled}, MailingState.draft, "cancel", send_at=None)
        return
    _change(session, mailing, set(ACTIVE), MailingState.cancelled, "cancel", finished_at=database_time(session))


def _change(
    session: Session,
    mailing: Mailing,
    from_states: Iterable[MailingState],
    to: MailingState,
    verb: str,
    **values: object,
) -> None:
    changed = session.execute(
        update(Mailing)
        .where(Mailing.id == mailing.id, Mailing.state.in_(from_states))
        .values(state=to, **values)
        .returning(Mailing.id)
        .execution_options(synchronize_session=False)
    ).first()
    session.refresh(mailing)
    if changed is None:
        raise Refused(f"cannot {verb} {mailing.name!r}: {_why_not(mailing.state)}")


def _why_not(state: str) -> str:
    return {
        MailingState.draft: "it has not been sent yet; see `broadside mailing send`",
        MailingState.scheduled: "it is scheduled already; `broadside mailing cancel` takes it back",
        MailingState.freezing: "it is being sent already",
        MailingState.sending: "it is being sent already",
        MailingState.paused: "it is paused; `broadside mailing resume` goes on",
        MailingState.finished: "it has been sent",
        MailingState.cancelled: "it was cancelled",
    }[MailingState(state)]


def skip_cancelled(session: Session, mailing_id: int) -> bool:
    """Turn what a cancelled mailing has not begun into `skipped`, so many batches at once; True if more are left.

    Batches in hand follow when they are given back, and what is left is settled by who looks for work.
    """
    now = database_time(session)
    batches = session.scalars(
        select(Batch)
        .where(
            Batch.mailing_id == mailing_id,
            Batch.state != "claimed",
            (Batch.state == "open") | Batch.due_at.is_not(None),
        )
        .order_by(Batch.number)
        .limit(AT_ONCE)
        .with_for_update()
    ).all()
    for batch in batches:
        counts = dict(batch.counts)
        for state in (State.queued, State.deferred):
            if number := counts.get(state, 0):
                move(counts, state, f"{State.skipped}:{Skip.cancelled}", number)
        session.execute(
            update(Delivery)
            .where(members(batch), Delivery.state.in_([State.queued, State.deferred]))
            .values(state=State.skipped, reason=str(Skip.cancelled), at=now, retry_at=None)
        )
        batch.counts, batch.state, batch.due_at = counts, "done", None
    return len(batches) == AT_ONCE


def _unfinished(mailing_id: int | BindParameter[int]) -> Exists:
    return exists().where(Batch.mailing_id == mailing_id, (Batch.state != "done") | Batch.due_at.is_not(None))


# Asked after every batch, so it is built once: that takes longer than asking.
_IS_UNFINISHED = select(_unfinished(bindparam("mailing_id")))


def finish(session: Session, mailing_id: int) -> bool:
    """End a mailing of which nothing is queued, claimed or due again; True if that was now."""
    if session.connection().scalar(_IS_UNFINISHED, {"mailing_id": mailing_id}):
        return False  # as after nearly every batch: a lock here would be one commit more for each
    # Batches are added under the lock of the mailing's row: after it, the next statement sees them all.
    session.execute(select(Mailing.id).where(Mailing.id == mailing_id).with_for_update())
    return (
        session.execute(
            update(Mailing)
            .where(Mailing.id == mailing_id, Mailing.state == MailingState.sending, ~_unfinished(mailing_id))
            .values(state=MailingState.finished, finished_at=database_time(session))
            .returning(Mailing.id)
        ).first()
        is not None
    )


def retry(session: Session, mailing: Mailing, state: State) -> int:
    """Queue a mailing's failed or uncertain deliveries again; how many. An uncertain one may arrive twice.

    Their deadline begins anew: what was given up may be refused for now once more.
    """
    if state not in (State.failed, State.uncertain):
        raise Refused(f"only failed or uncertain deliveries can be tried again, not {state}")
    session.refresh(mailing, with_for_update=True)
    if mailing.state not in (MailingState.finished, MailingState.sending, MailingState.paused):
        raise Refused(f"cannot retry {mailing.name!r}: {_why_not(mailing.state)}")
    batches = session.scalars(
        select(Batch).where(Batch.mailing_id == mailing.id).order_by(Batch.number).with_for_update()
    ).all()
    found: dict[int, list[tuple[int, State]]] = {}
    for batch in batches:
        if batch.counts.get(state) and batch.state != "claimed":
            seqs = session.scalars(select(Delivery.seq).where(members(batch), Delivery.state == state))
            found[batch.number] = [(seq, state) for seq in seqs]
    if found:
        queue_again(session, mailing.id, found, anew=True)
        if mailing.state == MailingState.finished:
            mailing.state, mailing.finished_at = MailingState.sending, None
    return sum(len(deliveries) for deliveries in found.values())


def due_mailings() -> list[int]:
    """The mailings whose time to be frozen has come, and those whose freezing was interrupted."""
    with transaction() as session:
        return list(
            session.scalars(
                select(Mailing.id).where(
                    (Mailing.state == MailingState.freezing)
                    | ((Mailing.state == MailingState.scheduled) & (Mailing.send_at <= database_time(session)))
                )
            )
        )


def waiting(session: Session, *, urgent: bool) -> int:
    """How many open batches of urgent (or other) mailings wait to be claimed."""
    return (
        session.scalar(
            select(func.count())
            .select_from(Batch)
            .join(Mailing, Mailing.id == Batch.mailing_id)
            .where(Batch.state == "open", Mailing.state == MailingState.sending, Mailing.urgent == urgent)
        )
        or 0
    )
