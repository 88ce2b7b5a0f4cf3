"""A small press office for the tests: lists, people, an op-ed in two languages, and the steps of a send."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from config.bulk import refresh_statistics
from config.database import engine, reading, transaction
from config.keys import address_hash
from config.settings import settings
from mailer import control, lifecycle
from mailer.folder import import_folder
from mailer.freeze import freeze
from mailer.ledger import recovery, reports
from mailer.ledger.deferrals import regroup_due
from mailer.ledger.models import Batch, Delivery
from mailer.models import Mailing, MailingState, Relay
from mailer.sending import send_batch
from subscribers.chunks import CHUNK
from subscribers.lists import create_list
from subscribers.models import Basis, List, Organisation, Standing, Subscriber, Subscription
from tasks.housekeeping import settle_cancelled
from tests.conftest import forget

MAILING = """\
kind: op-ed
name: Value gap
from: IMPALA <press@impala.example>
reply_to: press@impala.example
audience: {lists: [members, press]}
default_language: en
"""
ENGLISH = """\
---
subject: "Op-ed: a fair deal for {{ first_name or 'everybody' }}"
preheader: Why it matters
headline: Closing the value gap
standfirst: Music has a price.
author: {name: IMPALA, role: Secretariat}
---
Dear {{ first_name or "colleague" }},

Music moves Europe. Read [our page](https://impala.example/value-gap).

{% if role == "journalist" %}

You may print this text.

{% endif %}

Thank you.
"""
FRENCH = """\
---
subject: "Tribune : un partage équitable pour {{ first_name or 'tous' }}"
preheader: Pourquoi c'est important
headline: Combler l'écart de valeur
standfirst: La musique a un prix.
author: {name: IMPALA, role: Secrétariat}
---
Bonjour {{ first_name or "chère collègue, cher collègue" }},

La musique fait vivre l'Europe. Voyez [notre page](https://impala.example/value-gap).

Merci.
"""
FIRST_NAMES = ("Anna", "Zoë", "", "Łukasz", "Ελένη", "O'Brien", "Jean-Luc")


def write_folder(folder: Path, **changes: str) -> Path:
    """An op-ed's folder; `changes` replaces or adds files by name with dots as underscores: en_md="..."."""
    files = {"mailing.yaml": MAILING, "en.md": ENGLISH, "fr.md": FRENCH}
    files.update({name.replace("_", "."): text for name, text in changes.items()})
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def people(count: int) -> list[dict[str, object]]:
    """Rows for the subscriber table: reader1@example.org ..., every third reads French."""
    rows: list[dict[str, object]] = []
    for number in range(1, count + 1):
        email = f"reader{number}@example.org"
        rows.append(
            {
                "public_id": f"{number:020x}",
                "email": email,
                "email_key": email,
                "address_hash": address_hash(email),
                "first_name": FIRST_NAMES[number % len(FIRST_NAMES)],
                "last_name": f"Reader {number}",
                "languages": ("fr", "en") if number % 3 == 0 else ("en",),
                "country": "BE",
                "time_zone": "Europe/Brussels",
                "role": "journalist" if number % 5 == 0 else "member",
                "organisation": "",
                "topics": (),
                "attributes": {},
            }
        )
    return rows


def open_office(count: int) -> None:
    """Two lists and `count` people: all are members, the journalists are on the press list as well."""
    with transaction() as session:
        create_list(session, "members", "Members")
        create_list(session, "press", "Press")
        rows = people(count)
        session.execute(insert(Subscriber), rows)
    with transaction() as session:
        lists = dict(session.execute(select(List.name, List.id)).all())
        readers = session.execute(select(Subscriber.id, Subscriber.role)).all()
        session.execute(
            insert(Subscription),
            [
                {
                    "subscriber_id": number,
                    "list_id": lists[name],
                    "standing": Standing.confirmed,
                    "basis": Basis.membership,
                }
                for number, role in readers
                for name in (["members", "press"] if role == "journalist" else ["members"])
            ],
        )
        if count >= CHUNK:  # as an import of so many would
            refresh_statistics(session, Subscriber, Subscription)


def send_mailing(folder: Path) -> int:
    """Import a folder and say "send"; its id. Nothing is sent until somebody works."""
    with transaction() as session:
        mailing = import_folder(session, folder)
        control.send(session, mailing)
        return mailing.id


def frozen(folder: Path) -> int:
    """An op-ed in a folder below this one, its audience written down and nothing sent; its id."""
    mailing_id = send_mailing(write_folder(folder / "value-gap"))
    freeze(mailing_id)
    return mailing_id


def sent_before(number: int, readers: int) -> None:
    """A mailing that was sent to so many, as the ledger has it."""
    with transaction() as session:
        office = session.scalars(select(Organisation)).one()
        sent = Mailing(name=f"m{number}", title="M", kind="op-ed", sender="a@b.example", audience={})
        sent.organisation_id, sent.default_language, sent.state = office.id, "en", MailingState.finished
        session.add(sent)
        session.flush()
        batch = {"number": 1, "first_seq": 1, "last_seq": readers, "state": "done", "counts": {"sent": readers}}
        session.add(Batch(mailing_id=sent.id, **batch))


@contextmanager
def grace_over() -> Iterator[None]:
    """As if this process had seen the leases that are over now for the whole grace."""
    with patch.dict(recovery._first_seen, clear=True):
        recovery.expire_claims()
        with patch.object(recovery, "monotonic", lambda: time.monotonic() + settings().lease_seconds):
            yield


def claims_expire() -> list[recovery.Recovered]:
    """What expire_claims ends of the leases that are over, their grace too."""
    with grace_over():
        return recovery.expire_claims()


def mailing_state(mailing_id: int) -> str:
    """The state as the database has it."""
    with reading() as session:
        return str(session.get_one(Mailing, mailing_id).state)


def set_up(monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    """Change settings for the rest of the test."""
    for name, value in values.items():
        monkeypatch.setenv(f"BROADSIDE_{name.upper()}", str(value))
    forget()


def work(rounds: int = 100) -> None:
    """Do by hand what a worker does, in this process: what is due, then every open batch, until nothing is open."""
    for mailing_id in lifecycle.due_mailings():
        freeze(mailing_id)
    for _ in range(rounds):
        regroup_due()
        with reading() as session:
            rows = session.execute(
                select(Batch.mailing_id, Batch.number)
                .join(Mailing, Mailing.id == Batch.mailing_id)
                .where(Batch.state == "open", Mailing.state == MailingState.sending)
            ).all()
        if not rows:
            settle_cancelled()
            with transaction() as session:
                for mailing_id in session.scalars(select(Mailing.id)).all():
                    lifecycle.finish(session, mailing_id)
            return
        for mailing_id, number in rows:
            send_batch(mailing_id, number)
    raise AssertionError("the work has no end")


def their_time_comes() -> None:
    """Relays that are left alone are tried again, and what is deferred is due."""
    with transaction() as session:
        session.execute(update(Relay).values(down_until=None))
        session.execute(update(Delivery).where(Delivery.retry_at.is_not(None)).values(retry_at=datetime.now(UTC)))
        session.execute(update(Batch).where(Batch.due_at.is_not(None)).values(due_at=datetime.now(UTC)))


def ledger(mailing_id: int) -> dict[str, tuple[str, str]]:
    """{address: (state, reply)} of all deliveries; asserts on the way that the batches count what the rows say."""
    # Both from one moment: a reader of SQLite has that anyway.
    options = {"read_only": True} if engine().dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with Session(engine().execution_options(**options)) as session:
        mailing = session.get_one(Mailing, mailing_id)
        rows = list(reports.deliveries(session, mailing))
        counted = reports.counts(session, mailing_id)
    by_state = Counter(row["state"] if row["state"] != "skipped" else f"skipped:{row['reason']}" for row in rows)
    assert by_state == counted
    return {row["email"]: (row["state"], row["reply"]) for row in rows}


def states(mailing_id: int) -> Counter[str]:
    """How many deliveries are in each state."""
    return Counter(state for state, _ in ledger(mailing_id).values())
