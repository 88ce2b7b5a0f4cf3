"""Who speaks: the sender, and what the house style has to say at the end of every mail."""

from mailer.checks.dossier import HOUSE, Dossier
from mailer.checks.edition import Edition
from mailer.checks.registry import Found, edition_rule, mailing_rule
from mailer.findings import Level
from mailer.render.errors import Where
from mailer.render.words import fallbacks

_ENTER = "and enter it with `broadside house import`"


@mailing_rule(Level.error)
def foreign_sender(dossier: Dossier) -> Found:
    """The sender is none of the addresses that the organisation may send as."""
    if dossier.senders and dossier.sender.lower() not in dossier.senders:
        known = ", ".join(sorted(dossier.senders))
        yield (
            dossier.at("from"),
            f"{dossier.sender} is not among the addresses that {dossier.house.name} sends from: {known}",
            f"write one of them, or add this one as `sender:` to the house style {_ENTER}",
        )


@mailing_rule(Level.warning)
def no_postal_address(dossier: Dossier) -> Found:
    """The mail carries no postal address."""
    if not dossier.house.address:
        missing = "" if dossier.has_house else "no house style was entered, so "
        yield (
            Where(HOUSE),
            f"{missing}mail of this organisation carries no postal address, which the law asks for in many countries",
            f"add `address:` to the house style {_ENTER}",
        )


@mailing_rule(Level.warning)
def no_contact(dossier: Dossier) -> Found:
    """Journalists are asked to call, and find nobody to call."""
    contact = dossier.house.contact
    if dossier.kind.check.contact and not (contact.email or contact.phone):
        yield (
            Where(HOUSE),
            "there is no press contact, whom readers of this kind of mailing look for first",
            f"add `contact:` with `email:` and `phone:` to the house style {_ENTER}",
        )


@edition_rule(Level.warning)
def no_boilerplate(edition: Edition, dossier: Dossier) -> Found:
    """What the organisation says of itself is not written in this language."""
    written = dossier.house.boilerplate
    if any(name in written for name in fallbacks(edition.language)):
        return
    shown = next((name for name in ("en", *written) if name in written), "")
    if shown:
        message = f"what {dossier.house.name} says of itself stands there in {shown}"
    else:
        message = f"nothing says who {dossier.house.name} is"
    if shown or dossier.kind.check.contact:
        yield edition.at(), message, f"add a text in {edition.language} to `boilerplate:` of the house style {_ENTER}"
