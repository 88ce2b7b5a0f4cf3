"""Tokens: what goes in comes out, and nothing else is believed."""

import base64
import string
from email.headerregistry import Address

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from config import keys
from mailer import links
from tests.conftest import forget

pytestmark = pytest.mark.usefixtures("environment")
same_keys = hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
ids = st.integers(0, 2**63 - 1)
public_ids = st.binary(min_size=10, max_size=10).map(bytes.hex)


@same_keys
@given(public_ids, ids, ids)
def test_an_unsubscribe_token_says_who_and_which(public_id: str, list_id: int, mailing_id: int) -> None:
    token = links.unsubscribe_token(public_id, list_id, mailing_id)
    assert links.read_unsubscribe_token(token) == links.Unsubscribe(public_id, list_id, mailing_id)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_")


def test_an_ordinary_token_is_short() -> None:
    assert len(links.unsubscribe_token("ab" * 10, 12, 3456)) <= 40


@same_keys
@given(st.text(max_size=60))
def test_what_we_did_not_sign_is_no_token(text: str) -> None:
    assert links.read_unsubscribe_token(text) is None
    assert links.read_return_path(text) is None
    assert links.read_return_path(f"b-{text}@bounce.example") is None


def test_a_token_changed_anywhere_is_refused() -> None:
    token = links.unsubscribe_token("ab" * 10, 12, 3456)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for at in range(len(raw)):
        changed = raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]
        assert links.read_unsubscribe_token(base64.urlsafe_b64encode(changed).rstrip(b"=").decode()) is None
    for cut in (token[:-1], token + "A", token[1:], ""):
        assert links.read_unsubscribe_token(cut) is None


@same_keys
@given(ids, ids)
def test_a_return_path_comes_back_in_any_letter_case(mailing_id: int, seq: int) -> None:
    address = links.return_path(mailing_id, seq, "bounce.example.org")
    assert address == address.lower()
    assert len(Address(addr_spec=address).username) <= 64
    for written in (address, address.upper(), address.title()):
        assert links.read_return_path(written) == (mailing_id, seq)


def test_a_return_path_changed_anywhere_is_refused() -> None:
    address = links.return_path(17, 23, "bounce.example.org")
    local = address.partition("@")[0]
    for at in range(len("b-"), len(local)):
        other = "a" if local[at] != "a" else "b"
        assert links.read_return_path(f"{local[:at]}{other}{local[at + 1 :]}@bounce.example.org") is None


def test_one_purpose_never_passes_as_another() -> None:
    """The octets of a return path, in the letters of a link."""
    local = links.return_path(1, 2, "bounce.example.org").partition("@")[0]
    sealed = bytes.fromhex(local.removeprefix("b-"))
    assert links.read_unsubscribe_token(base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()) is None


def test_another_secret_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    token = links.unsubscribe_token("ab" * 10, 1, 2)
    address = links.return_path(1, 2, "bounce.example.org")
    old = keys.signing_key("unsubscribe")
    monkeypatch.setenv("BROADSIDE_SECRET_KEY", "another secret of sufficient length")
    forget()
    assert keys.signing_key("unsubscribe") != old
    assert links.read_unsubscribe_token(token) is None
    assert links.read_return_path(address) is None


def test_the_message_id_is_the_same_at_every_attempt_and_another_for_another() -> None:
    first = links.message_id("a1b2c3", 7, "press.example.org")
    assert first == links.message_id("a1b2c3", 7, "press.example.org") == "<a1b2c3.7@press.example.org>"
    assert len({first, links.message_id("a1b2c3", 8, "press.example.org"), links.message_id("a1b2c4", 7, "x.org")}) == 3


def test_domains_are_a_labels() -> None:
    assert links.message_id("a", 1, "Bücher.example").endswith("@xn--bcher-kva.example>")
    assert links.return_path(1, 1, "Bücher.example").endswith("@xn--bcher-kva.example")


def test_a_feedback_id_has_four_fields_and_names_the_sender_for_good() -> None:
    one = links.feedback_id("a1b2c3", "members", "op-ed", "impala.example").split(":")
    other = links.feedback_id("ffffff", "press", "newsletter", "impala.example").split(":")
    assert one[:3] == ["a1b2c3", "members", "op-ed"]
    assert one[3] == other[3] and 5 <= len(one[3]) <= 15
