"""The oracle: what a message should be, put together by the standard library's `email` and compared by its parser.

It shares no code with the message plan, and where it can it takes another way to say the same: bodies in base64, every
header value in encoded words.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email import message_from_bytes
from email.header import Header, decode_header, make_header
from email.headerregistry import Address, BaseHeader, HeaderRegistry
from email.message import EmailMessage
from email.policy import SMTP, default
from functools import lru_cache

from mailer.plan.compiled import CompiledEdition, MediaRef
from mailer.plan.message import Stamp
from mailer.recipient import Recipient


class _Fields(HeaderRegistry):
    """Reads a field once: nearly all of them repeat, and a message's own are asked for again and again."""

    @lru_cache(maxsize=4096)  # noqa: B019 - there is one of these
    def __call__(self, name: str, value: str) -> BaseHeader:
        return super().__call__(name, value)


_FIELDS = _Fields()
_BUILT, _READ = (policy.clone(header_factory=_FIELDS) for policy in (SMTP, default))
_ADDED_ON_THE_WAY = {"received", "return-path", "delivered-to", "x-peer", "x-mailfrom", "x-rcptto"}
_OF_THE_PART = {"content-type", "content-transfer-encoding", "content-disposition", "content-id", "mime-version"}


def build(
    edition: CompiledEdition,
    recipient: Recipient,
    stamp: Stamp,
    media: Mapping[str, bytes],
    *,
    subject: str,
    text: str,
    html: str,
    calendar: str = "",
) -> bytes:
    """The message of an edition whose texts are already rendered for this recipient."""
    name = one_line(f"{recipient.first_name} {recipient.last_name}")
    ways_out = [stamp.unsubscribe_url, *([stamp.unsubscribe_mailto] if stamp.unsubscribe_mailto else [])]
    fields = {
        "From": _mailbox(*_sender(edition.sender)),
        "Reply-To": _mailbox(*_sender(edition.reply_to)) if edition.reply_to else "",
        "To": _mailbox(name, recipient.email),
        "Subject": _words(one_line(subject)),
        "Date": stamp.date,
        "Message-ID": stamp.message_id,
        "List-Id": f"{_words(one_line(stamp.of_list.title))} <{stamp.of_list.identifier}>",
        "List-Unsubscribe": ", ".join(f"<{url}>" for url in ways_out),
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" if stamp.unsubscribe_url.startswith("https:") else "",
        "List-Help": f"<{stamp.of_list.help_url}>",
        "List-Owner": f"<{stamp.of_list.owner_url}>",
        "Feedback-ID": stamp.of_list.feedback_id,
        "Content-Language": edition.language,
    }
    head = "".join(f"{field}: {value}\r\n" for field, value in fields.items() if value)
    message = EmailMessage(_BUILT)
    message.set_content(_encodable(text), subtype="plain", charset="utf-8", cte="base64")
    if edition.calendar:
        # RFC 6047, section 2.4: the method of the part is that of the calendar in it.
        method = "CANCEL" if "\nMETHOD:CANCEL\n" in calendar else "REQUEST"
        message.add_alternative(calendar, subtype="calendar", charset="utf-8", cte="base64", params={"method": method})
    message.add_alternative(_encodable(html), subtype="html", charset="utf-8", cte="base64")
    body = message.get_payload()[-1]
    for picture in edition.pictures:
        body.add_related(*_file(picture, media), **_file_options(picture), cid=f"<{picture.cid}>", disposition="inline")
    for attachment in edition.attachments:
        message.add_attachment(*_file(attachment, media), **_file_options(attachment))
    return head.encode() + message.as_bytes()


def same(received: bytes, expected: bytes) -> bool:
    """Whether two messages say the same in the same structure."""
    return not differences(received, expected)


def differences(received: bytes, expected: bytes) -> list[str]:
    """What differs in header fields, structure, bodies and files, as the standard library reads both."""
    mine, other = (list(_read(message_from_bytes(raw, policy=_READ))) for raw in (received, expected))
    found = [f"only in what was received: {fact!r}" for fact in mine if fact not in other]
    found += [f"missing in what was received: {fact!r}" for fact in other if fact not in mine]
    if not found and mine != other:
        found.append("the order or number of parts")
    return found


def one_line(value: str) -> str:
    """The value as a header may say it."""
    words = re.split(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+", _encodable(value))
    return " ".join(word for word in words if word).strip()


def _encodable(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def _words(value: str) -> str:
    return Header(value, "utf-8").encode(linesep="\r\n") if value else ""


def _sender(value: str) -> tuple[str, str]:
    name, bracket, address = value.rpartition("<")
    return (name.strip().strip('"'), address.rstrip(">")) if bracket else ("", value)


def _mailbox(name: str, address: str) -> str:
    local, domain = address.rsplit("@", 1)
    address = f"{local}@{domain.encode('idna').decode().lower()}"
    return f"{_words(name)} <{address}>" if name else address


def _file(file: MediaRef, media: Mapping[str, bytes]) -> tuple[bytes, str, str]:
    kind = "application/octet-stream" if file.content_type.startswith("message/") else file.content_type
    maintype, _, subtype = kind.partition(";")[0].partition("/")
    return media[file.hash], maintype, subtype


def _file_options(file: MediaRef) -> dict[str, object]:
    return {"filename": one_line(file.filename), "cte": "base64"}


def _read(message: EmailMessage) -> Iterator[tuple[object, ...]]:
    """The message as facts in order: header fields, then each part."""
    raws = dict(message.raw_items())
    for name in sorted(message.keys(), key=str.lower):
        if name.lower() not in _ADDED_ON_THE_WAY | _OF_THE_PART:
            yield ("header", name, [_said(name.lower(), value, raws[name]) for value in message.get_all(name, [])])
    for depth, part in _parts(message, 0):
        kind = part.get_content_type()
        yield ("part", depth, kind)
        for defect in part.defects:
            yield ("defect", type(defect).__name__)
        if part.is_multipart():
            continue
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        identity = str(part["content-id"] or "")
        filename, how = part.get_filename(), part.get_content_disposition()
        if filename is None:
            yield (
                "body",
                kind,
                part.get_param("method"),
                data.decode(part.get_content_charset("missing")).replace("\r\n", "\n"),
            )
        else:
            yield ("file", kind, how, _utf8(filename), identity, data)


def _parts(part: EmailMessage, depth: int) -> Iterator[tuple[int, EmailMessage]]:
    yield depth, part
    if part.is_multipart():
        for child in part.iter_parts():
            yield from _parts(child, depth + 1)


def _said(name: str, value: object, raw: str) -> object:
    """What a field says, however it was folded, quoted and encoded."""
    if name in ("from", "to", "reply-to"):
        addresses: tuple[Address, ...] = value.addresses  # type: ignore[attr-defined]
        return _name(raw), [_utf8(address.addr_spec) for address in addresses]
    if name == "date":
        when: datetime = value.datetime  # type: ignore[attr-defined]
        return when.isoformat()
    text = _utf8(str(value))
    if name == "list-id":
        title, _, identifier = text.rpartition("<")
        title = title.strip()
        quoted = title[:1] == title[-1:] == '"' and len(title) > 1
        return title[1:-1] if quoted else title, identifier
    return " ".join(text.split()) if name.startswith("list-") else text


def _name(raw: str) -> str:
    """The display name of a field of one address. By the older decoder, because the newer one of Python before 3.12
    reads a space between two encoded words (RFC 2047, section 6.2, says there is none)."""
    phrase = re.sub(r"\r?\n", "", raw).rpartition("<")[0].strip()
    if phrase.startswith('"'):
        return _utf8(re.sub(r"\\(.)", r"\1", phrase[1:-1]))
    return str(make_header(decode_header(phrase)))


def _utf8(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
