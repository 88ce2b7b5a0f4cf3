"""Freezing an audience: from "who is on these lists" to one delivery a person, in one set-based statement."""

import logging

from sqlalchemy import and_, case, delete, func, insert, literal, null, select, update
from sqlalchemy.orm import Session

from config.database import database_time, transaction
from config.errors import Refused
from config.settings import settings
from mailer.audience import audience
from mailer.editions import store_editions
from mailer.languages import choose
from mailer.ledger.models import Batch, Delivery
from mailer.ledger.states import Skip, State, counted_as
from mailer.models import EditionChoice, Mailing, MailingEdition, MailingState
from subscribers.models import Subscriber

log = logging.getLogger(__name__)


def freeze(mailing_id: int) -> int | None:
    """Freeze a mailing that is due and begin sending it: how many batches, or None where another did it already.

    All in one commit. If the process dies before, the mailing stays `freezing` and is frozen by whoever looks next.
    A mailing that cannot be made any more (a list was archived, a text changed) goes back to its author.
    """
    with transaction() as session:
        session.execute(
            update(Mailing)
            .where(Mailing.id == mailing_id, Mailing.state == MailingState.scheduled)
            .values(state=MailingState.freezing)
        )
    try:
        with transaction() as session:
            batches = _freeze(session, mailing_id)
    except Refused as error:
        log.warning("mailing %d cannot be sent and is a draft again: %s", mailing_id, error)
        with transaction() as session:
            session.execute(
                update(Mailing)
                .where(Mailing.id == mailing_id, Mailing.state == MailingState.freezing)
                .values(state=MailingState.draft, pause_reason=str(error))
            )
        return None
    if batches is not None:
        log.info("mailing %d is frozen in %d batches", mailing_id, batches)
    return batches


def _freeze(session: Session, mailing_id: int) -> int | None:
    mailing = session.get(Mailing, mailing_id, with_for_update=True)
    if mailing is None or mailing.state != MailingState.freezing:
        return None
    editions = store_editions(session, mailing)
    _choose_editions(session, mailing, list(editions))
    _insert_deliveries(session, mailing)
    session.execute(delete(EditionChoice).where(EditionChoice.mailing_id == mailing.id))
    batches = _insert_batches(session, mailing)
    mailing.state = MailingState.sending
    mailing.started_at = database_time(session)
    return batches


def _choose_editions(session: Session, mailing: Mailing, written: list[str]) -> None:
    """Which edition serves each set of languages and country: hundreds of rows, not a million.

    Of all subscribers: to look at each costs a tenth of finding out first who is in the audience.
    """
    rows = session.execute(select(Subscriber.languages, Subscriber.country).distinct())
    chosen = [
        {"mailing_id": mailing.id, "languages": languages, "country": country, "language": language}
        for languages, country in rows
        if (language := choose(written, languages, country, mailing.default_language, mailing.fallback))
    ]
    session.execute(delete(EditionChoice).where(EditionChoice.mailing_id == mailing.id))
    if chosen:
        session.execute(insert(EditionChoice), chosen)


def _insert_deliveries(session: Session, mailing: Mailing) -> None:
    """One delivery a person: those who will be written to come first, 1, 2, 3 ..., those left out behind them."""
    found = audience(session, mailing).subquery("audience")
    reason = func.coalesce(
        found.c.reason, case((MailingEdition.edition_id.is_(None), literal(str(Skip.no_edition))), else_=null())
    )
    people = (
        select(found.c.subscriber_id, found.c.list_id, MailingEdition.edition_id, reason.label("reason"))
        .select_from(found)
        .join(Subscriber, Subscriber.id == found.c.subscriber_id)
        .outerjoin(
            EditionChoice,
            and_(
                EditionChoice.mailing_id == mailing.id,
                EditionChoice.languages == Subscriber.languages,
                EditionChoice.country == Subscriber.country,
            ),
        )
        .outerjoin(
            MailingEdition,
            and_(MailingEdition.mailing_id == mailing.id, MailingEdition.language == EditionChoice.language),
        )
        .subquery("people")
    )
    left_out = people.c.reason.is_not(None)
    seq = func.row_number().over(order_by=[case((left_out, 1), else_=0), people.c.subscriber_id])
    numbered = select(people, seq.label("seq")).subquery("numbered")
    is_out = numbered.c.reason.is_not(None)
    session.execute(
        insert(Delivery).from_select(
            [
                "mailing_id",
                "seq",
                "subscriber_id",
                "list_id",
                "edition_id",
                "batch",
                "state",
                "reason",
                "attempts",
                "was_uncertain",
            ],
            select(
                literal(mailing.id),
                numbered.c.seq,
                numbered.c.subscriber_id,
                numbered.c.list_id,
                numbered.c.edition_id,
                case((is_out, 0), else_=(numbered.c.seq - 1) // settings().batch_size + 1),
                case((is_out, literal(str(State.skipped))), else_=literal(str(State.queued))),
                numbered.c.reason,
                literal(0),
                literal(False),
            ),
            include_defaults=False,
        )
    )


def _insert_batches(session: Session, mailing: Mailing) -> int:
    """The batches, and batch 0, already done, that counts those who were left out."""
    counted = session.execute(
        select(Delivery.reason, func.count()).where(Delivery.mailing_id == mailing.id).group_by(Delivery.reason)
    )
    by_reason = dict(counted.all())
    reached = by_reason.pop(None, 0)
    size = settings().batch_size
    rows = [
        {
            "mailing_id": mailing.id,
            "number": first // size + 1,
            "first_seq": first + 1,
            "last_seq": min(first + size, reached),
            "state": "open",
            "counts": {State.queued: min(size, reached - first)},
        }
        for first in range(0, reached, size)
    ]
    left_out = {counted_as(State.skipped, reason): number for reason, number in by_reason.items()}
    rows.append(
        {
            "mailing_id": mailing.id,
            "number": 0,
            "first_seq": reached + 1,
            "last_seq": reached + sum(by_reason.values()),
            "state": "done",
            "counts": left_out,
        }
    )
    session.execute(insert(Batch), rows)
    return len(rows) - 1
