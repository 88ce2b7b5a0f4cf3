"""Email addresses: one way to write each, and one key by which it is found."""

import re
import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from config.errors import Refused

INVISIBLE = " \t\r\n\u00a0\u200b\u2060\ufeff"
"""What a spreadsheet or a copied text leaves around an address."""

# What almost every address looks like. The library takes all that this takes and changes nothing in it but the
# domain's letter case (a test compares the two); what this does not take, the library decides.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_TOP = r"(?!(?:arpa|invalid|local|localhost|onion)\Z)(?!..--)[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z])?"
_PLAIN = re.compile(
    rf"(?=.{{6,254}}\Z)(?=[^@]{{1,64}}@)({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+{_TOP})\Z", re.ASCII | re.IGNORECASE
)
_FOLDED_NAMES = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)


@dataclass(frozen=True, slots=True)
class Address:
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
    plain = _PLAIN.match(text)
    if plain:
        local, domain = plain.groups()
        lower = text.lower()
        if lower[: len(local)] not in _FOLDED_NAMES:
            return Address(f"{local}@{domain.lower()}", lower)
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


def _folded(local_part: str) -> str:
    # Folding twice: the first may make room for a composition whose letter folds again.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local_part.casefold()).casefold())


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _reason(error: EmailNotValidError) -> str:
    reason = str(error).rstrip(".")
    return reason[:1].lower() + reason[1:]
