"""How it reads: shouting, the subject and the preheader, length and level."""

import re
from difflib import SequenceMatcher

from mailer.checks import words
from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.pieces import Sort
from mailer.checks.registry import Found, edition_rule
from mailer.checks.samples import longest, sampled
from mailer.findings import Level

LONG_SUBJECT = 70
LONG_SENTENCE = 60
"""Words, from which on nobody follows."""
ALIKE = 0.8
"""Of 1: how much of a preheader may be the subject."""
_WORD = re.compile(r"[^\W\d_][\w’'-]*")
_END = re.compile(r"[.!?…؟:]+[)\"”»’]*\s+")
_LOUD = re.compile(r"(?:\b[^\W\d_]{2,}\b[\s,;:’'-]*){4,}")
_ENOUGH = 20
"""Letters in capitals that are no longer a row of abbreviations."""
_SENTENCES = 8
"""Below which a reading level says nothing."""


@edition_rule(Level.warning)
def capitals(edition: Edition, dossier: Dossier) -> Found:
    """Whole sentences in capitals."""
    del dossier
    for block in edition.blocks:
        for found in _LOUD.finditer(block.text) if block.sort != Sort.code else ():
            run = re.search(r"(?:\b[^\W\d_a-zß-öø-ÿ]{2,}\b[\s,;:’'-]*){4,}", found[0])
            if run and run[0].isupper() and sum(map(str.isupper, run[0])) >= _ENOUGH:
                at = block.where(found.start() + run.start())
                yield at, f"{_short(run[0])!r} is in capitals, which reads like shouting", "write it in small letters"


@edition_rule(Level.warning)
def exclamation_marks(edition: Edition, dossier: Dossier) -> Found:
    """Three exclamation marks."""
    del dossier
    for block in edition.blocks:
        found = re.search(r"[!?]*!(?:\s?[!?]){2,}", block.text)
        if found and found[0].count("!") >= 3 and block.sort != Sort.code:
            yield block.where(found.start()), f"{found[0]!r} shouts", "write one, or a full stop"


@edition_rule(Level.warning)
def long_subject(edition: Edition, dossier: Dossier) -> Found:
    """A subject of more than 70 characters."""
    del dossier
    number = len(" ".join(longest(edition.front_text("subject")).split()))
    if number > LONG_SUBJECT:
        message = f"the subject has up to {number} characters, and inboxes show about {LONG_SUBJECT}"
        yield edition.at("subject"), message, "shorten it, the most important words first"


@edition_rule(Level.warning)
def preheader_repeats(edition: Edition, dossier: Dossier) -> Found:
    """The preheader says what the subject has said."""
    del dossier
    subject, preheader = (sampled(edition.front_text(name)).casefold().strip(" .") for name in ("subject", "preheader"))
    if preheader and subject:
        same = SequenceMatcher(None, subject, preheader).ratio() >= ALIKE or preheader.startswith(subject)
        if same:
            message = "the preheader repeats the subject, beside which it stands in the inbox"
            yield edition.at("preheader"), message, "say there what the subject leaves open"


@edition_rule(Level.warning)
def length(edition: Edition, dossier: Dossier) -> Found:
    """The text is shorter or longer than its kind is."""
    fewest, most = dossier.kind.check.words
    number = sum(len(_WORD.findall(block.text)) for block in edition.prose)
    kind = dossier.kind.title.lower()
    if number > most:
        message = f"the text has {number:,} words; this kind, {kind}, has no more than {most:,}"
        yield edition.at(), message, "shorten it, or put part of it on the website"
    elif number < fewest:
        message = f"the text has {number:,} words; this kind, {kind}, has at least {fewest:,}"
        yield edition.at(), message, "see whether something was left out"


@edition_rule(Level.warning)
def long_sentence(edition: Edition, dossier: Dossier) -> Found:
    """A sentence of more than 60 words."""
    del dossier
    for block in edition.prose:
        at = 0
        for end in [*(found.end() for found in _END.finditer(block.text)), len(block.text)]:
            number = len(_WORD.findall(block.text[at:end]))
            if number > LONG_SENTENCE:
                message = f"a sentence of {number} words begins with {_short(block.text[at:end])!r}"
                yield block.where(at), message, "make it two or three"
            at = end


@edition_rule(Level.warning)
def reading_level(edition: Edition, dossier: Dossier) -> Found:
    """The text is harder to read than its kind should be."""
    texts = [block.text for block in edition.prose if block.sort in {Sort.paragraph, Sort.item, Sort.quote}]
    sentences = sum(len(_END.findall(f"{text} ")) or 1 for text in texts)
    found = [word for text in texts for word in _WORD.findall(text)]
    if sentences < _SENTENCES or not found or edition.language.partition("-")[0] in {"ar", "el", "bg", "uk"}:
        return
    level = round(len(found) / sentences + 100 * sum(len(word) > 6 for word in found) / len(found))
    most = dossier.kind.check.lix + words.lix_allowance(edition.language)
    if level > most:
        yield (
            edition.at(),
            f"the text reads like a law: its reading level (LIX) is {level}, and {most} is the most for its kind",
            "make sentences shorter, and write short words for long ones",
        )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 40 else f"{text[:40].rsplit(' ', 1)[0]} ..."
