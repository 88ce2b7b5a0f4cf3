"""The front matter of an edition, checked against its kind and made ready for the templates."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from markupsafe import Markup

from config.errors import Unknown
from mailer.plan.compiled import MediaRef
from mailer.render.errors import Found, SourceError
from mailer.render.event import BadEvent, Event, Revision, read_event
from mailer.render.fragment import Fragment
from mailer.render.kinds import Field, Kind
from mailer.render.markdown import to_html
from mailer.render.moments import read_moment
from mailer.render.text import Notes, body_text
from mailer.render.tokenise import tokenise
from mailer.render.tokens import Role, Tokens
from mailer.render.urls import encode_places
from mailer.render.words import translations

_LINK = re.compile(r"https?://\S|mailto:\S|tel:\S")
_SPACES = re.compile(r"[ \t\r\n]+")
"""Not the no-break space, which French puts before a colon."""


class Group(SimpleNamespace):
    """Fields under their names, as templates know them; false if all are empty."""

    def __bool__(self) -> bool:
        return any(bool(value) for value in vars(self).values())


class Front:
    """The values of an edition's front matter, with tokens: `html` for message.html, `text` for message.txt.

    Raises SourceError for a key that the kind does not know, a required one that is missing, and a value of the
    wrong sort, with all others there are; `lines` are the file's lines of the fields, `pictures` the media shown by
    fields in Markdown.
    """

    def __init__(
        self,
        kind: Kind,
        front: Mapping[str, Any],
        tokens: Tokens,
        media: Mapping[str, MediaRef],
        lines: Mapping[str, int],
        *,
        language: str,
        notes: Notes,
        revision: Revision,
    ) -> None:
        self._tokens, self._media, self._lines = tokens, media, lines
        self._language, self._notes, self._revision = language, notes, revision
        self._found = Found()
        self.pictures: dict[str, MediaRef] = {}
        self.event: Event | None = None
        self.html, self.text = self._group(kind.front, front, "")
        self._found.raise_first()

    def _group(self, fields: Mapping[str, Field], given: Mapping[str, Any], path: str) -> tuple[Group, Group]:
        for key in given:
            if key not in fields:
                what = f"key of {path}" if path else "key"
                unknown = self._refusal(str(Unknown(what, str(key), fields)), f"{path}.{key}".lstrip("."))
                self._found.errors.append(unknown)
        html, text = Group(), Group()
        for name, field in fields.items():
            where = f"{path}.{name}".lstrip(".")
            value = given.get(name)
            parts = self._none(field)
            with self._found.gathering():
                if field.required and _is_empty(value):
                    raise self._refusal("this is missing", where, f"add `{name}:` to the front matter")
                parts = self._value(field, value, where)
            for group, part in zip((html, text), parts, strict=True):
                setattr(group, name, part)
        return html, text

    def _value(self, field: Field, value: Any, where: str) -> tuple[Any, Any]:
        if field.fields:
            if value is not None and not isinstance(value, Mapping):
                raise self._refusal(f"this is a group of {', '.join(field.fields)}, not a text", where)
            if not value:
                return self._none(field)
            before = len(self._found.errors)
            html, text = self._group(field.fields, value, where)
            if field.event and len(self._found.errors) == before:
                self._event(html, text, where)
            return html, text
        if field.items:
            if value is not None and not isinstance(value, list):
                raise self._refusal("this is a list; begin each item on its own line with `- `", where)
            pairs = [self._value(field.items, item, f"{where}.{at}") for at, item in enumerate(value or (), 1)]
            return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        if _is_empty(value):
            return self._none(field)
        if field.choices and str(value).lower() not in field.choices:
            raise self._refusal(f"this is {' or '.join(field.choices)}, not {value}", where)
        if not isinstance(value, (str, int, float, date, datetime)):
            raise self._refusal("this is a text; put it in quotation marks", where)
        words = str(value) if not isinstance(value, bool) else str(value).lower()
        if field.markdown:
            return self._markdown(words, where)
        if field.picture:
            if words not in self._media:
                raise self._refusal(str(Unknown("picture", words, self._media)), where)
            return words, words
        if field.link and not _LINK.match(words.strip()):
            raise self._refusal("this is a link; write all of it, like https://example.org/page", where)
        line = tokenise(
            _SPACES.sub(" ", words).strip(" \t\r\n"),
            self._tokens,
            field=where,
            line=self._line(where),
            markdown=False,
        ).text
        if (field.plain or field.moment or field.choices) and self._tokens.holds(line):
            raise self._refusal("this is the same for every reader", where, "take out what stands in braces")
        if field.moment:
            try:
                read_moment(line)
            except ValueError as error:
                raise self._refusal(str(error), where) from None
        return line, encode_places(line, self._tokens) if field.link else line

    def _none(self, field: Field) -> tuple[Any, Any]:
        if field.fields:
            html, text = Group(), Group()
            for name, part in field.fields.items():
                empty = self._none(part)
                setattr(html, name, empty[0])
                setattr(text, name, empty[1])
            return html, text
        nothing = field.choices[0] if field.choices else ""
        return ([], []) if field.items else (nothing, nothing)

    def _event(self, html: Group, text: Group, where: str) -> None:
        """Read an event and give its groups what templates say of it."""
        try:
            self.event = event = read_event(vars(text))
        except BadEvent as error:
            raise self._refusal(str(error), f"{where}.{error.field}") from None
        there = self._tokens.add(Role.expression, event.elsewhere, made=True)
        for group in (html, text):
            group.cancelled = event.cancelled
            group.changed = self._revision.number > 0
            group.when = event.when(self._language)
            group.elsewhere, group.if_elsewhere = self._tokens.word(there), event.elsewhere

    def _markdown(self, words: str, where: str) -> tuple[Markup, str]:
        written = tokenise(words, self._tokens, field=where, line=self._line(where))
        fragment = Fragment(to_html(written, self._tokens), written, self._tokens, self._media)
        self.pictures |= fragment.pictures
        # An item of a list may be left out or moved for some readers: a note's number would depend on them.
        notes = None if any(step.isdigit() for step in where.split(".")) else self._notes
        text = body_text(fragment.tree, self._tokens, notes, translations(self._language)).strip()
        # nh3 has cleaned it, and the rest is our own.
        return Markup(fragment.html), text  # noqa: S704

    def _refusal(self, problem: str, field: str, remedy: str = "") -> SourceError:
        return SourceError(problem, file=self._tokens.file, line=self._line(field), field=field, remedy=remedy)

    def _line(self, field: str) -> int | None:
        """The line of a field, or of the group it is missing in."""
        return line_of(field, self._lines)


def texts_by_field(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """All texts in a front matter, however deep, each after its field (`author.name`, `dates.1.what`)."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from texts_by_field(part, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for at, part in enumerate(value, 1):
            yield from texts_by_field(part, f"{path}.{at}")
    elif value is not None:
        yield path, str(value)


def line_of(path: str, lines: Mapping[str, int]) -> int | None:
    """The line of the field at `path`, or of the nearest group around it that has one."""
    while path and path not in lines:
        path = path.rpartition(".")[0]
    return lines.get(path)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, Mapping)) and not value)
