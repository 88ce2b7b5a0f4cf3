"""What stands between braces, and the message that comes of it for each reader."""

import re
from difflib import get_close_matches

from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.registry import Found, edition_rule
from mailer.findings import Level
from mailer.render.errors import Where
from mailer.render.front import texts_by_field

_MEND = "correct it; docs/writing.md tells what may stand there"
HEAVY = 2_000_000
"""Octets of a message with its files that burden an inbox."""
LARGE = 100_000
"""Bytes of a document from which some mail programs cut it off (Gmail at 102 KB)."""


@edition_rule(Level.error)
def text(edition: Edition, dossier: Dossier) -> Found:
    """Something in braces cannot be read, a field is missing, a picture or link leads nowhere."""
    del dossier
    seen = set()
    for problem in edition.problems:
        if str(problem) not in seen:
            reason, _, hint = problem.problem.partition("; ")  # "no field named ...; did you mean ...?"
            yield problem.at, reason if not problem.remedy else problem.problem, problem.remedy or hint or _MEND
        seen.add(str(problem))


@edition_rule(Level.error)
def template(edition: Edition, dossier: Dossier) -> Found:
    """The kind's template cannot be made with this text."""
    if edition.refused:
        yield edition.at(), edition.refused, f"whoever looks after the template {dossier.kind.folder} has to mend it"


@edition_rule(Level.error)
def attribute(edition: Edition, dossier: Dossier) -> Found:
    """Nobody in the audience has an attribute that the text names."""
    if edition.proofs is None or not dossier.readers.number:
        return
    known = dossier.readers.attributes
    for name in sorted(edition.proofs.compilation.usage.attributes - known):
        used = re.compile(rf"attributes\s*(?:\.\s*|\[\s*[\"']){re.escape(name)}\b")
        lines = (at for at, line in enumerate(edition.body.split("\n"), edition.body_line) if used.search(line))
        fields = (field for field, words in texts_by_field(edition.front) if used.search(words))
        snippets = (Where(f"snippet {name}") for name, words in edition.included.items() if used.search(words))
        line, field = next(lines, None), next(fields, "")
        near = get_close_matches(name, known, n=1, cutoff=0.5)
        yield (
            edition.line(line) if line else edition.at(field) if field else next(snippets, edition.at()),
            f"nobody in the audience has the attribute {name!r}",
            f"did you mean {near[0]!r}?" if near else "import it with the subscribers, or take it out",
        )


@edition_rule(Level.error)
def rendering(edition: Edition, dossier: Dossier) -> Found:
    """For some readers the message cannot be written."""
    del dossier
    if edition.proofs is None:
        return
    for (part, reason), number in edition.proofs.failures.items():
        readers = "1 reader" if number == 1 else f"{number:,} readers"
        yield (
            edition.at("subject" if part == "subject" else ""),
            f"for {readers}, among them {edition.proofs.examples[part, reason]}, this cannot be written: {reason}",
            "correct their data, or what the text does with it",
        )


@edition_rule(Level.error)
def empty_subject(edition: Edition, dossier: Dossier) -> Found:
    """Some readers would get a mail without a subject."""
    del dossier
    if edition.proofs and edition.proofs.without_subject:
        number = edition.proofs.without_subject
        yield (
            edition.at("subject"),
            f"{number:,} reader{'s' if number > 1 else ''} would get an empty subject",
            'give it words for them, as in {{ organisation or "For you" }}',
        )


@edition_rule(Level.error)
def too_large(edition: Edition, dossier: Dossier) -> Found:
    """The mail is larger than a relay takes."""
    if dossier.relay and edition.octets > dossier.relay[1]:
        name, limit = dossier.relay
        kilobytes = f"{edition.octets // 1000:,} KB with its files, and relay {name} takes no more than"
        yield (
            edition.at(),
            f"the mail has {kilobytes} {limit // 1000:,} KB",
            "make the files smaller, or put them on the website and link to them",
        )


@edition_rule(Level.warning)
def size(edition: Edition, dossier: Dossier) -> Found:
    """The mail is so large that some mail programs cut it off."""
    del dossier
    if edition.proofs and edition.proofs.size >= LARGE:
        yield (
            edition.at(),
            f"the mail has up to {edition.proofs.size // 1000} KB; some mail programs cut it off at 100",
            "shorten the text, or put part of it on the website",
        )


@edition_rule(Level.warning)
def heavy(edition: Edition, dossier: Dossier) -> Found:
    """The mail with its pictures and attachments burdens an inbox."""
    del dossier
    if edition.octets > HEAVY:
        yield (
            edition.at(),
            f"the mail has {edition.octets / 1_000_000:.1f} MB with its pictures and attachments",
            "make them smaller, or put them on the website and link to them",
        )
