"""A mailing as a folder of texts and files, made into rows: again and again until it is sent."""

import hashlib
import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config.bulk import insert
from config.errors import Refused, Unknown
from config.files import read_bytes
from mailer.control import find_mailing
from mailer.mailing_file import NAME, MailingFile, read_with_lines
from mailer.models import Draft, Mailing, MailingMedia, MailingState, Media, Sender
from mailer.pictures import ENDINGS, SOURCE_BYTES, make_ready, shown_width
from mailer.plan.headers import split_mailbox
from mailer.render.kinds import Kind, load_kind
from mailer.text_file import TextFile, read_text_file
from subscribers.lists import find_list, short_name
from subscribers.organisation import default_organisation
from subscribers.segments import find_segment

ATTACHED_BYTES = 10_000_000
"""The most that all attachments may have; many servers refuse mails much larger than this."""


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    content_type: str
    content: bytes
    attached: bool
    width: int = 0
    height: int = 0

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
    _check_names(session, described, lines, name)
    kind = load_kind(described.kind)
    texts = [read_text_file(file, kind) for file in sorted(path.glob("*.md"))]
    if not texts:
        raise Refused(f"{path}: there is no text; write one in a file named after its language, like en.md")
    languages = [text.language for text in texts]
    twice = next((language for language in languages if languages.count(language) > 1), None)
    if twice:
        raise Refused(f"{path}: two files hold the text in {twice}; remove one")
    files = _attachments(path, described.attachments) + _pictures(path, kind, texts)
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
                front=described.front_of(text.front),
                body=text.body,
                body_line=text.body_line,
                lines=text.lines,
            )
        )
    for file in files:
        keep = insert(session, Media).values(hash=file.hash, content_type=file.content_type, content=file.content)
        session.execute(keep.on_conflict_do_nothing())
        session.add(
            MailingMedia(
                mailing_id=mailing.id,
                filename=file.name,
                attached=file.attached,
                media_hash=file.hash,
                width=file.width,
                height=file.height,
            )
        )
    session.flush()
    return mailing


def _check_names(session: Session, described: MailingFile, lines: Mapping[str, int], own: str) -> None:
    """Raises Refused, with the line, for a list, a segment or a mailing that there is not."""
    audience = described.audience
    named: tuple[tuple[str, tuple[str, ...], Callable[[Session, str], object]], ...] = (
        ("audience.lists", audience.lists, find_list),
        ("audience.segments", audience.segments, find_segment),
        ("audience.exclude.lists", audience.exclude.lists, find_list),
        ("audience.exclude.mailings", audience.exclude.mailings, find_mailing),
    )
    for place, names, find in named:
        for number, name in enumerate(names, start=1):
            try:
                find(session, name)
            except Unknown as error:
                raise Refused(f"{NAME}, line {lines[f'{place}.{number}']}: {error}") from None
    if own in audience.exclude.mailings:
        raise Refused(f"{own} excludes those who get it; name another mailing under exclude")


def _organisation(session: Session, sender: str) -> int:
    """Whose the mailing is: the organisation that the sender's address belongs to, else the first."""
    address = split_mailbox(sender)[1]
    known = session.scalar(select(Sender.organisation_id).where(Sender.address == address))
    return known or default_organisation(session).id


def _attachments(folder: Path, names: tuple[str, ...]) -> list[_File]:
    """The files to attach, as they are."""
    files = []
    for name in sorted(set(names)):
        if name not in _names(folder):
            raise Refused(f"mailing.yaml: attachments: no file {name!r} in {folder.name}; add it to the folder")
        guessed, encoding = mimetypes.MimeTypes().guess_type(name)
        content_type = guessed if guessed and not encoding else "application/octet-stream"
        files.append(_File(name, content_type, _content(folder / name), attached=True))
    attached = sum(len(file.content) for file in files)
    if attached > ATTACHED_BYTES:
        raise Refused(
            f"{folder.name}: the attachments have {attached:,} bytes and travel in every mail; at most "
            f"{ATTACHED_BYTES:,}. Put the large ones on the website and link to them"
        )
    return files


def _pictures(folder: Path, kind: Kind, texts: list[TextFile]) -> list[_File]:
    """The pictures, ready for the places where the texts show them."""
    written = {text.language: (text.front, text.body) for text in texts}
    files = []
    for name in sorted(name for name in _names(folder) if Path(name).suffix.lower() in ENDINGS):
        ready = make_ready(name, _content(folder / name), shown_width(kind, written, name))
        files.append(_File(name, ready.content_type, ready.content, False, ready.width, ready.height))
    return files


def _names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if file.is_file() and not file.name.startswith(".")}


def _content(path: Path) -> bytes:
    content = read_bytes(path, SOURCE_BYTES)
    if not content:
        raise Refused(f"{path.name}: the file is empty; save it again or take it out of the folder")
    return content
