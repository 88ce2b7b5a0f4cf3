"""The fleet against the mail servers that relays run: Postfix, its smtp-sink, Exim, OpenSMTPD."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email import message_from_bytes

import pytest

from config.settings import RelayUrl
from mailer.plan.message import MessagePlan
from mailer.smtp.envelope import Envelope
from mailer.smtp.fleet import Fleet
from tests.certificates import Authority
from tests.mail_servers import ground
from tests.mail_servers.exim import exim
from tests.mail_servers.offers import ALL_OFFERS, DOMAIN, PASSWORD, USER, MailServer, Offer
from tests.mail_servers.opensmtpd import opensmtpd
from tests.mail_servers.postfix import postfix
from tests.mail_servers.smtp_sink import smtp_sink
from tests.mailer.plan.editions import DOCUMENT, MEDIA, PICTURE, STAMP, ZOE, edition, media_ref
from tests.mailer.smtp.notes import Notes
from tests.workers import wait_until

SERVERS = {"postfix": postfix, "exim": exim, "smtp-sink": smtp_sink, "opensmtpd": opensmtpd}
OFFERS = {
    "postfix": ALL_OFFERS,
    "exim": ALL_OFFERS,
    "smtp-sink": (Offer(), Offer(pipelining=False)),
    "opensmtpd": (Offer(pipelining=False),),
}
NOBODY = {
    "postfix": "5.1.1 <nobody{0}@example.org>: Recipient address rejected: User unknown in virtual mailbox table",
    "exim": "no such reader",
    "opensmtpd": "Invalid recipient: <nobody{0}@example.org>",
}
"""What each says to a recipient it refuses; smtp-sink takes everybody."""
TRACE = {"received", "return-path", "delivered-to", "x-original-to", "envelope-to"}
"""Fields that a server may put in front, with smtp-sink's, which begin with `X-`."""
COUNT, FEW = 300, 50
"""Messages of a mailing to the first and the last of a server's offers, and to the others."""


@pytest.fixture(scope="module")
def standing(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], MailServer]]:
    """A server by its name, started at first use; in the end nothing may have arrived twice."""
    if reason := ground.missing():
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    running: dict[str, MailServer] = {}
    certified = authority.issue("localhost")
    with ExitStack() as stack:

        def start(name: str) -> MailServer:
            if name not in running:
                folder = tmp_path_factory.mktemp(name)
                running[name] = stack.enter_context(SERVERS[name](folder, certified))
            return running[name]

        yield start
        for name, server in running.items():
            arrived = Counter(message_from_bytes(got)["Message-ID"] for got in server.delivered())
            assert set(arrived.values()) <= {1}, name


def mailing(mark: str, count: int) -> list[Envelope]:
    """A mailing: every tenth reader is nobody, every 25th writes their address in UTF-8, some get attachments."""
    picture, document = media_ref(PICTURE, "image/png", "a.png", "a@x"), media_ref(DOCUMENT, "application/pdf", "a.pdf")
    plain, full = (
        MessagePlan(edition(), MEDIA),
        MessagePlan(edition(pictures=(picture,), attachments=(document,)), MEDIA),
    )
    envelopes = []
    for number in range(count):
        name = "nobody" if number % 10 == 9 else "zoë" if number % 25 == 0 else "reader"
        person = ZOE._replace(email=f"{name}{number}@{DOMAIN}", first_name=f"Reader {number}\n.\r\n..", role="member")
        return_path = f"b-{number}@bounce.example.com"
        stamp = STAMP._replace(message_id=f"<{mark}.{number}@lists.example.org>", return_path=return_path)
        content = (full if number % 7 == 0 else plain).pieces(person, stamp)
        envelopes.append(Envelope(number, return_path, person.email, content))
    return envelopes


@pytest.mark.parametrize(
    ("name", "offer"), [pytest.param(name, offer, id=f"{name}-{offer}") for name in SERVERS for offer in OFFERS[name]]
)
def test_a_mailing_arrives_once_as_it_was_sent(
    name: str,
    offer: Offer,
    standing: Callable[[str], MailServer],
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = standing(name)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    port = server.ports[offer]
    login = f"{USER}:{PASSWORD}@" if offer.auth else ""
    relay = RelayUrl(f"smtp://{login}localhost:{port}?tls={'starttls' if offer.starttls else 'none'}")
    count = FEW if offer in OFFERS[name][1:-1] else COUNT
    envelopes, notes, fleet = mailing(str(port), count), Notes(), Fleet(relay, 4)
    outcome = fleet.run(iter(envelopes), notes)
    offered = fleet._crew.lanes[0].conversation.extensions
    fleet.close()
    assert (offered.pipelining, offered.smtputf8) == (offer.pipelining, offer.smtputf8)
    assert (outcome.not_begun, outcome.unknown, outcome.relay_error) == ([], [], None)

    expected: dict[str, Envelope] = {}
    for envelope in envelopes:
        code, words = notes.verdicts[envelope.key]
        if envelope.recipient.startswith("nobody") and name in NOBODY:
            assert (code, words) == (550, NOBODY[name].format(envelope.key))
        elif not envelope.recipient.isascii() and not offer.smtputf8:
            assert (code, words[:5]) == (553, "5.6.7")
        else:
            assert code == 250, words
            expected[message_from_bytes(envelope.content)["Message-ID"]] = envelope

    def arrived() -> list[bytes]:
        return [got for got in server.delivered() if mark.search(got)]

    def whole(got: bytes) -> bool:
        return got.endswith(expected[message_from_bytes(got)["Message-ID"]].content.replace(b"\r\n", b"\n"))

    mark = re.compile(rb"^Message-ID: <%d\." % port, re.MULTILINE)
    wait_until(lambda: sum(map(whole, arrived())) >= len(expected), 60)
    for got in arrived():
        envelope = expected.pop(message_from_bytes(got)["Message-ID"])
        trace = got.removesuffix(envelope.content.replace(b"\r\n", b"\n"))
        assert {field.lower() for field in message_from_bytes(trace) if not field.startswith("X-")} <= TRACE
        assert envelope.return_path.encode() in trace
        assert envelope.recipient.encode() in trace


def test_a_server_that_wants_encryption_first_refuses_nobody(standing: Callable[[str], MailServer]) -> None:
    port = standing("postfix").ports[Offer(starttls=True)]
    notes, fleet = Notes(), Fleet(RelayUrl(f"smtp://localhost:{port}?tls=none"), 4)
    outcome = fleet.run(iter(mailing(str(port), 20)[1:]), notes)
    fleet.close()
    assert not notes.verdicts
    assert "530 5.7.0 Must issue a STARTTLS command first" in str(outcome.relay_error)
