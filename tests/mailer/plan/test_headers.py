"""Header fields: one line each to a reader, whatever they hold, and fit for the wire."""

import re
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import default

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.plan import headers
from tests.mailer.plan import wild
from tests.oracle import one_line

many = settings(max_examples=1000, deadline=None)


def parsed(field: str) -> object:
    message = message_from_bytes(field.encode() + b"X-Next: 1\r\n\r\nbody", policy=default)
    assert len(message.keys()) == 2 and message["X-Next"] == "1", "it stayed one field"
    return message[message.keys()[0]]


def legacy_decoded(field: str) -> str:
    """By the standard library's older decoder. The newer one reads too many spaces in names, and is right elsewhere."""
    return str(make_header(decode_header(field.partition(":")[2].replace("\r\n", "").strip())))


def assert_fit(field: str) -> None:
    assert field.endswith("\r\n")
    lines = field[:-2].split("\r\n")
    assert re.fullmatch(r"[A-Za-z-]+:", lines[0].split(" ")[0])
    for number, line in enumerate(lines):
        assert "\r" not in line and "\n" not in line
        assert not number or (line.startswith(" ") and line.strip())
        value = line if number else line.partition(":")[2]
        assert len(line.encode()) <= 78 or not re.search(r"\S[ \t]+\S|>,<", value)
        words = re.findall(r"=\?utf-8\?B\?\S*?\?=", line)
        assert not words or len(line.encode()) <= 76
        for word in words:
            assert len(word) <= 75
            ((data, charset),) = decode_header(word)
            assert isinstance(data, bytes) and charset
            data.decode(charset)  # no character is split


@many
@example("a" * 61)
@example("=?utf-8?B?w6k=?=")
@example("a  b")
@given(wild.text.filter(one_line))
def test_a_subject_says_what_it_was_given(value: str) -> None:
    field = headers.unstructured("Subject", value)
    assert_fit(field)
    assert field.isascii()
    assert legacy_decoded(field) == one_line(value)
    assert parsed(field) == one_line(value)


@many
@given(st.lists(st.text(alphabet="abcXYZ019.,!-", min_size=1, max_size=70), min_size=1, max_size=30))
def test_a_plain_subject_is_folded_at_spaces(words: list[str]) -> None:
    value = " ".join(words)
    field = headers.unstructured("Subject", value)
    assert_fit(field)
    assert parsed(field) == value
    if max(map(len, words), default=0) <= 60:
        assert "=?" not in field


@many
@example("Zoë Müller", "zoe@example.org")
@example("Müller, Zoë", "zoe@bücher.example")
@example("O'Brien, Pat", "pat@example.org")
@example('The "Boss"', "boss@example.org")
@example("=?utf-8?B?w6k=?=", "a@example.org")
@example("zoe@example.net", "zoe@example.org")
@given(wild.text, wild.addresses)
def test_an_address_field_says_who_and_where(name: str, address: str) -> None:
    field = headers.mailbox("To", name, address)
    assert_fit(field)
    local, domain = address.split("@")
    assert field.isascii() == local.isascii()
    (found,) = parsed(field).addresses  # type: ignore[attr-defined]
    assert found.display_name.split() == one_line(name).split() or "=?" in field
    phrase = field.replace("\r\n", "").partition(" ")[2].rpartition(" <")[0]
    if "=?" in phrase:
        assert legacy_decoded(f"X: {phrase}") == one_line(name)
    else:
        assert phrase.strip('"') == one_line(name)
    assert found.username.encode("utf-8", "surrogateescape").decode() == local
    assert found.domain == domain.encode("idna").decode()


@pytest.mark.parametrize(
    ("name", "address", "field"),
    [
        ("", "zoe@example.org", "To: zoe@example.org\r\n"),
        ("Zoe B", "zoe@example.org", "To: Zoe B <zoe@example.org>\r\n"),
        ("B, Zoe", "zoe@example.org", 'To: "B, Zoe" <zoe@example.org>\r\n'),
        ("Zoe\r\nBcc: x@example.org", "z@example.org", 'To: "Zoe Bcc: x@example.org" <z@example.org>\r\n'),
        ("Zoë", "z@bücher.example", "To: =?utf-8?B?Wm/Dqw==?= <z@xn--bcher-kva.example>\r\n"),
        ("", "zoë@bücher.example", "To: zoë@xn--bcher-kva.example\r\n"),
        ("", "Zoe@EXAMPLE.org", "To: Zoe@example.org\r\n"),
    ],
)
def test_addresses_by_example(name: str, address: str, field: str) -> None:
    assert headers.mailbox("To", name, address) == field


@pytest.mark.parametrize(
    "address",
    ["", "zoe", "zoe@", "@example.org", "zoe@exa mple.org", "zoe@example.org>", "<zoe@example.org", "a,b@example.org",
     "zoe\r\n@example.org", "zoe@example.org\r\nBcc: a@example.org", "zoe@example.org\n", "a b@example.org", "zoe@.example",
     "zoe@example..org", "a@b@example.org", "zoe\ud800@example.org", "zoe@ex\ud800.org", "zoe@\u0301.org", "x" * 320 + "@example.org"],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(headers.BadValue) as caught:
        headers.mailbox("To", "Zoe", address)
    assert str(caught.value) == "not an address" and caught.value.__cause__ is None


@many
@given(wild.text)
def test_any_address_is_taken_or_refused(address: str) -> None:
    try:
        field = headers.mailbox("To", "", address)
    except headers.BadValue:
        return
    assert_fit(field)
    assert len(parsed(field).addresses) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("IMPALA <press@impala.example>", ("IMPALA", "press@impala.example")),
        ('"Press, IMPALA" <press@impala.example>', ("Press, IMPALA", "press@impala.example")),
        ("press@impala.example", ("", "press@impala.example")),
        ("<press@impala.example>", ("", "press@impala.example")),
        (r'"The \"Boss\"" <a@example.org> ', ('The "Boss"', "a@example.org")),
    ],
)
def test_a_mailbox_as_people_write_it(value: str, parts: tuple[str, str]) -> None:
    assert headers.split_mailbox(value) == parts


@many
@given(wild.text)
def test_a_list_id_says_its_title(title: str) -> None:
    field = headers.list_id(title, "press.lists.example")
    assert_fit(field)
    value = str(parsed(field))
    phrase, _, identifier = value.rpartition("<")
    assert identifier == "press.lists.example>"
    assert phrase.strip(" ") == one_line(title)
    written = field.removeprefix("List-Id:").replace("\r\n", "").strip()
    assert re.fullmatch(r'("[^"]*"|[^"<>]*)<[a-z.]+>', written), "no quotes, which some readers take for a part of it"


@pytest.mark.parametrize("identifier", ["press", "", "a b.example", "<press.example>", "press.example\r\n", "a..b"])
def test_a_list_id_is_name_and_domain(identifier: str) -> None:
    with pytest.raises(headers.BadValue):
        headers.list_id("Press", identifier)


def test_urls_stand_on_lines_of_their_own() -> None:
    field = headers.urls("List-Unsubscribe", "https://press.example.org/u/abc", "mailto:out@example.org?subject=abc")
    assert field == (
        "List-Unsubscribe: <https://press.example.org/u/abc>,\r\n <mailto:out@example.org?subject=abc>\r\n"
    )


def test_a_url_is_ascii() -> None:
    field = headers.urls("List-Help", "https://bücher.example:8443/hilfe/ä?x=é%20")
    assert field == "List-Help: <https://xn--bcher-kva.example:8443/hilfe/%C3%A4?x=%C3%A9%20>\r\n"


@pytest.mark.parametrize(
    "url",
    ["", "press.example.org", "https://a.example/>", "https://a.example/ b", "https://a.example/\r\nBcc: x", "//a.example",
     "https://a.example/" + "x" * 900],
)  # fmt: skip
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(headers.BadValue):
        headers.urls("List-Help", url)
