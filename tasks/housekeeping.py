"""What is done every few seconds, by whoever comes first: the database says what is due, however old."""

import logging
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError

from config import garbage, trouble
from config.database import database_time, in_seconds, reading, transaction
from mailer import lifecycle
from mailer.ledger import deferrals, recovery, witness
from mailer.ledger.models import PeriodicRun
from mailer.models import Mailing, MailingState
from tasks.app import app
from tasks.delivery import hint, hint_forgotten, hint_mailing
from tasks.queues import HOUSEKEEPING

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between looks for work."""

app.conf.beat_schedule = {
    "look for work": {"task": "look_for_work", "schedule": LOOK_EVERY, "options": {"queue": HOUSEKEEPING}},
}


@app.task(name="look_for_work")
def look_for_work(now: bool = False, mailing_id: int | None = None) -> None:
    """Do what is due. `now`: a person waits for it, for that mailing, so it does not matter when it was last done."""
    if not now and not my_turn("look_for_work", LOOK_EVERY / 2):
        return
    do_what_is_due()
    if mailing_id is not None:
        hint_mailing(mailing_id)


def do_what_is_due() -> None:
    """Freeze, recover, regroup, settle what was cancelled, finish, and hint at what nobody holds.

    Nothing of it in a database that went back in time: a mailing that it takes for unsent must not be frozen again,
    nor a claim be ended whose recorder was laid aside long ago.
    """
    # What compiles editions takes 30 MB, and this task's name alone is all that beat and the senders need of it.
    from mailer.freeze import freeze  # noqa: PLC0415

    witness.ask()
    for mailing_id in lifecycle.due_mailings():
        try:
            if freeze(mailing_id):
                hint_mailing(mailing_id)
        except Exception:  # also trouble of the database: one mailing alone may be too much for it
            log.exception("mailing %d cannot be frozen", mailing_id)
        garbage.give_back()  # each parsed style sheet is a knot of objects: those of a few mailings would wait together
    recovered = recovery.recover_host() + recovery.expire_claims()
    made = deferrals.regroup_due()
    settle_cancelled()
    _finish_what_is_done()
    hint([(one.mailing_id, one.batch) for one in recovered] + made)
    hint_forgotten()


def my_turn(task: str, every: float) -> bool:
    """True for one caller in `every` seconds, by the database's clock: beat may run several times."""
    try:
        with transaction() as session:
            now: datetime = database_time(session)
            last = session.scalar(select(PeriodicRun.last_run).where(PeriodicRun.task == task))
            if last is None:
                session.add(PeriodicRun(task=task, last_run=now))
                return True
            last_run = PeriodicRun.last_run
            # Since then, as it seems: less than `every` ahead is one who asked after this `now` and was faster.
            put_back = last_run > in_seconds(now, every)
            taken = session.execute(
                update(PeriodicRun)
                .where(PeriodicRun.task == task, or_(last_run <= in_seconds(now, -every), put_back))
                .values(last_run=now)
                .returning(PeriodicRun.task)
            ).first()
            return taken is not None
    except IntegrityError:
        return False  # another made the row in this moment


def settle_cancelled() -> None:
    """Turn what cancelled mailings had not begun into `skipped`, in transactions that keep nobody waiting."""
    for mailing_id in lifecycle.cancelled_mailings():
        with trouble.keeps_no_other_waiting(log, "mailing %d cannot be settled", mailing_id):
            more = True
            while more:
                with transaction() as session:
                    more = lifecycle.skip_cancelled(session, mailing_id)


def _finish_what_is_done() -> None:
    with reading() as session:
        sending = session.scalars(select(Mailing.id).where(Mailing.state == MailingState.sending)).all()
    for mailing_id in sending:
        with (
            trouble.keeps_no_other_waiting(log, "mailing %d cannot be finished", mailing_id),
            transaction() as session,
        ):
            lifecycle.finish(session, mailing_id)
