"""Whom mail may come from: one rule for a house's sender and for the From and Reply-To of a mailing."""

from config.errors import Refused
from mailer.plan.headers import cleaned, split_mailbox
from subscribers.addresses import normalise


def read_sender(text: str) -> tuple[str, str]:
    """(display name, address) of `Name <address>` or a bare address, as they are kept.

    Raises Refused for what is no address, and for a local part that is not ASCII: the header of each message would
    need a server and a reader with SMTPUTF8 (RFC 6532).
    """
    name, address = split_mailbox(text)
    if "@" not in address:
        raise Refused(f"{text!r} is no address; write it like IMPALA <press@impala.example>")
    address = normalise(address).email
    if not address.rpartition("@")[0].isascii():
        raise Refused(f"{address} cannot be written in the header of every mail: before the @ take ASCII letters")
    return cleaned(name), address
