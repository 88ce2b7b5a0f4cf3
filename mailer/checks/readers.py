"""The audience: who would get the mailing, who would not, and why."""

from mailer.checks.dossier import Dossier
from mailer.checks.registry import Found, mailing_rule
from mailer.findings import Level
from mailer.models import Fallback

TIMES_THE_USUAL = 10
MANY = 10
"""Left out, from which on a warning is worth its line."""
SHARE = 0.2


@mailing_rule(Level.error)
def default_language(dossier: Dossier) -> Found:
    """There is no text in the default language."""
    if dossier.default_language not in {edition.language for edition in dossier.editions}:
        yield (
            dossier.at("default_language"),
            f"there is no text in the default language, {dossier.default_language}",
            f"write {dossier.default_language}.md, or name another `default_language:`",
        )


@mailing_rule(Level.error)
def empty_audience(dossier: Dossier) -> Found:
    """Nobody would get the mailing."""
    if not dossier.readers.number:
        yield (
            dossier.at("audience"),
            "nobody would get this mailing",
            f"name lists with confirmed subscribers; `broadside mailing audience {dossier.name}` tells who and why not",
        )


@mailing_rule(Level.warning)
def large_audience(dossier: Dossier) -> Found:
    """Ten times as many people as usual would get it."""
    if dossier.usual and dossier.readers.number >= TIMES_THE_USUAL * dossier.usual:
        yield (
            dossier.at("audience"),
            f"{dossier.readers.number:,} people would get it, and your mailings usually go to {dossier.usual:,}",
            "look once more whether these are the right lists",
        )


@mailing_rule(Level.warning)
def wrong_purpose(dossier: Dossier) -> Found:
    """A list has a purpose that this kind of mailing does not serve."""
    for name, purpose in dossier.lists.items():
        if purpose in dossier.kind.check.not_for:
            yield (
                dossier.at("audience.lists"),
                f"the list {name} is for {purpose}, and its people did not ask for mail of this kind",
                "take it out of the audience, or send them another mailing",
            )


@mailing_rule(Level.warning)
def left_out(dossier: Dossier) -> Found:
    """Many people in the audience get nothing."""
    number = sum(dossier.readers.left_out.values())
    if number >= MANY and number >= SHARE * (number + dossier.readers.number):
        reasons = ", ".join(f"{reason} {of:,}" for reason, of in dossier.readers.left_out.items())
        yield (
            dossier.at("audience"),
            f"{number:,} of {number + dossier.readers.number:,} people get nothing: {reasons}",
            f"`broadside mailing audience {dossier.name}` names them",
        )


@mailing_rule(Level.warning)
def unwritten_language(dossier: Dossier) -> Found:
    """People read none of the languages there are."""
    instead = f"get the edition in {dossier.default_language}"
    if dossier.fallback == Fallback.skip:
        instead = "get nothing"
    for language, number in sorted(dossier.readers.unwritten.items(), key=lambda one: -one[1]):
        people = "1 person" if number == 1 else f"{number:,} people"
        get = instead if number > 1 else instead.replace("get", "gets", 1)
        if language:
            reads = "reads" if number == 1 else "read"
            yield dossier.at(), f"{people} who {reads} {language} {get}", f"write {language}.md, or leave it at that"
        else:
            message = f"{people} whose language is not known {get}"
            yield dossier.at(), message, "add their languages, or leave it at that"
