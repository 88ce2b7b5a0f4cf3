"""A mailing as a folder of texts and files, made into rows: again and again until it is sent."""

import hashlib
import io
import mimetypes
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config.bulk import insert
from config.errors import Refused
from config.files import read_bytes
from mailer.control import find_mailing
from mailer.mailing_file import NAME, MailingFile, read_with_lines
from mailer.models import Draft, Mailing, MailingMedia, MailingState, Media, Sender
from mailer.plan.headers import split_mailbox
from mailer.render.kinds import load_kind
from mailer.text_file import read_text_file
from subscribers.lists import find_list, short_name
from subscribers.organisation import default_organisation
from subscribers.segments import find_segment

PICTURES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif"}
"""Pillow's names for what every mail program shows."""
ENDINGS = {".png", ".jpg", ".jpeg", ".gif"}
PICTURE_BYTES = 1_000_000
"""The most that one picture may have: it travels in every mail."""
ATTACHED_BYTES = 10_000_000
"""The most that all attachments may have; many servers refuse mails much larger than this."""


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    content_type: str
    content: bytes
    attached: bool

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def import_folder(session: Session, path: Path) -> Mailing:
    """Make the folder at `path` a mailing under the folder's name, or renew the one of that name.

    Its texts, pictures and attachments take the place of those before. Raises Refused, with file and line, for what
    cannot be read, an unknown key, list, segment, mailing or kind (with the nearest that there is), a picture that is
    none, and a mailing that is being sent or was.
    """
    path = path.resolve()
    if not path.is_dir():
        raise Refused(f"{path}: there is no such folder")
    name = short_name("mailing", path.name)
    mailing = session.scalar(select(Mailing).where(Mailing.name == name).with_for_update())
    if mailing is not None and mailing.state not in {MailingState.draft, MailingState.scheduled}:
        raise Refused(
            f"the mailing {name} is {mailing.state} and cannot be changed any more; copy the folder under another name"
        )
    described, lines = read_with_lines(path)
    _check_names(session, described, name)
    kind = load_kind(described.kind)
    texts = [read_text_file(file, kind) for file in sorted(path.glob("*.md"))]
    if not texts:
        raise Refused(f"{path}: there is no text; write one in a file named after its language, like en.md")
    languages = [text.language for text in texts]
    twice = next((language for language in languages if languages.count(language) > 1), None)
    if twice:
        raise Refused(f"{path}: two files hold the text in {twice}; remove one")
    files = _files(path, described.attachments)
    unused = _names(path) - {NAME} - {file.name for file in files}

    organisation_id = _organisation(session, described.sender)
    mailing = mailing or Mailing(name=name)
    mailing.organisation_id = organisation_id
    mailing.title = described.name
    mailing.kind = described.kind
    mailing.sender = described.sender
    mailing.reply_to = described.reply_to
    mailing.audience = described.audience.model_dump(mode="json")
    mailing.default_language = described.default_language
    mailing.fallback = described.fallback
    mailing.urgent = described.urgent
    mailing.on_uncertain = described.on_uncertain
    mailing.deadline_hours = kind.deadline_hours
    mailing.lines = lines
    mailing.unused = sorted(name for name in unused if Path(name).suffix != ".md")
    session.add(mailing)
    session.flush()
    session.execute(delete(Draft).where(Draft.mailing_id == mailing.id))
    session.execute(delete(MailingMedia).where(MailingMedia.mailing_id == mailing.id))
    for text in texts:
        session.add(
            Draft(
                mailing_id=mailing.id,
                language=text.language,
                front=_with(described.fields, text.front),
                body=text.body,
                body_line=text.body_line,
                lines=text.lines,
            )
        )
    for file in files:
        keep = insert(session, Media).values(hash=file.hash, content_type=file.content_type, content=file.content)
        session.execute(keep.on_conflict_do_nothing())
        session.add(
            MailingMedia(mailing_id=mailing.id, filename=file.name, media_hash=file.hash, attached=file.attached)
        )
    session.flush()
    return mailing


def _with(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A text's own fields, and those of all texts that it does not have, group by group."""
    both = {**shared, **own}
    for key in shared.keys() & own.keys():
        if isinstance(shared[key], Mapping) and isinstance(own[key], Mapping):
            both[key] = _with(shared[key], own[key])
    return both


def _check_names(session: Session, described: MailingFile, own: str) -> None:
    """Raises Unknown for a list, a segment or a mailing that there is not."""
    audience = described.audience
    for name in (*audience.lists, *audience.exclude.lists):
        find_list(session, name)
    for name in audience.segments:
        find_segment(session, name)
    for name in audience.exclude.mailings:
        find_mailing(session, name)
        if name == own:
            raise Refused(f"{own} excludes those who get it; name another mailing under exclude")


def _organisation(session: Session, sender: str) -> int:
    """Whose the mailing is: the organisation that the sender's address belongs to, else the first."""
    address = split_mailbox(sender)[1]
    known = session.scalar(select(Sender.organisation_id).where(Sender.address == address))
    return known or default_organisation(session).id


def _files(folder: Path, attachments: tuple[str, ...]) -> list[_File]:
    names = _names(folder)
    for name in attachments:
        if name not in names:
            raise Refused(f"mailing.yaml: attachments: no file {name!r} in {folder.name}; add it to the folder")
    pictures = {name for name in names if Path(name).suffix.lower() in ENDINGS}
    files = [
        _file(folder / name, picture=name in pictures, attached=name in attachments)
        for name in sorted({*pictures, *attachments})
    ]
    attached = sum(len(file.content) for file in files if file.attached)
    if attached > ATTACHED_BYTES:
        raise Refused(
            f"{folder.name}: the attachments have {attached:,} bytes and travel in every mail; at most "
            f"{ATTACHED_BYTES:,}. Put the large ones on the website and link to them"
        )
    return files


def _names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")}


def _file(path: Path, *, picture: bool, attached: bool) -> _File:
    content = read_bytes(path, 2 * ATTACHED_BYTES)
    if not content:
        raise Refused(f"{path.name}: the file is empty; save it again or take it out of the folder")
    if picture:
        return _File(path.name, _picture_type(path.name, content), content, attached)
    guessed, encoding = mimetypes.MimeTypes().guess_type(path.name)
    return _File(path.name, guessed if guessed and not encoding else "application/octet-stream", content, attached)


def _picture_type(name: str, content: bytes) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a decompression bomb is only a warning at first
            with Image.open(io.BytesIO(content)) as picture:
                form = picture.format or ""
                picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError):
        raise Refused(f"{name}: this is no picture, or a damaged one; save it again as PNG, JPEG or GIF") from None
    if form not in PICTURES:
        raise Refused(f"{name}: this is a {form} picture; mail programs show PNG, JPEG and GIF")
    if len(content) > PICTURE_BYTES:
        raise Refused(
            f"{name}: has {len(content):,} bytes and travels in every mail; save it with at most {PICTURE_BYTES:,}"
        )
    return PICTURES[form]
