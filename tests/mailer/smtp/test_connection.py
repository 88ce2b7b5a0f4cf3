import socket
import threading

import pytest

from config.errors import Refused, Unavailable
from config.settings import RelayUrl
from mailer.smtp.connection import open_connection
from mailer.smtp.errors import RelayRefused, RelayUnavailable
from tests.certificates import Authority
from tests.mailer.smtp.conftest import Certificate
from tests.mailer.smtp.notes import deliver, messages, relay_of
from tests.receiver import Receiver, Say, Script, Session
from tests.servers import free_port

AWAY = "127.1"
"""Reaches this machine by a name that does not look like it: everything that holds for a relay far away."""


class Greets(Script):
    def __init__(self, greeting: str) -> None:
        self.greeting = greeting

    def on_connect(self, session: Session) -> Say | None:
        return Say(self.greeting)


@pytest.fixture
def trusted(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    return certificate


def opened(
    receiver: Receiver, query: str = "", host: str = "127.0.0.1", user: str = "", scheme: str = "smtp"
) -> Session:
    """Open and close a connection; the session as the server saw it."""
    url = f"{scheme}://{user}{host}:{receiver.port}{query}"
    connection = open_connection(RelayUrl(url), connect_timeout=5, answer_timeout=5)
    assert connection.socket.getblocking() is False
    connection.socket.close()
    return receiver.sessions[-1]


def test_the_extensions_are_what_the_server_said() -> None:
    with Receiver(pipelining=True, size=5000) as receiver:
        connection = open_connection(relay_of(receiver))
        connection.socket.close()
        offered = connection.extensions
        assert (offered.pipelining, offered.size, offered.smtputf8, offered.eightbitmime) == (True, 5000, True, True)
    with Receiver(pipelining=False, smtputf8=False, eightbitmime=False, size=None) as receiver:
        connection = open_connection(relay_of(receiver))
        connection.socket.close()
        offered = connection.extensions
        assert (offered.pipelining, offered.size, offered.smtputf8, offered.eightbitmime) == (False, None, False, False)


def test_a_size_beyond_all_numbers_is_no_limit() -> None:
    class Boundless(Script):
        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            return Say("250-x\r\n250 SIZE 18446744073709551615") if verb == "EHLO" else None

    with Receiver(Boundless()) as receiver:
        connection = open_connection(relay_of(receiver))
        connection.socket.close()
        assert connection.extensions.size == 0


def test_control_characters_in_a_refusal_become_spaces() -> None:
    with Receiver(Greets("554 go\0 \x1b[31maway")) as receiver, pytest.raises(RelayRefused, match=r"554 go \[31maway"):
        opened(receiver)


def test_a_challenge_that_is_none_is_the_relays_trouble() -> None:
    class Chats(Script):
        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            return {"EHLO": Say("250-x\r\n250 AUTH LOGIN"), "AUTH": Say("334 Enter password")}.get(verb)

    with Receiver(Chats()) as receiver, pytest.raises(RelayUnavailable, match="cannot be understood"):
        opened(receiver, user="desk:secret@")


def test_a_server_of_before_ehlo() -> None:
    class Old(Script):
        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            return Say("502 what?") if verb == "EHLO" else None

    with Receiver(Old()) as receiver:
        notes, _ = deliver(receiver, messages(3))
        assert notes.codes() == {0: 250, 1: 250, 2: 250}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_not_encrypted_unasked(certificate: Certificate, host: str) -> None:
    with Receiver(starttls=certificate.server) as receiver:
        assert not opened(receiver, host=host).secure


def test_far_away_encryption_is_taken_where_offered_whoever_vouches(certificate: Certificate) -> None:
    with Receiver(starttls=certificate.server) as receiver:
        assert opened(receiver, host=AWAY).secure
        assert not opened(receiver, "?tls=none", host=AWAY).secure
    with Receiver() as receiver:
        assert not opened(receiver, host=AWAY).secure


def test_an_offer_of_encryption_that_is_withdrawn() -> None:
    class Withdraws(Script):
        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            return {"EHLO": Say("250-x\r\n250 STARTTLS"), "STARTTLS": Say("454 not now")}.get(verb)

    with Receiver(Withdraws()) as receiver:
        assert not opened(receiver, host=AWAY).secure
        with pytest.raises(RelayUnavailable, match="454 not now"):
            opened(receiver, "?tls=starttls", host=AWAY)


def test_asked_for_encryption_needs_a_good_certificate(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver(starttls=certificate.server) as receiver:
        with pytest.raises(RelayRefused, match="certificate is not valid"):
            opened(receiver, "?tls=starttls", host="localhost")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
        assert opened(receiver, "?tls=starttls", host="localhost").secure
        with pytest.raises(
            RelayRefused, match=r"not valid for 127\.1.*; correct it in BROADSIDE_SMTP_URL: the host by"
        ):
            opened(receiver, "?tls=starttls", host=AWAY)


def test_a_certificate_that_has_expired(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with Receiver(implicit_tls=authority.issue("localhost", days=-1).context()) as receiver:
        with pytest.raises(RelayRefused, match=r"certificate has expired; it has to be renewed on the relay") as caught:
            opened(receiver, host="localhost", scheme="smtps")
        assert f"relay localhost:{receiver.port}" in str(caught.value)


def test_encryption_from_the_first_byte_where_there_is_none() -> None:
    with (
        Receiver() as receiver,
        pytest.raises(RelayUnavailable, match=r"no encrypted connection.*wrong version number"),
    ):
        opened(receiver, host="localhost", scheme="smtps")


def test_asked_for_encryption_and_there_is_none() -> None:
    with Receiver() as receiver, pytest.raises(RelayRefused, match="offers no STARTTLS"):
        opened(receiver, "?tls=starttls")


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
@pytest.mark.parametrize("pipelining", [True, False])
def test_mail_through_tls(trusted: Certificate, mode: str, pipelining: bool) -> None:
    tls = {"starttls": trusted.server} if mode == "starttls" else {"implicit_tls": trusted.server}
    with Receiver(pipelining=pipelining, **tls) as receiver:
        query, scheme = ("?tls=starttls", "smtp") if mode == "starttls" else ("", "smtps")
        relay = relay_of(receiver, query, host="localhost", scheme=scheme)
        notes, _ = deliver(receiver, [*messages(30, 40_000), *messages(33, 700_000)[30:]], relay=relay)
        assert len(receiver.messages) == 33
        assert set(notes.codes().values()) == {250}
        assert all(session.secure for session in receiver.sessions)


def test_log_in() -> None:
    with Receiver(auth=("press", "s3cret word")) as receiver:
        relay = RelayUrl(f"smtp://press:s3cret%20word@127.0.0.1:{receiver.port}")
        notes, _ = deliver(receiver, messages(2), relay=relay)
        assert notes.codes() == {0: 250, 1: 250}
        with pytest.raises(RelayRefused, match="does not accept the user name and password: 535") as caught:
            opened(receiver, user="press:wrong@")
        assert "wrong@" not in str(caught.value)
    with Receiver(auth=("press", "word")) as receiver:
        relay = RelayUrl(f"smtp://press:wrong@127.0.0.1:{receiver.port}")
        notes, outcome = deliver(receiver, messages(3), relay=relay)
        assert isinstance(outcome.relay_error, RelayRefused)
        assert not notes.verdicts
    with Receiver() as receiver, pytest.raises(RelayRefused, match="offers no log-in"):
        opened(receiver, user="press:word@")


def test_a_log_in_that_fails_for_a_while_may_be_tried_again() -> None:
    class Busy(Script):
        def on_command(self, session: Session, verb: str, argument: str) -> Say | None:
            return Say("454 4.7.0 the directory is down") if verb == "AUTH" else None

    with Receiver(Busy(), auth=("press", "word")) as receiver, pytest.raises(RelayUnavailable, match="directory"):
        opened(receiver, user="press:word@")


def test_a_password_never_leaves_in_the_clear(trusted: Certificate) -> None:
    with Receiver(auth=("press", "word")) as receiver:
        with pytest.raises(RelayRefused, match="never sent without encryption"):
            opened(receiver, "?tls=none", host=AWAY, user="press:word@")
        with pytest.raises(RelayRefused, match="offers no STARTTLS"):
            opened(receiver, host=AWAY, user="press:word@")
        assert not any(command.startswith("AUTH") for session in receiver.sessions for command in session.commands)
    with Receiver(auth=("press", "word"), starttls=trusted.server) as receiver:
        with pytest.raises(RelayRefused, match="certificate"):  # encrypted, but to whom?
            opened(receiver, host=AWAY, user="press:word@")
        assert not any(command.startswith("AUTH") for session in receiver.sessions for command in session.commands)
        assert opened(receiver, "?tls=starttls", host="localhost", user="press:word@").authenticated


@pytest.mark.parametrize(
    ("greeting", "kind", "words"),
    [
        ("554 5.7.1 go away, press@example.org", RelayRefused, "554 5.7.1 go away, <address>"),
        ("421 4.3.2 full", RelayUnavailable, "421 4.3.2 full"),
        ("what?", RelayUnavailable, "does not take mail now"),
    ],
)
def test_greetings(greeting: str, kind: type[Exception], words: str) -> None:
    with Receiver(Greets(greeting)) as receiver, pytest.raises(kind, match=words) as caught:
        opened(receiver)
    assert f"127.0.0.1:{receiver.port}" in str(caught.value)
    assert isinstance(caught.value, Refused if kind is RelayRefused else Unavailable)


def test_nobody_there() -> None:
    with pytest.raises(RelayUnavailable, match=r"cannot be reached: Connection refused"):
        open_connection(RelayUrl(f"smtp://127.0.0.1:{free_port()}"))
    with pytest.raises(RelayUnavailable, match=r"cannot be reached: .*; is the host's name right\?"):
        open_connection(RelayUrl("smtp://relay.invalid"))


def test_a_server_that_says_nothing() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        relay = RelayUrl(f"smtp://127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(RelayUnavailable):
            open_connection(relay, connect_timeout=5, answer_timeout=0.2)


def test_a_server_that_hangs_up_or_speaks_out_of_turn() -> None:
    def serve(listener: socket.socket, *said: bytes) -> None:
        for words in said:
            link, _ = listener.accept()
            with link:
                link.sendall(words)
                link.recv(1000)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        relay = RelayUrl(f"smtp://127.0.0.1:{listener.getsockname()[1]}")
        said = (b"220 hello\r\n", b"220 hello\r\n250 early\r\n421 4.3.2 shutting down\r\n")
        server = threading.Thread(target=serve, args=(listener, *said))
        server.start()
        with pytest.raises(RelayUnavailable, match="closed the connection"):
            open_connection(relay, answer_timeout=5)
        with pytest.raises(RelayUnavailable, match="shutting down"):
            open_connection(relay, answer_timeout=5)
        server.join()
