"""What MAIL and RCPT say (RFC 5321 section 4.1.2): a path and parameters."""

import re

# <mailbox>, after an obsolete source route that is ignored (RFC 5321 appendix C). A quoted local part may hold
# anything but control characters, also ">".
PATH = re.compile(
    r'<(?:@[^:<>"\s]+:)?(?P<address>(?:"(?:\\[^\x00-\x1f\x7f]|[^"\\\x00-\x1f\x7f])*"|[^<>"\s\x00-\x1f\x7f])*)>(?P<rest>.*)\Z'
)


class Rejected(Exception):
    """A command that is answered with `reply` and changes nothing."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


def _path(words: str, keyword: str) -> tuple[str, list[str]]:
    if words[: len(keyword)].upper() != keyword:
        raise Rejected(f"501 5.5.4 write {keyword}<address>")
    found = PATH.match(words[len(keyword) :].lstrip(" "))
    if not found or (found["rest"] and not found["rest"].startswith(" ")):
        raise Rejected("501 5.1.7 write the address between < and >")
    if len(found["address"].encode()) > 320:
        raise Rejected("501 5.1.7 the address is too long")
    return found["address"], found["rest"].split()


def read_mail(words: str, max_size: int) -> tuple[str, bool]:
    """The sender of `MAIL` (empty: a bounce) and whether SMTPUTF8 was asked for. Raises Rejected."""
    sender, parameters = _path(words, "FROM:")
    utf8 = False
    for parameter in parameters:
        name, _, value = parameter.upper().partition("=")
        if name == "SIZE" and value.isascii() and value.isdigit() and len(value) <= 20:
            if int(value) > max_size:
                raise Rejected(f"552 5.3.4 at most {max_size} octets are taken")
        elif name == "SMTPUTF8" and not value:
            utf8 = True
        elif name != "BODY" or value not in {"7BIT", "8BITMIME"}:
            raise Rejected(f"555 5.5.4 {name[:20] if name.isalnum() else 'that'} is not a parameter of MAIL here")
    if not (utf8 or sender.isascii()):
        raise Rejected("553 5.6.7 this address needs SMTPUTF8")
    return sender, utf8


def read_rcpt(words: str, utf8: bool) -> str:
    """The recipient of `RCPT`. Raises Rejected."""
    recipient, parameters = _path(words, "TO:")
    if not recipient:
        raise Rejected("501 5.1.3 a recipient is needed")
    if parameters:
        raise Rejected("555 5.5.4 RCPT takes no parameters here")
    if not (utf8 or recipient.isascii()):
        raise Rejected("553 5.6.7 this address needs SMTPUTF8")
    return recipient
