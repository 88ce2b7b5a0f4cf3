"""The check before sending: what is wrong with a mailing, and what may be."""

import re
from collections import Counter
from difflib import get_close_matches

import lxml.html
from sqlalchemy.orm import Session

from config.errors import Refused
from mailer.audience import candidates
from mailer.editions import Materials, compile_draft, drafts_of, materials_of
from mailer.findings import Report
from mailer.languages import choose, official_languages
from mailer.ledger.states import Skip
from mailer.leftovers import leftovers
from mailer.mail_size import check_size
from mailer.models import Draft, Fallback, Mailing
from mailer.plan.compiled import CompiledEdition
from mailer.proofs import Proofs
from mailer.recipient import Recipient
from mailer.render.compile import Compilation
from mailer.render.errors import SourceError
from mailer.render.front import texts_by_field
from mailer.render.personal import attribute_names
from mailer.render.snippets import Snippets
from mailer.render.tokenise import tokenise
from mailer.render.tokens import Tokens

EVERYBODY = 20_000
"""Up to so many readers each message is made; beyond, each combination of edition, conditions and empty fields."""
LARGE = 100_000
"""Bytes of a document from which some mail programs cut it off (Gmail at 102 KB)."""
LONG_SUBJECT = 150
_BRACES = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_PERSONAL = re.compile("\x02[^\x03]*\x03|\x04[^\x05]*\x05")


def check_mailing(session: Session, mailing: Mailing) -> Report:
    """Everything found about the mailing as it and its audience are now; changes nothing.

    Compiles each edition and makes the message of every reader up to 20,000. Raises Unknown where the audience names
    a list, segment or mailing that is gone.
    """
    report = Report(mailing.name)
    drafts = drafts_of(session, mailing)
    materials = materials_of(session, mailing)
    _check_written(report, mailing, drafts, materials)
    proofs: dict[str, Proofs] = {}
    for draft in drafts:
        _check_placeholders(report, draft)
        compilation = _compile(report, mailing, draft, materials)
        if compilation is not None:
            _check_edition(report, draft, compilation.edition)
            proofs[draft.language] = Proofs(compilation)
    attributes = _check_readers(report, session, mailing, drafts, proofs)
    for draft in drafts:
        if draft.language in proofs:
            _check_proofs(report, draft.language, proofs[draft.language])
            check_size(report, session, proofs[draft.language].compilation.edition, proofs[draft.language].size)
            if report.recipients:
                _check_attributes(report, draft, proofs[draft.language], attributes)
    report.findings.sort(key=lambda finding: finding.level)  # errors first, each in the order of the texts
    return report


def _check_written(report: Report, mailing: Mailing, drafts: list[Draft], materials: Materials) -> None:
    if mailing.default_language not in {draft.language for draft in drafts}:
        report.error(
            "language",
            "mailing.yaml",
            f"there is no text in the default language, {mailing.default_language}",
            f"write {mailing.default_language}.md, or name another `default_language:`",
        )
    if not materials.house.address:
        report.warning(
            "house",
            "house style",
            "mail of this organisation carries no postal address, which the law asks for in many countries",
            "add `address:` to the house style and enter it with `broadside house import`",
        )


def _compile(report: Report, mailing: Mailing, draft: Draft, materials: Materials) -> Compilation | None:
    """The edition, or None with the first error in each field and in the body reported."""
    file = f"{draft.language}.md"
    before = len(report.findings)
    snippets = Snippets(materials.snippets, draft.language)
    for field, text in texts_by_field(draft.front):
        try:
            tokenise(text, Tokens(file, snippets=snippets), field=field, line=None)
        except SourceError as error:
            report.error("text", error.where, error.problem, error.remedy)
    try:
        tokenise(draft.body, Tokens(file, snippets=snippets), line=draft.body_line)
    except SourceError as error:
        report.error("text", error.where, error.problem, error.remedy)
    if len(report.findings) > before:
        return None
    try:
        return compile_draft(mailing, draft, materials)
    except SourceError as error:
        report.error("text", error.where, error.problem, error.remedy)
    except Refused as error:
        report.error("template", file, str(error))
    return None


def _check_placeholders(report: Report, draft: Draft) -> None:
    file = f"{draft.language}.md"
    places = [(f"{file}, {field}", None, text) for field, text in texts_by_field(draft.front)]
    for place, first, text in [*places, (file, draft.body_line, draft.body)]:
        # What stands between braces is looked at by the compiler.
        plain = _BRACES.sub(lambda found: "\n" * found[0].count("\n"), text)
        for line, words, what, sure in leftovers(plain):
            where = place if first is None else f"{place}, line {first + line - 1}"
            report_it = report.error if sure else report.warning
            report_it("placeholder", where, f"{words!r} looks like {what}", "fill it in or take it out")


def _check_edition(report: Report, draft: Draft, edition: CompiledEdition) -> None:
    file = f"{draft.language}.md"
    for picture in lxml.html.document_fromstring(_PERSONAL.sub("x", edition.html)).iter("img"):
        if not picture.get("alt", "").strip() and picture.get("role") != "presentation":
            name = next(
                (shown.filename for shown in edition.pictures if picture.get("src") == f"cid:{shown.cid}"),
                picture.get("src", ""),
            )
            line = next((at for at, text in enumerate(draft.body.split("\n")) if name in text), None)
            report.warning(
                "alt-text",
                file if line is None else f"{file}, line {draft.body_line + line}",
                f"the picture {name} has no words for those who cannot see it",
                f"describe it between the brackets: ![What it shows]({name})",
            )
    if len(_PERSONAL.sub("", edition.subject)) > LONG_SUBJECT:
        report.warning(
            "size", f"{file}, subject", f"the subject has more than {LONG_SUBJECT} characters", "most inboxes show 60"
        )


def _check_readers(
    report: Report, session: Session, mailing: Mailing, drafts: list[Draft], proofs: dict[str, Proofs]
) -> set[str]:
    """Make the messages; gives the names of the attributes that somebody in the audience has."""
    written = [draft.language for draft in drafts]
    attributes: set[str] = set()
    unwritten: Counter[str] = Counter()
    for candidate in candidates(session, mailing):
        recipient, language = candidate.recipient, candidate.language
        if candidate.reason not in {None, Skip.no_edition}:
            continue
        if choose(written, recipient.languages, recipient.country, "", Fallback.skip) is None:
            unwritten[_language_of(recipient)] += 1
        if language is None:
            continue
        report.recipients += 1
        attributes |= attribute_names(recipient.attributes)
        report.languages[language] = report.languages.get(language, 0) + 1
        if language in proofs:
            report.rendered += proofs[language].take(recipient, only_new=report.recipients > EVERYBODY)
    if not report.recipients:
        report.error(
            "audience",
            "mailing.yaml, audience",
            "nobody would get this mailing",
            "name lists with confirmed subscribers; `broadside mailing audience` shows who is left out and why",
        )
    instead = f"get the edition in {mailing.default_language}"
    if mailing.fallback == Fallback.skip:
        instead = "get nothing"
    for language, number in unwritten.most_common():
        whose = f"people who read {language}" if language else "people whose language is not known"
        remedy = f"write {language}.md, or leave it at that" if language else "add their languages, or leave it at that"
        report.warning("language", "mailing.yaml", f"{number:,} {whose} {instead}", remedy)
    return attributes


def _language_of(recipient: Recipient) -> str:
    if recipient.languages:
        return recipient.languages[0]
    official = official_languages(recipient.country) if recipient.country else ()
    return official[0] if len(official) == 1 else ""


def _check_proofs(report: Report, language: str, proofs: Proofs) -> None:
    file = f"{language}.md"
    for (part, reason), number in proofs.failures.items():
        example = proofs.examples[part, reason]
        where = f"{file}, subject" if part == "subject" else file
        report.error(
            "rendering",
            where,
            f"for {number:,} reader{'s' if number > 1 else ''}, among them {example}, this cannot be written: {reason}",
            "correct their data, or what the text does with it",
        )
    if proofs.without_subject:
        report.error(
            "rendering",
            f"{file}, subject",
            f"{proofs.without_subject:,} readers would get an empty subject",
            'give it words for them, as in {{ organisation or "For you" }}',
        )
    if proofs.size >= LARGE:
        report.warning(
            "size",
            file,
            f"the mail has up to {proofs.size // 1000} KB; some mail programs cut it off at 100",
            "shorten the text, or put part of it on the website",
        )


def _check_attributes(report: Report, draft: Draft, proofs: Proofs, known: set[str]) -> None:
    file = f"{draft.language}.md"
    for name in sorted(proofs.compilation.usage.attributes - known):
        used = re.compile(rf"attributes\s*(?:\.\s*|\[\s*[\"']){re.escape(name)}\b")
        lines = (at for at, text in enumerate(draft.body.split("\n"), draft.body_line) if used.search(text))
        fields = (field for field, text in texts_by_field(draft.front) if used.search(text))
        line, field = next(lines, None), next(fields, None)
        near = get_close_matches(name, known, n=1, cutoff=0.5)
        report.error(
            "attribute",
            f"{file}, line {line}" if line else f"{file}, {field}" if field else file,
            f"nobody in the audience has the attribute {name!r}",
            f"did you mean {near[0]!r}?" if near else "import it with the subscribers, or take it out",
        )
