"""What a message carries so that it can be answered: the way out, the return path, the Message-ID.

A token begins with the id of the key that signed it, so that a secret can be replaced while old mail, which is out
of reach, still finds the key it was signed with. Signatures are keyed BLAKE2b.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from functools import cache, lru_cache

from config.keys import signing_key
from config.settings import settings
from mailer.models import Mailing
from mailer.plan.domains import ascii_domain
from mailer.plan.headers import split_mailbox

_UNSUBSCRIBE_SIGNATURE = 12
"""Octets: a link is there for anybody to try, for ever."""
_RETURN_PATH_SIGNATURE = 8
"""Octets: a local part has room for no more than 64 characters (RFC 5321, section 4.5.3.1.1)."""
_RETURN_PATH_PREFIX = "b-"
_LARGEST = 2**63 - 1
"""What the database holds; a token that names more was never ours."""


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Who wants to leave which list, and the mailing whose link they used."""

    subscriber_public_id: str
    list_id: int
    mailing_id: int


def unsubscribe_token(subscriber_public_id: str, list_id: int, mailing_id: int) -> str:
    """A signed token for links, about 40 characters of the URL-safe alphabet; it needs no row to be read."""
    who = bytes.fromhex(subscriber_public_id)
    sealed = _sealed("unsubscribe", _UNSUBSCRIBE_SIGNATURE, (list_id, mailing_id), who)
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def read_unsubscribe_token(token: str) -> Unsubscribe | None:
    """What a token says; None for one that is not ours, whatever is wrong with it."""
    try:
        sealed = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    payload = _opened("unsubscribe", sealed, _UNSUBSCRIBE_SIGNATURE)
    if payload is None:
        return None
    list_id, payload = _read_number(payload)
    mailing_id, payload = _read_number(payload)
    return Unsubscribe(payload.hex(), list_id, mailing_id)


def return_path(mailing_id: int, seq: int, domain: str) -> str:
    """The envelope sender of one delivery (VERP): `b-<hex digits>@domain`, lower-case, local part at most 64 octets."""
    sealed = _sealed("return-path", _RETURN_PATH_SIGNATURE, (mailing_id,), _number(seq))
    return f"{_RETURN_PATH_PREFIX}{sealed.hex()}@{ascii_domain(domain)}"


def read_return_path(address: str) -> tuple[int, int] | None:
    """(mailing id, seq) of a return path, in whatever letter case it comes back; None for one that is not ours."""
    local = address.partition("@")[0].lower()
    if not local.startswith(_RETURN_PATH_PREFIX):
        return None
    try:
        sealed = bytes.fromhex(local.removeprefix(_RETURN_PATH_PREFIX))
    except ValueError:
        return None
    payload = _opened("return-path", sealed, _RETURN_PATH_SIGNATURE)
    if payload is None:
        return None
    mailing_id, payload = _read_number(payload)
    seq, _ = _read_number(payload)
    return mailing_id, seq


def sender_domain(mailing: Mailing) -> str:
    """The domain of a mailing's From address."""
    return split_mailbox(mailing.sender)[1].rpartition("@")[2]


def list_domain(mailing: Mailing) -> str:
    """The domain of List-Ids and Message-IDs."""
    return settings().list_domain or sender_domain(mailing)


def message_id(mailing_public_id: str, seq: int, domain: str) -> str:
    """The Message-ID of a delivery with its angle brackets (RFC 5322, section 3.6.4): the same at every attempt."""
    return f"<{mailing_public_id}.{seq}@{ascii_domain(domain)}>"


def feedback_id(mailing_public_id: str, list_name: str, kind: str, sender_domain: str) -> str:
    """The Feedback-ID by which mailbox providers group complaints: `mailing:list:kind:sender`, nothing of the person.

    The last field names the sender for good: 10 hex digits of its domain's hash.
    """
    sender = hashlib.sha256(ascii_domain(sender_domain).encode("ascii")).hexdigest()[:10]
    return f"{mailing_public_id}:{list_name}:{kind}:{sender}"


def _sealed(purpose: str, signature: int, ids: tuple[int, ...], rest: bytes) -> bytes:
    """The key's id, the numbers, the rest, and the signature of all this."""
    head, signed = _begun(signing_key(purpose), signature, ids)
    signed = signed.copy()
    signed.update(rest)
    return head + rest + signed.digest()


def _opened(purpose: str, sealed: bytes, signature: int) -> bytes | None:
    """The numbers and the rest of what _sealed made, None for anything else."""
    key = signing_key(purpose)
    body, given = sealed[:-signature], sealed[-signature:]
    signed = hashlib.blake2b(body, key=key, digest_size=signature)
    if not hmac.compare_digest(given, signed.digest()) or body[:1] != _key_id(key):
        return None
    return body[1:]


@lru_cache(maxsize=512)
def _begun(key: bytes, signature: int, ids: tuple[int, ...]) -> "tuple[bytes, hashlib.blake2b]":
    """What all of a mailing on one list begin with, and the signature as far as that: half of what a token costs."""
    head = _key_id(key) + b"".join(map(_number, ids))
    return head, hashlib.blake2b(head, key=key, digest_size=signature)


@cache
def _key_id(key: bytes) -> bytes:
    """One octet that tells keys apart; it says nothing of the key itself."""
    return hashlib.blake2b(key, digest_size=1, person=b"key id").digest()


def _number(value: int) -> bytes:
    """A number from 0 to 2**63 - 1: its length in one octet, then its octets."""
    if not 0 <= value <= _LARGEST:
        raise ValueError(f"{value} is no id")
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes((len(octets),)) + octets


def _read_number(data: bytes) -> tuple[int, bytes]:
    """A number and what follows it."""
    end = 1 + data[0]
    return int.from_bytes(data[1:end], "big"), data[end:]
