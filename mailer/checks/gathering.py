"""Laying out what the rules look at: the texts compiled, the messages made, the audience counted."""

from collections import Counter
from datetime import UTC, datetime
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from config.errors import Refused
from mailer import relays
from mailer.audience import candidates
from mailer.checks.dossier import Dossier, Readers
from mailer.checks.edition import Edition
from mailer.checks.online import dead
from mailer.checks.proofs import Proofs
from mailer.editions import Materials, compile_draft, drafts_of, materials_of
from mailer.languages import choose, official_languages
from mailer.ledger.reports import counts
from mailer.ledger.states import Skip, State
from mailer.mail_size import octets
from mailer.models import Draft, Fallback, HouseStyle, Mailing, MailingState, Sender
from mailer.plan.headers import split_mailbox
from mailer.recipient import Recipient
from mailer.render.errors import SourceError
from mailer.render.kinds import load_kind
from mailer.render.personal import attribute_names
from mailer.render.snippets import Snippets
from subscribers.models import List

EVERYBODY = 20_000
"""Up to so many readers each message is made; beyond, each combination of edition, conditions and empty fields."""
LATELY = 10
"""Mailings that are looked at to say what is usual."""
FEWEST = 3
"""Mailings without which nothing is usual."""


def gather(
    session: Session, mailing: Mailing, *, goes_out: datetime | None, now: datetime | None, online: bool
) -> Dossier:
    """The dossier of a mailing as it and its audience are now.

    `goes_out` is when it would be sent, else when it is scheduled; `now` is for tests; `online` lets links be asked.
    Raises Unknown where the audience names a list, segment or mailing that is gone.
    """
    materials = materials_of(session, mailing)
    editions = [_edition(mailing, draft, materials) for draft in drafts_of(session, mailing)]
    house = session.get(HouseStyle, mailing.organisation_id)
    readers = _readers(session, mailing, editions)
    for edition in editions:
        if edition.proofs:
            edition.octets = octets(session, edition.proofs.compilation.edition, edition.proofs.size)
    relay = relays.smallest(session)
    senders = session.scalars(select(Sender.address).where(Sender.organisation_id == mailing.organisation_id))
    named = mailing.audience.get("lists", [])
    today = now or datetime.now(UTC)
    moments = (goes_out or mailing.send_at, mailing.embargo_until, today)
    return Dossier(
        name=mailing.name,
        kind=load_kind(mailing.kind),
        house=materials.house,
        has_house=house is not None,
        default_language=mailing.default_language,
        fallback=mailing.fallback,
        sender=split_mailbox(mailing.sender)[1],
        senders=frozenset(address.lower() for address in senders),
        lists=dict(session.execute(select(List.name, List.purpose).where(List.name.in_(named))).all()),
        lines=mailing.lines,
        attachments=tuple(file.filename for file in materials.attachments),
        files=tuple(materials.pictures),
        unused=tuple(mailing.unused),
        today=today,
        goes_out=max(moment for moment in moments if moment),
        readers=readers,
        usual=_usual(session, mailing),
        relay=(relay.name, relay.limit) if relay else None,
        dead=dead(link for edition in editions for link in edition.fixed_links) if online else {},
        editions=editions,
    )


def _edition(mailing: Mailing, draft: Draft, materials: Materials) -> Edition:
    kind = load_kind(mailing.kind)
    snippets = Snippets(materials.snippets, draft.language)
    edition = Edition(draft.language, kind, draft.front, draft.lines, draft.body, draft.body_line, snippets)
    try:
        compilation = compile_draft(mailing, draft, materials)
    except SourceError as error:
        edition.problems = (error, *error.others)
    except Refused as error:
        edition.refused = str(error)
    else:
        edition.proofs = Proofs(compilation)
        edition.shown = tuple(picture.filename for picture in compilation.edition.pictures)
    return edition


def _readers(session: Session, mailing: Mailing, editions: list[Edition]) -> Readers:
    """Counts the audience, and makes its messages."""
    proofs = {edition.language: edition.proofs for edition in editions}
    attributes: set[str] = set()
    languages: Counter[str] = Counter()
    unwritten: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    rendered = 0
    for candidate in candidates(session, mailing):
        recipient, language = candidate.recipient, candidate.language
        if candidate.reason not in {None, Skip.no_edition}:
            left_out[str(candidate.reason)] += 1
            continue
        if choose(list(proofs), recipient.languages, recipient.country, "", Fallback.skip) is None:
            unwritten[_language_of(recipient)] += 1
        if language is None:
            left_out[str(candidate.reason)] += 1
            continue
        attributes |= attribute_names(recipient.attributes)
        languages[language] += 1
        made = proofs.get(language)
        if made is not None:
            rendered += made.take(recipient, only_new=languages.total() > EVERYBODY)
    return Readers(languages.total(), languages, unwritten, left_out, frozenset(attributes), rendered)


def _language_of(recipient: Recipient) -> str:
    if recipient.languages:
        return recipient.languages[0]
    official = official_languages(recipient.country) if recipient.country else ()
    return official[0] if len(official) == 1 else ""


def _usual(session: Session, mailing: Mailing) -> int | None:
    """How many readers the organisation's mailings had lately."""
    lately = session.scalars(
        select(Mailing.id)
        .where(
            Mailing.organisation_id == mailing.organisation_id,
            Mailing.state.in_([MailingState.sending, MailingState.paused, MailingState.finished]),
            Mailing.id != mailing.id,
        )
        .order_by(Mailing.started_at.desc())
        .limit(LATELY)
    )
    reached = [
        sum(number for state, number in counts(session, one).items() if not state.startswith(f"{State.skipped}:"))
        for one in lately
    ]
    return round(median(reached)) if len(reached) >= FEWEST else None
