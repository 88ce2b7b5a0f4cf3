"""From what an author wrote to a compiled edition: everything that is done once, never per recipient."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

from config.errors import Refused, Unknown
from mailer.house import House
from mailer.plan.compiled import CompiledEdition, MediaRef
from mailer.render.errors import Found, SourceError
from mailer.render.event import Revision
from mailer.render.fragment import Fragment
from mailer.render.front import Front, Group, texts_by_field
from mailer.render.grammar import Usage
from mailer.render.hyphens import hyphenate
from mailer.render.inline import inline, serialise
from mailer.render.kinds import TEMPLATES, Templates, direction, load_kind
from mailer.render.markdown import to_html
from mailer.render.personal import environment
from mailer.render.places import Sequence as Statements
from mailer.render.places import mark_places
from mailer.render.reader import Reader
from mailer.render.snippets import ByLanguage, Snippets
from mailer.render.text import Notes, body_text, underlined
from mailer.render.tokenise import tokenise
from mailer.render.tokens import Place, Token, Tokens, without_controls
from mailer.render.words import translations

FIRST = Revision()
_STROKES = r"(?:-{3,}|={3,}|\* \* \*)"
SLOTS = ("unsubscribe_url", "list_title", "email")
"""The recipient's fields that a kind's template may use, as `slots.email`."""
NONE: Mapping[str, ByLanguage] = MappingProxyType({})
NOWHERE: Mapping[str, int] = MappingProxyType({})
_IN_DOCUMENT = {
    Place.here: "in_html",
    Place.html: "in_html",
    Place.attribute: "in_attribute",
    Place.path: "in_path",
    Place.query: "in_query",
    Place.link: "in_attribute",
}
_IN_TEXT = {**_IN_DOCUMENT, Place.here: "in_text", Place.link: "in_link"}
_IN_SUBJECT = dict.fromkeys(Place, "in_header")


@dataclass(frozen=True)
class Compilation:
    """A compiled edition, and what its text asks of the readers."""

    edition: CompiledEdition
    usage: Usage


def picture_reference(content_hash: str, content_type: str, filename: str, width: int = 0, height: int = 0) -> MediaRef:
    """How editions name a picture: its Content-ID follows from its bytes."""
    return MediaRef(
        hash=content_hash,
        content_type=content_type,
        filename=filename,
        cid=f"{content_hash[:24]}@broadside",
        width=width,
        height=height,
    )


def compile_edition(
    *,
    kind: str,
    language: str,
    front: Mapping[str, Any],
    body: str,
    body_line: int,
    house: House,
    media: Mapping[str, MediaRef],
    sender: str,
    reply_to: str,
    file: str,
    attachments: Sequence[MediaRef] = (),
    snippets: Mapping[str, ByLanguage] = NONE,
    revision: Revision = FIRST,
    lines: Mapping[str, int] = NOWHERE,
    templates: Path = TEMPLATES,
) -> Compilation:
    """The edition that `front` and `body` (of `file`, the body from `body_line` on) make, and what it asks of readers.

    `media` are the pictures that the text may show, by file name, `snippets` what it may include, `revision` is of the
    event that it invites to, `lines` are the file's lines of the fields, by path. Raises SourceError with file, line
    and field, and all others there are, for what the author wrote, Unknown for a kind there is not, Refused where a
    template is at fault.
    """
    described = load_kind(kind, templates)
    tokens = Tokens(
        file,
        [*(text for _, text in texts_by_field(front)), body, house.model_dump_json()],
        Snippets(snippets, language),
    )
    found = Found()
    notes = Notes(tokens)
    with found.gathering():
        fields = Front(described, front, tokens, media, lines, language=language, notes=notes, revision=revision)
    with found.gathering():
        written = tokenise(body, tokens, line=body_line)
        fragment = Fragment(to_html(written, tokens), written, tokens, media)
    found.raise_first()
    pictures = _Pictures(file, house, media, {**fields.pictures, **fragment.pictures})
    slots = Group(**{name: tokens.slot(name) for name in SLOTS})
    engine = Templates(described, templates)
    known = {"language": language, "direction": direction(language), "kind": kind}
    shared = {"house": house, "slots": slots, "picture": pictures.show, "reader": Reader(tokens)}

    document = inline(
        without_controls(
            engine.render(
                ".html",
                language,
                edition=Group(**vars(fields.html), **known),
                body=Markup(fragment.html),  # noqa: S704 -- cleaned by nh3
                **shared,
            )
        )
    )
    hyphenate(document, language)
    in_document = mark_places(document, tokens)
    plain = _tidy_text(
        without_controls(
            engine.render(
                ".txt",
                language,
                edition=Group(**vars(fields.text), **known),
                body=body_text(fragment.tree, tokens, notes, translations(language)),
                heading=lambda text, stroke="=": underlined(text, tokens, stroke),
                **shared,
            )
        ),
        tokens,
    )
    plain = notes.numbered(plain)
    if direction(language) == "rtl":
        # A line without letters would have the direction of the mail program. A quote's has to begin with its mark.
        plain = re.sub(r"^(>+)$", "\\1 \N{RIGHT-TO-LEFT MARK}", plain, flags=re.MULTILINE)
        around = f"(?:{tokens.statement.pattern})*"
        alone = re.compile(rf"^({around})(?={_STROKES}{around}$)", re.MULTILINE)
        plain = alone.sub("\\1\N{RIGHT-TO-LEFT MARK}", plain)
    in_text = _statements_even(plain, tokens)
    _refuse_lost(tokens, in_document, in_text, kind)
    edition = CompiledEdition(
        language=language,
        direction=direction(language),
        kind=kind,
        template_version=engine.version,
        subject=_source(fields.text.subject, tokens, _IN_SUBJECT),
        html=_source(serialise(document), tokens, _IN_DOCUMENT),
        text=_source(plain, tokens, _IN_TEXT),
        calendar=fields.event.calendar(organiser=reply_to or sender, revision=revision) if fields.event else None,
        sender=sender,
        reply_to=reply_to,
        pictures=tuple(pictures.shown[cid] for cid in sorted(pictures.shown)),
        attachments=tuple(attachments),
    )
    for source in (edition.subject, edition.html, edition.text, edition.calendar.source if edition.calendar else ""):
        environment(language).from_string(source)  # a fault of the compiler's shows here, not in a worker
    return Compilation(edition, tokens.usage)


class _Pictures:
    """What the template asks for with `picture(filename)`: the house's logo or one of the mailing's."""

    def __init__(self, file: str, house: House, media: Mapping[str, MediaRef], shown: dict[str, MediaRef]) -> None:
        self._file, self._media = file, dict(media)
        if house.logo:
            logo = house.logo
            self._media[logo.filename] = picture_reference(logo.hash, logo.content_type, logo.filename)
        self.shown = shown

    def show(self, filename: str) -> str:
        """The URL of a picture, which from now on travels with the edition."""
        if filename not in self._media:
            raise SourceError(str(Unknown("picture", filename, self._media)), file=self._file)
        reference = self._media[filename]
        self.shown[reference.cid] = reference
        return f"cid:{reference.cid}"


def _source(text: str, tokens: Tokens, filters: Mapping[Place, str]) -> str:
    """`text` with each token as source of the recipient's level."""
    parts = []
    at = 0
    for token, marked, match in tokens.find(text):
        # A whole URL of our own must work when it is copied, so no isolation marks around it.
        place = Place.link if token.is_link and marked == Place.here else marked
        parts += [text[at : match.start()], token.written(filters[place])]
        at = match.end()
    source = "".join([*parts, text[at:]])
    if tokens.stem in source.lower():
        raise Refused(
            "a template cuts or changes what the author wrote between braces; use no filters such as upper or truncate "
            "on fields of the front matter, but CSS"
        )
    return source


def _tidy_text(text: str, tokens: Tokens) -> str:
    """At most one empty line between paragraphs, also where a condition between them may print nothing."""
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    alone = rf"\n\n(?:{tokens.statement.pattern}\n*)+"
    text = re.sub(alone, lambda found: "\n\n" + found[0].replace("\n", ""), text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


def _statements_even(text: str, tokens: Tokens) -> set[int]:
    """The numbers of the tokens of the text part, whose statements must come out even there too."""
    statements = Statements(tokens, ())
    found = set()
    for token, _, _ in tokens.find(text):
        statements.take(token)
        found.add(token.number)
    statements.end()
    return found


def _refuse_lost(tokens: Tokens, in_document: set[int], in_text: set[int], kind: str) -> None:
    """Every token of the body stands in both parts; a field of the front matter stands there whole or not at all."""
    for part, found in (("document", in_document), ("plain text", in_text)):
        for token in tokens.all:
            if token.number in found:
                continue
            if token.made:
                if token.is_link:
                    raise Refused(
                        f"the template of {kind} has no slots.{token.source} in its {part}; nobody gets mail without it"
                    )
                continue
            if not token.field or _is_torn(token, tokens, found):
                raise tokens.refuse(
                    token,
                    f"what stands between these braces is lost on its way into the {part}",
                    "it may stand in a tag, an attribute or a definition that nothing uses; move it into the text",
                )


def _is_torn(token: Token, tokens: Tokens, found: set[int]) -> bool:
    return any(other.number in found for other in tokens.all if other.field == token.field)
