"""Every message of a run of ten thousand, as a receiver got it, against the oracle.

The demo's op-ed to the demo's people, through real workers, Redis and SMTP. What each person should have got is
rendered by plain Jinja, put together by the standard library's `email`, and compared by its parser.
"""

import csv
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from jinja2 import Template
from sqlalchemy import select

import cli.demo_content
from cli.demo_content.people import COLUMNS, people
from config.database import reading, transaction
from mailer import control
from mailer.folder import import_folder
from mailer.house import import_house
from mailer.ledger.models import Delivery
from mailer.models import Edition, Mailing, MailingEdition, Media
from mailer.plan.compiled import CompiledEdition
from mailer.recipient import Recipient
from mailer.render.personal import context, environment
from mailer.stamps import Stamps
from subscribers.importing import import_file
from subscribers.lists import create_list
from subscribers.models import Basis, Subscriber
from tests import oracle
from tests.press import mailing_state, set_up, states
from tests.receiver import ReceiverProcess, stored
from tests.receiver_session import Received
from tests.workers import Workers, wait_until

PEOPLE = 10_000
CONTENT = Path(cli.demo_content.__file__).parent
MUST_HAVE = (
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version", "List-Id", "List-Unsubscribe",
    "List-Unsubscribe-Post", "List-Help", "List-Owner", "Feedback-ID", "Content-Language",
)  # fmt: skip


def test_every_message_is_what_it_should_be(
    redis_server: str,
    request: pytest.FixtureRequest,
    environment: object,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from config.migrate import upgrade

    with ReceiverProcess(tmp_path / "store") as receiver:
        set_up(
            monkeypatch,
            redis_url=redis_server,
            public_url="https://press.impala.example",
            smtp_url=f"smtp://127.0.0.1:{receiver.port}?tls=none",
        )
        upgrade()
        mailing_id = _send_to_everybody(tmp_path)
        with Workers(2):
            wait_until(lambda: mailing_state(mailing_id) == "finished")
    assert states(mailing_id) == {"sent": PEOPLE}
    with ProcessPoolExecutor(os.cpu_count(), initializer=os.environ.update, initargs=(dict(os.environ),)) as pool:
        judged = pool.map(_judge, [(tmp_path / "store", mailing_id, part) for part in range(PARTS)])
        seen, wrong = Counter[str](), list[str]()
        for got, found in judged:
            seen += got
            wrong += found
    assert not wrong, wrong[:3]
    assert len(seen) == PEOPLE
    assert set(seen.values()) == {1}


PARTS = 20


def _send_to_everybody(folder: Path) -> int:
    with (folder / "people.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(people(PEOPLE))
    with transaction() as session:
        import_house(session, CONTENT / "house.yaml")
        for name in ("members", "press", "policy"):
            create_list(session, name, f"IMPALA: {name}")
    counts = import_file(folder / "people.csv", "members", Basis.membership, "the demo's invented members")
    assert counts["created"] == PEOPLE
    with transaction() as session:
        mailing = import_folder(session, CONTENT / "value-gap")
        control.send(session, mailing)
        return mailing.id


@dataclass(frozen=True)
class Sent:
    """What the judges need of the mailing, read once a process."""

    editions: dict[int, CompiledEdition]
    languages: dict[str, int]
    media: dict[str, bytes]
    stamps: Stamps
    deliveries: dict[str, tuple[int, int, int, str, Recipient]]


@cache
def _sent(mailing_id: int) -> Sent:
    with reading() as session:
        mailing = session.get_one(Mailing, mailing_id)
        rows = session.execute(
            select(MailingEdition.language, Edition.id, Edition.compiled)
            .join(Edition, Edition.id == MailingEdition.edition_id)
            .where(MailingEdition.mailing_id == mailing_id)
        ).all()
        deliveries = session.execute(
            select(Delivery.seq, Delivery.list_id, Delivery.edition_id, Subscriber)
            .join(Subscriber, Subscriber.id == Delivery.subscriber_id)
            .where(Delivery.mailing_id == mailing_id)
        )
        fields = Recipient._fields
        return Sent(
            {row.id: CompiledEdition.model_validate(row.compiled) for row in rows},
            {row.language: row.id for row in rows},
            {media.hash: media.content for media in session.scalars(select(Media))},
            Stamps(session, mailing),
            {
                person.email: (
                    seq,
                    list_id,
                    edition_id,
                    person.public_id,
                    Recipient(**{f: getattr(person, f) for f in fields}),
                )
                for seq, list_id, edition_id, person in deliveries
            },
        )


def _judge(job: tuple[Path, int, int]) -> tuple[Counter[str], list[str]]:
    store, mailing_id, part = job
    sent = _sent(mailing_id)
    seen: Counter[str] = Counter()
    wrong: list[str] = []
    for message in islice(stored(store), part, None, PARTS):
        seen[message.rcpt] += 1
        wrong += [f"{message.rcpt}: {fault}" for fault in _faults(message, sent)]
    return seen, wrong


def _faults(message: Received, sent: Sent) -> Iterator[str]:
    raw = message.content
    seq, list_id, edition_id, public_id, recipient = sent.deliveries[message.rcpt]
    if edition_id != sent.languages[_language_by_hand(recipient)]:
        yield "the edition"
    if raw.count(b"\n") != raw.count(b"\r\n") or raw.count(b"\r") != raw.count(b"\r\n"):
        yield "a bare LF or CR"
    if max(map(len, raw.split(b"\r\n"))) > 998:
        yield "a line over 998 octets"
    head = raw.partition(b"\r\n\r\n")[0].decode()
    names = Counter(line.partition(":")[0] for line in head.split("\r\n") if line[:1] not in " \t")
    yield from (f"{names[name]} {name}" for name in MUST_HAVE if names[name] != 1)
    if "Auto-Submitted" in names:
        yield "Auto-Submitted"
    date = next(line for line in head.split("\r\n") if line.startswith("Date: ")).removeprefix("Date: ")
    edition = sent.editions[edition_id]
    stamp = sent.stamps.stamp(seq, public_id, list_id, edition.language, date)
    if message.mail_from != stamp.return_path:
        yield "the return path"
    values = context(recipient, unsubscribe_url=stamp.unsubscribe_url, list_title=stamp.of_list.title)
    subject, text, html = (template.render(values) for template in _plain(edition))
    expected = oracle.build(edition, recipient, stamp, sent.media, subject=subject, text=text, html=html)
    yield from oracle.differences(raw, expected)


@cache
def _plain(edition: CompiledEdition) -> list[Template]:
    jinja = environment(edition.language)
    return [jinja.from_string(source) for source in (edition.subject, edition.text, edition.html)]


def _language_by_hand(recipient: Recipient) -> str:
    """The rule in other words: the first of their languages that is written, their country's only one, else English."""
    for language in recipient.languages:
        if language.partition("-")[0] in ("en", "fr", "ar"):
            return language.partition("-")[0]
    only = {"FR": "fr", "GB": "en", "US": "en", "EG": "ar", "JO": "ar", "LB": "ar", "TN": "ar"}
    return only.get(recipient.country, "en")
