"""The encoder's invariant, and that joined chunks say what their texts said."""

import quopri
import re
from email import message_from_bytes

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.plan.quoted_printable import encode
from tests.mailer.plan import wild

EXAMPLES = 2000


def expected(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def decoded(body: bytes) -> str:
    message = message_from_bytes(b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + body)
    by_email = message.get_payload(decode=True)
    by_quopri = quopri.decodestring(body)
    assert by_email == by_quopri
    return by_quopri.decode().replace("\r\n", "\n")


def assert_invariant(chunk: bytes) -> None:
    assert not chunk or chunk.endswith(b"\r\n")
    assert chunk.isascii()
    for line in chunk.split(b"\r\n"):
        assert b"\r" not in line and b"\n" not in line and b"\0" not in line
        assert len(line) <= 76
        assert not line.startswith((b".", b"From "))
        assert not line.endswith((b" ", b"\t"))
        assert re.fullmatch(rb"(?:[\t -<>-~]|=[0-9A-F]{2})*=?", line)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.one_of(wild.text, wild.lines), max_size=6))
def test_joined_chunks_decode_to_the_joined_text(texts: list[str]) -> None:
    chunks = [encode(text) for text in texts]
    for chunk in chunks:
        assert_invariant(chunk)
    assert decoded(b"".join(chunks)) == "".join(map(expected, texts))


@settings(max_examples=EXAMPLES, deadline=None)
@given(wild.lines, st.data())
def test_it_does_not_matter_where_a_text_is_cut(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    body = b"".join(map(encode, pieces))
    assert_invariant(body)
    assert decoded(body) == text


@settings(max_examples=300, deadline=None)
@given(
    st.integers(60, 90),
    st.sampled_from([".", "=", "é", "From ", " ", "\t", "👍", "=."]),
    st.sampled_from(["", "\n", "x"]),
)
def test_what_matters_stands_where_a_line_is_folded(width: int, middle: str, end: str) -> None:
    text = "x" * width + middle + "." * width + middle + end
    body = encode(text)
    assert_invariant(body)
    assert decoded(body) == text


@example("Anna")
@example(".hidden")
@example("From here")
@example("=")
@given(st.text(max_size=75))
def test_a_chunk_without_a_line_break_ends_in_a_soft_one(text: str) -> None:
    body = encode(text.replace("\n", "").replace("\r", ""))
    assert not body or body.endswith(b"=\r\n")


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("", b""),
        ("Anna", b"Anna=\r\n"),
        ("Anna\n", b"Anna\r\n"),
        (".", b"=2E=\r\n"),
        (".\n.\n", b"=2E\r\n=2E\r\n"),
        ("From me", b"=46rom me=\r\n"),
        ("From\n", b"From\r\n"),
        ("a \n", b"a=20\r\n"),
        ("a\t\n", b"a=09\r\n"),
        ("a ", b"a =\r\n"),
        ("\n", b"\r\n"),
        (" \n", b"=20\r\n"),
        ("a\r\nb\rc\n", b"a\r\nb\r\nc\r\n"),
        ("1=1", b"1=3D1=\r\n"),
        ("Zoë", b"Zo=C3=AB=\r\n"),
        ("\u2028", b"=E2=80=A8=\r\n"),
        ("\0", b"=00=\r\n"),
        ("\ud800", b"=EF=BF=BD=\r\n"),
        ("x" * 75 + "." + "\n", b"x" * 75 + b"=\r\n=2E\r\n"),
    ],
)
def test_by_example(text: str, body: bytes) -> None:
    assert encode(text) == body
