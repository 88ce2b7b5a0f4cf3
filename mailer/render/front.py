"""The front matter of an edition, checked against its kind and made ready for the templates."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any

from markupsafe import Markup

from config.errors import Unknown
from mailer.plan.compiled import MediaRef
from mailer.render.errors import SourceError
from mailer.render.fragment import Fragment
from mailer.render.kinds import Field, Kind
from mailer.render.markdown import to_html
from mailer.render.text import body_text
from mailer.render.tokenise import tokenise
from mailer.render.tokens import Tokens
from mailer.render.urls import encode_places

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
    wrong sort; `pictures` are the media shown by fields in Markdown.
    """

    def __init__(self, kind: Kind, front: Mapping[str, Any], tokens: Tokens, media: Mapping[str, MediaRef]) -> None:
        self._tokens, self._media = tokens, media
        self.pictures: dict[str, MediaRef] = {}
        self.html, self.text = self._group(kind.front, front, "")

    def _group(self, fields: Mapping[str, Field], given: Mapping[str, Any], path: str) -> tuple[Group, Group]:
        for key in given:
            if key not in fields:
                what = f"key of {path}" if path else "key"
                raise self._refusal(str(Unknown(what, str(key), fields)), f"{path}.{key}".lstrip("."))
        html, text = Group(), Group()
        for name, field in fields.items():
            where = f"{path}.{name}".lstrip(".")
            value = given.get(name)
            if field.required and _is_empty(value):
                raise self._refusal("this is missing", where, f"add `{name}:` to the front matter")
            for group, part in zip((html, text), self._value(field, value, where), strict=True):
                setattr(group, name, part)
        return html, text

    def _value(self, field: Field, value: Any, where: str) -> tuple[Any, Any]:
        if field.fields:
            if value is not None and not isinstance(value, Mapping):
                raise self._refusal(f"this is a group of {', '.join(field.fields)}, not a text", where)
            return self._group(field.fields, value or {}, where) if value else self._none(field)
        if field.items:
            if value is not None and not isinstance(value, list):
                raise self._refusal("this is a list; begin each item on its own line with `- `", where)
            pairs = [self._value(field.items, item, f"{where}.{at}") for at, item in enumerate(value or (), 1)]
            return [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        if _is_empty(value):
            return self._none(field)
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
            _SPACES.sub(" ", words).strip(" \t\r\n"), self._tokens, field=where, line=None, markdown=False
        ).text
        return line, encode_places(line, self._tokens) if field.link else line

    def _none(self, field: Field) -> tuple[Any, Any]:
        if field.fields:
            html, text = Group(), Group()
            for name, part in field.fields.items():
                empty = self._none(part)
                setattr(html, name, empty[0])
                setattr(text, name, empty[1])
            return html, text
        return ([], []) if field.items else ("", "")

    def _markdown(self, words: str, where: str) -> tuple[Markup, str]:
        written = tokenise(words, self._tokens, field=where, line=None)
        fragment = Fragment(to_html(written, self._tokens), written, self._tokens, self._media)
        self.pictures |= fragment.pictures
        # nh3 has cleaned it, and the rest is our own.
        return Markup(fragment.html), body_text(fragment.tree, self._tokens).strip()  # noqa: S704

    def _refusal(self, problem: str, field: str, remedy: str = "") -> SourceError:
        return SourceError(problem, file=self._tokens.file, field=field, remedy=remedy)


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


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, Mapping)) and not value)
