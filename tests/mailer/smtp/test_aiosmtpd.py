"""The fleet against somebody else's server: no PIPELINING there, but SMTPUTF8, SIZE, STARTTLS and AUTH."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from aiosmtpd.smtp import Envelope as Taken

from config.settings import RelayUrl
from mailer.smtp.envelope import Envelope
from mailer.smtp.fleet import Fleet
from tests.mailer.smtp.conftest import Certificate
from tests.mailer.smtp.notes import Notes, message, messages
from tests.servers import free_port


class Keeps:
    """A handler; aiosmtpd finds its methods by name."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []

    async def handle_RCPT(  # noqa: N802  the name aiosmtpd looks for
        self, server: Any, session: Any, envelope: Taken, address: str, options: list[str]
    ) -> str:
        if address.startswith("person3@"):
            return "550 5.1.1 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Taken) -> str:  # noqa: N802  the name aiosmtpd looks for
        self.taken.append(envelope)
        return "250 2.0.0 kept"


@contextmanager
def serving(**options: Any) -> Iterator[tuple[int, Keeps]]:
    handler = Keeps()
    controller = Controller(handler, "127.0.0.1", free_port(), enable_SMTPUTF8=True, **options)
    controller.start()
    try:
        yield controller.port, handler
    finally:
        controller.stop()


def test_the_same_bytes_arrive() -> None:
    envelopes = [*messages(20, 2000), message(20, 300_000), message(21, 3_000_000)]
    envelopes[7] = Envelope(
        7, "b7@bounce.example.org", "zoë@münchen.example", (b"To: zo\xc3\xab\r\n", b"\r\nHello.\r\n")
    )
    with serving() as (port, handler):
        notes, fleet = Notes(), Fleet(RelayUrl(f"smtp://127.0.0.1:{port}"), 2)
        outcome = fleet.run(iter(envelopes), notes)
        fleet.close()
    assert notes.codes() == dict.fromkeys(range(22), 250) | {3: 550}
    assert not outcome.unknown and not outcome.not_begun
    sent = {
        (e.return_path, e.recipient.replace("münchen", "xn--mnchen-3ya"), e.content) for e in envelopes if e.key != 3
    }
    assert {(taken.mail_from, taken.rcpt_tos[0], taken.content) for taken in handler.taken} == sent


def test_over_its_limit_it_is_not_even_asked() -> None:
    with serving(data_size_limit=10_000) as (port, handler):
        notes, fleet = Notes(), Fleet(RelayUrl(f"smtp://127.0.0.1:{port}"), 1)
        fleet.run(iter([message(1, 9000), message(2, 11_000)]), notes)
        fleet.close()
    assert notes.codes() == {1: 250, 2: 552}
    assert len(handler.taken) == 1


def test_encrypted_and_logged_in(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))

    def check(server: Any, session: Any, envelope: Taken, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"press", b"word"))

    options = {"require_starttls": True, "auth_required": True, "authenticator": check}
    with serving(tls_context=certificate.server, **options) as (port, handler):
        notes = Notes()
        fleet = Fleet(RelayUrl(f"smtp://press:word@localhost:{port}?tls=starttls"), 2)
        fleet.run(iter(messages(10, 50_000)), notes)
        fleet.close()
    assert len(handler.taken) == 9
    assert notes.codes() == dict.fromkeys(range(10), 250) | {3: 550}
