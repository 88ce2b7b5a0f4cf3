"""From a mailing's drafts to its editions: compiled, and kept as rows named by their hashes."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from config.bulk import insert
from mailer.events import revision_of
from mailer.house import House, load_house
from mailer.models import Draft, Edition, Mailing, MailingEdition, MailingMedia, Media
from mailer.pictures import name_for
from mailer.plan.compiled import CompiledEdition, MediaRef
from mailer.render.compile import Compilation, compile_edition, picture_reference
from mailer.render.event import Revision
from mailer.render.snippets import ByLanguage
from mailer.snippets import load_snippets


@dataclass(frozen=True)
class Materials:
    """What all editions of a mailing are made with."""

    house: House
    pictures: Mapping[str, MediaRef]
    """By the names that the text uses."""
    attachments: tuple[MediaRef, ...]
    snippets: Mapping[str, ByLanguage]
    revision: Revision


def drafts_of(session: Session, mailing: Mailing) -> list[Draft]:
    """The mailing's texts by language, the default one first."""
    found = session.scalars(select(Draft).where(Draft.mailing_id == mailing.id))
    return sorted(found, key=lambda draft: (draft.language != mailing.default_language, draft.language))


def materials_of(session: Session, mailing: Mailing) -> Materials:
    """The house style, the snippets and the files of a mailing; no file's bytes are read."""
    rows = session.execute(
        select(MailingMedia, Media.content_type)
        .join(Media, Media.hash == MailingMedia.media_hash)
        .where(MailingMedia.mailing_id == mailing.id)
        .order_by(MailingMedia.filename)
    ).all()
    return Materials(
        load_house(session, mailing.organisation_id),
        {
            file.filename: picture_reference(
                file.media_hash, content_type, name_for(file.filename, content_type), file.width, file.height
            )
            for file, content_type in rows
            if not file.attached
        },
        tuple(
            MediaRef(hash=file.media_hash, content_type=content_type, filename=file.filename)
            for file, content_type in rows
            if file.attached
        ),
        load_snippets(session),
        revision_of(session, mailing),
    )


def compile_draft(mailing: Mailing, draft: Draft, materials: Materials) -> Compilation:
    """One edition. Raises SourceError and what else mailer.render.compile raises."""
    return compile_edition(
        kind=mailing.kind,
        language=draft.language,
        front=draft.front,
        body=draft.body,
        body_line=draft.body_line,
        lines=draft.lines,
        house=materials.house,
        media=materials.pictures,
        sender=mailing.sender,
        reply_to=mailing.reply_to,
        file=f"{draft.language}.md",
        attachments=materials.attachments,
        snippets=materials.snippets,
        revision=materials.revision,
    )


def compile_mailing(session: Session, mailing: Mailing) -> list[tuple[str, CompiledEdition]]:
    """Each language with its edition, the default one first. Raises SourceError for the first text that is wrong."""
    return list(_compiled(session, mailing))


def store_editions(session: Session, mailing: Mailing) -> dict[str, int]:
    """Compile the mailing and keep its editions, each once however many mailings share it: language -> edition's id.

    Sets the mailing's content hash. Raises as `compile_mailing` does.
    """
    compiled = compile_mailing(session, mailing)
    ids: dict[str, int] = {}
    for language, edition in compiled:
        row = {"hash": edition.hash, "language": language, "compiled": edition.model_dump(mode="json")}
        session.execute(insert(session, Edition).values(**row).on_conflict_do_nothing(index_elements=[Edition.hash]))
        ids[language] = session.scalars(select(Edition.id).where(Edition.hash == edition.hash)).one()
    session.execute(delete(MailingEdition).where(MailingEdition.mailing_id == mailing.id))
    for language, edition_id in ids.items():
        session.add(MailingEdition(mailing_id=mailing.id, language=language, edition_id=edition_id))
    names = "\n".join(sorted(f"{language} {edition.hash}" for language, edition in compiled))
    mailing.content_hash = hashlib.sha256(names.encode("ascii")).hexdigest()
    session.flush()
    return ids


def _compiled(session: Session, mailing: Mailing) -> Iterator[tuple[str, CompiledEdition]]:
    materials = materials_of(session, mailing)
    for draft in drafts_of(session, mailing):
        yield draft.language, compile_draft(mailing, draft, materials).edition
