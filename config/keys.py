"""The two secrets: one signs, the other hashes suppressed addresses. Neither is ever derived from the other."""

import hashlib
import hmac
import secrets
from functools import cache
from pathlib import Path

from config.files import make_once
from config.settings import Settings, settings


def _kept(folder: Path, name: str) -> str:
    """The key in the state folder, made at first use."""
    path = folder / name
    make_once(path, lambda: secrets.token_hex(32))
    return path.read_text()


def secret_key(chosen: Settings) -> bytes:
    """The signing secret of an installation."""
    return (chosen.secret_key.get_secret_value() or _kept(chosen.state_dir, "secret-key")).encode()


def suppression_key(chosen: Settings) -> bytes:
    """The secret under which suppressed addresses are hashed."""
    return (chosen.suppression_key.get_secret_value() or _kept(chosen.state_dir, "suppression-key")).encode()


@cache
def signing_key(purpose: str) -> bytes:
    """32 bytes for one purpose ("unsubscribe", "return-path"), so that a token for one never passes as another."""
    return hmac.digest(secret_key(settings()), purpose.encode(), hashlib.sha256)


@cache
def _keyed() -> hmac.HMAC:
    """Under SUPPRESSION_KEY, with nothing hashed yet; a copy costs less than half of beginning anew."""
    return hmac.new(suppression_key(settings()), digestmod=hashlib.sha256)


def address_hash(address: str) -> str:
    """HMAC-SHA256 of a normalised address under SUPPRESSION_KEY, 64 hex digits; letter case does not count."""
    keyed = _keyed().copy()
    keyed.update(address.casefold().encode())
    return keyed.hexdigest()
