"""A mailing's message as somebody would get it, made for looking at: no ledger, and a way out that concerns nobody."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate, make_msgid

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.errors import Refused, Unavailable, Unknown
from config.settings import settings
from mailer.audience import recipient_of
from mailer.editions import compile_draft, drafts_of, materials_of
from mailer.languages import choose
from mailer.links import list_domain
from mailer.models import Mailing, Media
from mailer.plan.compiled import CompiledEdition
from mailer.plan.domains import ascii_domain
from mailer.plan.message import MessagePlan
from mailer.recipient import Recipient
from mailer.smtp.envelope import Envelope
from mailer.smtp.fleet import Fleet
from mailer.stamps import Stamps
from subscribers.addresses import normalise
from subscribers.models import List, Subscriber
from subscribers.people import find_person
from subscribers.suppression import is_suppressed

NOBODY = "0" * 20
"""Stands in the unsubscribe link for a subscriber's public id: the link works, and nobody leaves by it."""
SOMEBODY = "reader@example.org"
"""The address of a reader of whom nothing is known."""


@dataclass(frozen=True, slots=True)
class Specimen:
    """One message."""

    language: str
    return_path: str
    content: bytes
    """CRLF only, no line beginning with a dot: as it goes down the wire."""


def specimens(
    session: Session, mailing: Mailing, *, address: str = "", language: str = "", prefix: str = "", to: str = ""
) -> Iterator[Specimen]:
    """The message that the subscriber `address` would get: their edition, or the one in `language`.

    Without an address: the one in `language`, or each edition, to a reader of whom only an address is known. `prefix`
    goes before the subject; `to` is who it is addressed to instead. Raises Unknown for an address or language that
    there is not, Refused for a text that cannot be compiled, RenderError for one that fails with this reader.
    """
    drafts = {draft.language: draft for draft in drafts_of(session, mailing)}
    if language and language not in drafts:
        raise Unknown("edition", language, drafts)
    reader = recipient_of(find_person(session, address)) if address else Recipient(SOMEBODY)
    wanted = [language] if language else [_edition_for(mailing, reader, list(drafts))] if address else list(drafts)
    materials = materials_of(session, mailing)
    stamps = Stamps(session, mailing)
    shown_list = _some_list(session, mailing)
    for name in wanted:
        edition = compile_draft(mailing, drafts[name], materials).edition
        if prefix:
            edition = edition.model_copy(update={"subject": f"{prefix} {edition.subject}"})
        stamp = stamps.stamp(0, NOBODY, shown_list, name, formatdate(localtime=False))
        # One of its own each time: some mailboxes hide a message whose Message-ID they have had.
        stamp = stamp._replace(message_id=make_msgid(domain=ascii_domain(list_domain(mailing))))
        addressed = reader._replace(email=to) if to else reader
        content = MessagePlan(edition, _media(session, edition)).assemble(addressed, stamp)
        yield Specimen(name, stamp.return_path, content)


def send_test(session: Session, mailing: Mailing, address: str, *, language: str = "") -> str:
    """Send one message, marked [Test], to `address` through the first relay that answers; the server's last words.

    Its text is the one for the subscriber with that address, if there is one. Raises Refused where the address is
    suppressed or a server refuses it, Unavailable where no relay answers.
    """
    to = normalise(address).email
    if is_suppressed(session, to):
        raise Refused(f"{to} is suppressed and gets no mail")
    known = session.scalar(select(Subscriber.id).where(Subscriber.email_key == normalise(address).key)) is not None
    language = language or ("" if known else mailing.default_language)
    made = next(specimens(session, mailing, address=to if known else "", language=language, prefix="[Test]", to=to))
    trouble = ""
    for relay in settings().relays:
        answer = _Answer()
        fleet = Fleet(relay, 1)
        try:
            result = fleet.run(iter([Envelope(0, made.return_path, to, (made.content,))]), answer)
        finally:
            fleet.close()
        if answer.code:
            if not 200 <= answer.code < 300:
                raise Refused(f"{relay.name} refused it: {answer.code} {answer.text}")
            return f"{relay.name}: {answer.code} {answer.text}"
        if result.unknown:
            raise Unavailable(f"{relay.name} took the message and did not answer; it may arrive all the same")
        trouble = str(result.relay_error or result.given_up[0])
    raise Unavailable(f"no relay takes mail now: {trouble}")


class _Answer:
    """The journal of one message: the server's answer to it."""

    def __init__(self) -> None:
        self.code = 0
        self.text = ""

    def end_sent(self, key: int) -> bool:
        return True

    def end_withdrawn(self, key: int) -> None:
        pass

    def replied(self, key: int, code: int, text: str) -> None:
        self.code, self.text = code, text


def _edition_for(mailing: Mailing, reader: Recipient, written: list[str]) -> str:
    chosen = choose(written, reader.languages, reader.country, mailing.default_language, mailing.fallback)
    if chosen is None:
        raise Refused(
            f"{reader.email} reads none of the languages of {mailing.name!r} and would get nothing; name an edition"
            f" with --language: {', '.join(written)}"
        )
    return chosen


def _some_list(session: Session, mailing: Mailing) -> int:
    """The list that the message names: the first of the mailing's audience, else the first there is."""
    named = mailing.audience.get("lists", [])
    ids: dict[str, int] = {row.name: row.id for row in session.execute(select(List.name, List.id).order_by(List.id))}
    for name in (*named, *ids):
        if name in ids:
            return ids[name]
    raise Refused("there is no list yet, and mail names the one it goes to; create it with: broadside list create")


def _media(session: Session, edition: CompiledEdition) -> dict[str, bytes]:
    hashes = {file.hash for file in (*edition.pictures, *edition.attachments)}
    return {row.hash: row.content for row in session.scalars(select(Media).where(Media.hash.in_(hashes)))}
