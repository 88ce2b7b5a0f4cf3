"""Email addresses: one way to write each, and one key by which it is found."""

import re
import unicodedata
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from config.errors import Refused

INVISIBLE = " \t\r\n\u00a0\u200b\u2060\ufeff"
"""What a spreadsheet or a copied text leaves around an address."""

# What almost every address looks like, in lower case and up to 64 letters, so that no part of it is too long.
_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]++"
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*+)@(?:[a-z0-9]++(?:-[a-z0-9]++)*+\.)+([a-z]{{2,}}+)\Z")
_NOT_OF_MAIL = frozenset({"arpa", "invalid", "local", "localhost", "onion"})
_FOLDED_NAMES = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)


class Address(NamedTuple):
    """An address as it is written to, and the key that is the same however its letters are written."""

    email: str
    """Local part as given (NFC), domain lower-case and in Unicode."""
    key: str
    """Local part casefolded, domain as A-labels: `straße.example` and `strasse.example` belong to two people."""


def normalise(text: str) -> Address:
    """The address in `text`. No DNS look-up. Raises Refused with the reason.

    International domains and local parts (RFC 6531) are accepted, and so are the reserved example and test domains
    (RFC 2606). Display names, quoted local parts, address literals and local parts over 64 octets are refused.
    """
    text = text.strip(INVISIBLE)
    if plain := _plain(text):
        return plain
    if not text:
        raise Refused("the address is empty")
    try:
        found = validate_email(
            text, check_deliverability=False, test_environment=True, allow_display_name=False, strict=True
        )
    except EmailNotValidError as error:
        raise Refused(f"{_shown(text)} is not an address that mail can be sent to: {_reason(error)}") from None
    if "." not in found.ascii_domain:
        raise Refused(f"{_shown(text)} is not an address that mail can be sent to: the domain has no dot")
    return Address(found.normalized, f"{_folded(found.local_part)}@{found.ascii_domain}")


def _plain(text: str) -> Address | None:
    """What normalise makes of an address such as almost all are, in a tenth of the time; None for any other.

    The library takes all that this takes and changes nothing in it but the domain's letter case; a test compares them.
    """
    lower = text.lower()
    found = _PLAIN.match(lower) if len(text) <= 64 and text.isascii() else None
    if not found:
        return None
    local, top = found.groups()
    if local in _FOLDED_NAMES or top in _NOT_OF_MAIL:
        return None
    return Address(lower if text == lower else text[: len(local)] + lower[len(local) :], lower)


def _folded(local_part: str) -> str:
    # Folding twice: the first may make room for a composition whose letter folds again.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local_part.casefold()).casefold())


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _reason(error: EmailNotValidError) -> str:
    reason = str(error).rstrip(".")
    return reason[:1].lower() + reason[1:]
