"""Opening a connection to a relay: the standard library greets, encrypts and logs in, then the socket is ours."""

import binascii
import smtplib
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from config.log import scrub
from config.settings import PREFIX, RelayUrl
from mailer.smtp.errors import RelayError, RelayRefused, RelayUnavailable
from mailer.smtp.replies import readable

CONNECT_TIMEOUT = 15.0
MANY_DIGITS = 19
"""Of a number that the database might not hold."""
GREETING_TIMEOUT = 300.0
"""Seconds for each answer until AUTH is done (RFC 5321, 4.5.3.2.1)."""


_CORRECT = f"correct it in {PREFIX}SMTP_URL"
_REMEDIES = {
    10: "it has to be renewed on the relay",
    62: f"{_CORRECT}: the host by the name that its certificate has",
    64: f"{_CORRECT}: the host by the name that its certificate has",
}
"""What to do about a certificate, by OpenSSL's X509_V_ERR_: has expired, names another host, another address."""


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the server offered in its answer to EHLO."""

    pipelining: bool = False
    size: int | None = None
    """Largest message in octets (RFC 1870); 0: it names no limit; None: SIZE is not offered."""
    smtputf8: bool = False
    eightbitmime: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection, ready for MAIL. The socket is non-blocking."""

    socket: socket.socket
    extensions: Extensions


class _Client(smtplib.SMTP):
    """smtplib with one time limit for connecting and another for answers, and TLS from the first byte on request."""

    def __init__(self, connect_timeout: float, answer_timeout: float, wrap: ssl.SSLContext | None) -> None:
        self._answer_timeout = answer_timeout
        self._wrap = wrap
        super().__init__(local_hostname="localhost", timeout=connect_timeout)  # says no name before EHLO

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self._host = host  # the name that STARTTLS checks the certificate against
        plain = socket.create_connection((host, port), timeout)
        try:
            plain.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
            )  # a burst's last segment must not wait for an ACK
            link = self._wrap.wrap_socket(plain, server_hostname=host) if self._wrap else plain
            link.settimeout(self._answer_timeout)
        except BaseException:
            plain.close()
            raise
        return link


def open_connection(
    relay: RelayUrl, *, connect_timeout: float = CONNECT_TIMEOUT, answer_timeout: float = GREETING_TIMEOUT
) -> Connection:
    """Connect to the relay, greet, encrypt and authenticate as its URL says (RFC 5321, 3207, 4954). Blocks.

    Without `?tls=` STARTTLS is taken where offered, except on loopback. Certificates are verified wherever TLS was
    asked for or a password is sent; a password never leaves this machine unencrypted.
    Raises RelayUnavailable or RelayRefused.
    """
    away = not relay.is_loopback
    secret = relay.username is not None
    if secret and away and relay.tls == "none":
        raise RelayRefused(f"relay {relay.name}: a password is never sent without encryption; remove ?tls=none")
    client = _Client(connect_timeout, answer_timeout, ssl.create_default_context() if relay.tls == "implicit" else None)
    try:
        _greet(client, relay)
        if relay.tls == "starttls" or (relay.tls is None and away):
            _encrypt(client, relay, verify=secret or relay.tls == "starttls")
        if secret:
            client.login(relay.username or "", relay.password or "")
        return _hand_over(client)
    except BaseException as error:
        client.close()
        if isinstance(error, Exception) and not isinstance(error, RelayError):
            raise _explain(error, relay) from None  # the original's text may hold an address or a password
        raise


def _greet(client: _Client, relay: RelayUrl) -> None:
    code, words = client.connect(relay.host, relay.port)
    if code != 220:
        raise smtplib.SMTPConnectError(code, words)
    assert client.sock is not None
    client.local_hostname = _own_name(client.sock, local=relay.is_loopback)
    client.ehlo_or_helo_if_needed()


def _encrypt(client: _Client, relay: RelayUrl, *, verify: bool) -> None:
    """STARTTLS (RFC 3207): required and verified, or opportunistic."""
    if not client.has_extn("starttls"):
        if not verify:
            return
        raise RelayRefused(f"relay {relay.name} offers no STARTTLS, and this relay needs encryption")
    try:
        # Reading this machine's certificates takes tens of milliseconds: only where they are needed.
        client.starttls(context=ssl.create_default_context() if verify else _unverified())
    except smtplib.SMTPResponseException:
        if verify:
            raise
        return  # it offered and then declined (454): an opportunist goes on in the clear
    client.ehlo_or_helo_if_needed()


@cache
def _unverified() -> ssl.SSLContext:
    """For opportunistic TLS: encryption without proof of identity is still better than none (RFC 7435)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def _host_name() -> str:
    return socket.getfqdn()


def _own_name(link: socket.socket, *, local: bool) -> str:
    """What to call ourselves in EHLO: the host's full name, else the address literal (RFC 5321, 4.1.3)."""
    if not local:
        name = _host_name()  # asks the resolver, which may take seconds: once a process, never for loopback
        if "." in name.strip(".") and name.isascii() and not name.endswith((".localdomain", ".arpa")):
            return name
    address = str(link.getsockname()[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _hand_over(client: _Client) -> Connection:
    features = client.esmtp_features
    limit = features.get("size")
    extensions = Extensions(
        pipelining="pipelining" in features,
        size=None if limit is None else _size(limit),
        smtputf8="smtputf8" in features,
        eightbitmime="8bitmime" in features,
    )
    link = client.sock
    assert link is not None
    link.setblocking(False)
    if client.file is not None:
        unasked = b""
        with suppress(OSError):  # nothing there: TLS says so by an error, a plain socket by an empty answer
            unasked = client.file.peek()
        client.file.close()
        if unasked:
            raise smtplib.SMTPResponseException(421, unasked[:200])
    client.sock = client.file = None
    return Connection(link, extensions)


def _size(limit: str) -> int:
    """The limit that SIZE announces, 0 for none: also one of 20 digits (RFC 1870, 3), which no message can reach."""
    return int(limit) if limit.isdecimal() and len(limit) < MANY_DIGITS else 0


def _explain(error: Exception, relay: RelayUrl) -> Exception:
    """The error as one of ours, or itself where it is none that a server or the network can cause."""
    name = f"relay {relay.name}"
    if isinstance(error, smtplib.SMTPResponseException):
        raw = error.smtp_error
        words = readable(raw if isinstance(raw, bytes) else str(raw).encode())
        answer = f"{error.smtp_code} {scrub(' '.join(words.split()))[:300]}"
        if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= 500:
            return RelayRefused(f"{name} does not accept the user name and password: {answer}; {_CORRECT}")
        if error.smtp_code >= 500:
            return RelayRefused(f"{name} refuses us: {answer}")
        return RelayUnavailable(f"{name} does not take mail now: {answer}")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return RelayRefused(f"{name} offers no log-in here; remove the user name, or use its submission port")
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return RelayUnavailable(f"{name} closed the connection before it could be used")
    if isinstance(error, smtplib.SMTPException):
        return RelayRefused(f"{name} offers no log-in method that we know (PLAIN, LOGIN, CRAM-MD5)")
    if isinstance(error, ssl.SSLCertVerificationError):
        remedy = _REMEDIES.get(error.verify_code, "have this machine trust its authority")
        return RelayRefused(
            f"{name}: its certificate is not valid for {relay.host}: {error.verify_message.rstrip('.')}; {remedy}"
        )
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or "handshake failure").lower().replace("_", " ")
        return RelayUnavailable(
            f"{name}: no encrypted connection can be made: {reason}; smtps:// is for a port that begins with TLS,"
            " mostly 465, smtp:// for the others"
        )
    if isinstance(error, socket.gaierror):
        return RelayUnavailable(f"{name} cannot be reached: {error.strerror}; is the host's name right?")
    if isinstance(error, TimeoutError):
        return RelayUnavailable(f"{name} does not answer")
    if isinstance(error, OSError):
        return RelayUnavailable(f"{name} cannot be reached: {error.strerror or error}")
    if isinstance(error, UnicodeError):
        return RelayRefused(f"{name}: host, user name and password must be plain ASCII")
    if isinstance(error, binascii.Error):
        return RelayUnavailable(f"{name} cannot be understood: an answer of its log-in is no base64")
    return error
