"""Specimens as files that a browser and a mail program open."""

import base64
import email
import re
from collections.abc import Iterable, Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from mailer.specimen import Specimen

_PICTURE = re.compile(r"cid:([A-Za-z0-9._+@-]+)")


def write_previews(specimens: Iterable[Specimen], folder: Path) -> Iterator[Path]:
    """Write `fr.html`, `fr.txt` and `fr.eml` and their like, and give the path of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for specimen in specimens:
        message = email.message_from_bytes(specimen.content, policy=default)
        assert isinstance(message, EmailMessage)
        for ending, content in (
            ("html", _document(message).encode()),
            ("txt", _part(message, "plain").encode()),
            ("eml", specimen.content),
        ):
            path = folder / f"{specimen.language}.{ending}"
            path.write_bytes(content)
            yield path


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None
    return str(part.get_content())


def _document(message: EmailMessage) -> str:
    """The HTML with its pictures inside, so that a browser shows it as it is."""
    pictures: dict[str, str] = {}
    for part in message.walk():
        name = str(part.get("Content-ID", "")).strip("<> ")
        if name and part.get_content_maintype() == "image":
            data = part.get_payload(decode=True)
            assert isinstance(data, bytes)
            pictures[name] = f"data:{part.get_content_type()};base64,{base64.b64encode(data).decode('ascii')}"
    return _PICTURE.sub(lambda found: pictures.get(found[1], found[0]), _part(message, "html"))
