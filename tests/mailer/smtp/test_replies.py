import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.smtp.replies import LINE_LIMIT, LINES_LIMIT, Garbled, ReplyReader, readable

WORDS = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)), max_size=60).map(
    lambda text: text.strip()
)


@given(st.lists(st.tuples(st.integers(200, 599), st.lists(WORDS, min_size=1, max_size=4)), max_size=8), st.data())
def test_replies_survive_every_cut(replies: list[tuple[int, list[str]]], data: st.DataObject) -> None:
    stream = b""
    for code, lines in replies:
        for line in lines[:-1]:
            stream += f"{code}-{line}\r\n".encode()
        stream += f"{code} {lines[-1]}\r\n".encode()
    reader, found = ReplyReader(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += list(reader.feed(stream[:size]))
        stream = stream[size:]
    expected = [(code, [line.encode().strip() for line in lines]) for code, lines in replies]
    assert found == [(code, b" ".join(lines)) for code, lines in expected]


def test_a_code_without_words_and_bare_line_ends() -> None:
    assert list(ReplyReader().feed(b"250\r\n354 \r\n250 ok\n")) == [(250, b""), (354, b""), (250, b"ok")]


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello\r\n",
        b"\r\n",
        b"199 no\r\n",
        b"600 no\r\n",
        b"2500 no\r\n",
        b"-50 no\r\n",
        b"250-one\r\n251 two\r\n",
        b"250 " + b"x" * LINE_LIMIT,
        b"250 " + b"x" * LINE_LIMIT + b"\r\n",
        b"250-x\r\n" * (LINES_LIMIT + 1),
    ],
)
def test_garbage_is_told_from_replies_and_what_came_before_counts(garbage: bytes) -> None:
    replies = ReplyReader().feed(b"250 ok\r\n" + garbage)
    assert next(replies) == (250, b"ok")
    with pytest.raises(Garbled):
        next(replies)


@given(st.binary())
def test_any_bytes_are_replies_or_garbage(data: bytes) -> None:
    try:
        for code, text in ReplyReader().feed(data):
            assert 200 <= code < 600
            words = readable(text)
            assert len(words) <= 500
            assert words.isprintable()
    except Garbled:
        pass
