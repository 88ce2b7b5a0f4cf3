"""What a person decides about a mailing: send, pause, resume, cancel, retry. Each is a conditional change of state."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from config.database import database_time
from config.errors import Refused, Unknown
from mailer.ledger.batches import members, next_retry
from mailer.ledger.deferrals import queue_again
from mailer.ledger.models import Batch, Delivery
from mailer.ledger.states import State
from mailer.models import Mailing, MailingState

ACTIVE = (MailingState.freezing, MailingState.sending, MailingState.paused)


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
        for number in found:
            batch = session.get_one(Batch, (mailing.id, number))
            batch.due_at = next_retry(session, batch)
        if mailing.state == MailingState.finished:
            mailing.state, mailing.finished_at = MailingState.sending, None
    return sum(len(deliveries) for deliveries in found.values())
