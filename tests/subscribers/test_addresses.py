"""One way to write an address, one key to find it by; and the fast path never decides otherwise than the library."""

import re

import pytest
from email_validator import validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from config.errors import Refused
from subscribers.addresses import _plain, normalise

ATOM = st.text("abcXYZ019!#$%&'*+/=?^_`{|}~-.", min_size=1, max_size=70)
LABEL = st.text("abcXYZ019-", min_size=1, max_size=65)
TOP = st.sampled_from(
    ["example", "org", "EU", "test", "local", "localhost", "arpa", "onion", "invalid", "c0m", "x1", "1x"]
)


@pytest.mark.parametrize(
    ("text", "email", "key"),
    [
        ("jane@example.org", "jane@example.org", "jane@example.org"),
        ("  Jane.Doe@Example.ORG\n", "Jane.Doe@example.org", "jane.doe@example.org"),
        ("\ufeffjane@example.org\u200b", "jane@example.org", "jane@example.org"),
        ("INFO@example.org", "info@example.org", "info@example.org"),
        ("jane@xn--strae-oqa.example", "jane@straße.example", "jane@xn--strae-oqa.example"),
        ("jane@STRASSE.example", "jane@strasse.example", "jane@strasse.example"),
        ("Jané@Músic.example", "Jané@músic.example", "jané@xn--msic-qra.example"),
        ("jane\u0301@example.org", "jan\u00e9@example.org", "jan\u00e9@example.org"),
        ("用户@例子.example", "用户@例子.example", "用户@xn--fsqu00a.example"),
        ("jane@press.example", "jane@press.example", "jane@press.example"),
        ("jane@mail.example.test", "jane@mail.example.test", "jane@mail.example.test"),
        ("o'neill+press@example.com", "o'neill+press@example.com", "o'neill+press@example.com"),
    ],
)
def test_an_address_is_written_one_way(text: str, email: str, key: str) -> None:
    found = normalise(text)
    assert (found.email, found.key) == (email, key)
    assert normalise(found.email) == found


@pytest.mark.parametrize(
    "junk",
    [
        *("", "jane", "jane@", "@example.org", "jane@@example.org", "jane@test", "jane@localhost", "a b@example.org"),
        *("jane@example..org", ".jane@example.org", "jane@-example.org", "jane@example.123", "jane@[192.0.2.1]"),
        *("Jane <jane@example.org>", '"jane doe"@example.org', "jane@example.org, joe@example.org"),
        *("jane@exa\u202emple.org", "jane\x00@example.org", "jane\nbcc:x@example.org", "jane@a.invalid"),
        "j" * 65 + "@example.org",
        "jane@" + "a." * 130 + "org",
    ],
)
def test_junk_is_refused_with_a_reason(junk: str) -> None:
    with pytest.raises(Refused, match=r"is not an address that mail can be sent to: |the address is empty"):
        normalise(junk)


@given(ATOM, st.lists(LABEL, min_size=1, max_size=4), TOP)
@example("Info", ["xn--a"], "org")
@example("a", ["ab--c"], "org")
@example("a", ["b" * 63, "c" * 63, "d" * 63], "org")
@example("j" * 60, ["b"], "org")
@example("J", ["b" * 58], "org")
@example("j", ["b" * 63], "org")
def test_the_fast_path_takes_only_what_the_library_takes_and_makes_the_same_of_it(
    local: str, labels: list[str], top: str
) -> None:
    text = f"{local}@{'.'.join([*labels, top])}"
    if found := _plain(text):
        slow = validate_email(text, check_deliverability=False, test_environment=True, strict=True)
        assert found.email == slow.normalized
        assert found.key == f"{slow.ascii_local_part.lower()}@{slow.ascii_domain}"


@given(st.from_regex(re.compile(r"[ -~]{1,12}@[ -~]{1,12}\.[a-z]{2,4}"), fullmatch=True) | st.text(max_size=40))
def test_whatever_is_accepted_is_stable(text: str) -> None:
    try:
        found = normalise(text)
    except Refused:
        return
    assert normalise(found.email) == found
    assert "\n" not in found.email and "\0" not in found.email and found.email.count("@") == 1


def test_ordinary_addresses_go_the_fast_way() -> None:
    for text in ("jane.doe@example.org", "Jane@Mail-3.Example.COM", "press+eu@music.example"):
        assert _plain(text)
