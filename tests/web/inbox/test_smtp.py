import shutil
import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.serving import Conversation, smtp
from web.inbox import smtp as smtp_module
from web.inbox.store import Inbox

START = ["EHLO test.example", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"]


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    box = Inbox(tmp_path / "inbox")
    yield box
    box.close()


@pytest.fixture
def port(inbox: Inbox) -> Iterator[int]:
    with smtp(inbox) as number:
        yield number


def body_of(inbox: Inbox, number: int) -> bytes:
    """A kept message without the three kinds of lines that delivery put before it."""
    raw = inbox.read(number)
    assert raw is not None
    trace, _, rest = raw.partition(b"Received: ")
    assert trace.startswith(b"Return-Path: <")
    return rest.split(b"\r\n", 2)[2]


def test_smtplib_delivers(inbox: Inbox, port: int) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", "b@example.org", "Dots"
    message.set_content(".\n..\n.leading\n\nend.\n")
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.ehlo()
        assert {
            name: client.has_extn(name) for name in ("pipelining", "size", "8bitmime", "smtputf8")
        } == dict.fromkeys(("pipelining", "size", "8bitmime", "smtputf8"), True)
        client.send_message(message, to_addrs=["b@example.org", "c@example.org"])
        client.send_message(message, from_addr="", to_addrs=["d@example.org"])
    assert inbox.received == 2
    assert body_of(inbox, 1) == message.as_bytes().replace(b"\n", b"\r\n")
    raw = inbox.read(1) or b""
    assert raw.startswith(
        b"Return-Path: <a@example.org>\r\nDelivered-To: b@example.org\r\nDelivered-To: c@example.org\r\n"
    )
    assert (inbox.read(2) or b"").startswith(b"Return-Path: <>\r\nDelivered-To: d@example.org\r\n")


def test_addresses_beyond_ascii(inbox: Inbox, port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.ehlo()
        client.sendmail(
            "zoé@redaktion.example",
            ["käthe@zeitung.example"],
            b"Subject: x\r\n\r\ny\r\n",
            ["SMTPUTF8", "BODY=8BITMIME"],
        )
    assert "Delivered-To: käthe@zeitung.example\r\n".encode() in (inbox.read(1) or b"")
    with Conversation(port) as talk:
        talk.ask("EHLO x")
        assert talk.ask("MAIL FROM:<zoé@example.org>")[0].startswith("553 5.6.7")
        assert talk.ask("MAIL FROM:<a@example.org>", "RCPT TO:<zoé@example.org>")[1].startswith("553 5.6.7")


def test_what_is_pipelined_is_answered_in_order(inbox: Inbox, port: int) -> None:
    with Conversation(port) as talk:
        talk.write("".join(f"{line}\r\n" for line in START).encode())
        assert [talk.reply()[-1][:3] for _ in START] == ["250", "250", "250", "354"]
        unit = b"Subject: one\r\n\r\nfirst\r\n.\r\n" + "".join(f"{line}\r\n" for line in START[1:]).encode()
        talk.write(unit * 3 + b".\r\nQUIT\r\nNOOP\r\n")
        replies = [talk.reply()[-1][:3] for _ in range(14)]
        assert replies == ["250", "250", "250", "354"] * 3 + ["250", "221"]
        assert talk.reply() == []  # hung up; NOOP is not answered
    assert inbox.received == 4
    assert body_of(inbox, 3) == b"Subject: one\r\n\r\nfirst\r\n"
    assert body_of(inbox, 4) == b""


LINES = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\r", b".").replace(b"\n", b".")), max_size=8)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=st.lists(LINES, min_size=1, max_size=3), cuts=st.lists(st.integers(0, 900), max_size=12))
def test_wherever_the_octets_are_cut(inbox: Inbox, port: int, messages: list[list[bytes]], cuts: list[int]) -> None:
    first = inbox.received
    wire = b"EHLO x\r\n"
    for lines in messages:
        wire += b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n"
        wire += b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines) + b".\r\n"
    places = [0, *sorted(cut for cut in cuts if cut < len(wire)), len(wire)]
    with Conversation(port) as talk:
        for start, end in pairwise(places):
            talk.write(wire[start:end])
        replies = [talk.reply()[-1][:3] for _ in range(1 + 4 * len(messages))]
    assert replies == ["250"] + ["250", "250", "354", "250"] * len(messages)
    for offset, lines in enumerate(messages, start=1):
        assert body_of(inbox, first + offset) == b"".join(line + b"\r\n" for line in lines)


@pytest.mark.parametrize("hidden", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r.\r\n"])
def test_a_bare_line_break_ends_no_message_and_is_refused(inbox: Inbox, port: int, hidden: bytes) -> None:
    with Conversation(port) as talk:
        talk.ask(*START)
        talk.write(b"Subject: x\r\n\r\none" + hidden + b"MAIL FROM:<evil@example.org>\r\n.\r\n")
        assert talk.reply()[0].startswith("554 5.6.0")
        assert talk.ask("NOOP")[0].startswith("250")
    assert inbox.received == 0


@pytest.mark.parametrize(
    ("commands", "code"),
    [
        (["MAIL FROM:<a@example.org>"], "503"),
        (["EHLO x", "RCPT TO:<a@example.org>"], "503"),
        (["EHLO x", "DATA"], "503"),
        (["EHLO x", "MAIL FROM:<a@example.org>", "DATA"], "503"),
        (["EHLO x", "MAIL FROM:<a@example.org>", "MAIL FROM:<a@example.org>"], "503"),
        (["EHLO x", "MAIL FROM:<a@example.org>", "RSET", "RCPT TO:<a@example.org>"], "503"),
        (["EHLO x", "MAIL FROM:<a@example.org>", "EHLO x", "RCPT TO:<a@example.org>"], "503"),
        (["EHLO x", "MAIL FROM:a@example.org"], "501"),
        (["EHLO x", "MAIL TO:<a@example.org>"], "501"),
        (["EHLO x", "MAIL FROM:<a@example.org> SIZE=99999999999"], "552"),
        (["EHLO x", "MAIL FROM:<a@example.org> SIZE=100 BODY=8BITMIME"], "250"),
        (["EHLO x", "MAIL FROM:<a@example.org> FANCY=1"], "555"),
        (["EHLO x", 'mail from:<"a >b"@example.org>'], "250"),
        (["EHLO x", "MAIL FROM:<a@example.org>", "RCPT TO:<>"], "501"),
        (["EHLO x", "MAIL FROM:<>", "RCPT TO:<postmaster>"], "250"),
        (["EHLO x", "MAIL FROM:<>", "RCPT TO:<@relay.example:a@example.org>"], "250"),
        (["EHLO"], "501"),
        (["HELO x"], "250"),
        (["EHLO x", "MAIL FROM:<a\tb@example.org>"], "500"),
        (["STARTTLS"], "500"),
        (["VRFY a"], "252"),
        (["QUIT"], "221"),
        (["X" * 3000], "500"),
    ],
)
def test_one_command_after_another(port: int, commands: list[str], code: str) -> None:
    with Conversation(port) as talk:
        assert [talk.ask(command)[0] for command in commands][-1][:3] == code


def test_a_line_that_ends_in_lf_alone_is_no_command(port: int) -> None:
    with Conversation(port) as talk:
        talk.write(b"EHLO x\n")
        assert talk.reply()[0].startswith("500")


def test_a_message_too_big_is_refused_and_the_next_is_taken(
    inbox: Inbox, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp_module, "MAX_SIZE", 1000)
    with Conversation(port) as talk:
        talk.ask(*START)
        talk.write((b"x" * 70 + b"\r\n") * 10_000 + b".\r\n")
        assert talk.reply()[0].startswith("552 5.3.4")
        talk.ask(*START[1:])
        talk.write(b"x" * 5000 + b"\r\n.\r\n")
        assert talk.reply()[0].startswith("552 5.3.4")
        talk.ask(*START[1:])
        talk.write(b"small\r\n.\r\n")
        assert talk.reply()[0].startswith("250")
    assert inbox.received == 1


def test_where_nothing_can_be_written_the_sender_is_told_to_try_later(inbox: Inbox, port: int) -> None:
    with Conversation(port) as talk:
        talk.ask(*START)
        shutil.rmtree(inbox.folder)
        talk.write(b"x\r\n.\r\n")
        assert talk.reply()[0].startswith("452")
        inbox.folder.mkdir()
        talk.ask(*START[1:])
        talk.write(b"x\r\n.\r\n")
        assert talk.reply()[0].startswith("250")
    assert inbox.received == 1


def test_silence_is_ended(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_module, "IDLE_SECONDS", 0.2)
    with smtp(inbox) as port, Conversation(port) as talk:
        assert talk.reply()[0].startswith("421 4.4.2")
        assert talk.reply() == []


def test_more_connections_than_allowed(inbox: Inbox, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp_module, "MAX_CONNECTIONS", 1)
    with Conversation(port) as first:
        second = Conversation(port)
        assert second.reply()[0].startswith("421 4.7.0")
        second.__exit__()
        assert first.ask("NOOP")[0].startswith("250")
