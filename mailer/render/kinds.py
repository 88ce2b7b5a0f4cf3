"""The kinds of mailing: a folder of templates each, with what an author fills in written down beside them."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from babel import Locale
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from config.errors import Refused, Unknown
from mailer.render.designer import DesignerEnvironment
from mailer.render.filters import author_filters, locale_of
from mailer.render.moments import in_words, read_moment
from mailer.render.words import Translator, translations, unmarked

TEMPLATES = Path(__file__).parents[2] / "templates"

CONTENT_WIDTH = 520
"""CSS pixels that the base template gives the text, and a picture in it."""


EVENT: dict[str, Any] = {
    "name": {"required": True, "plain": True},
    "title": {"required": True, "plain": True},
    "starts": {"required": True, "moment": True},
    "ends": {"required": True, "moment": True},
    "zone": {"plain": True},
    "place": {"plain": True},
    "address": {"plain": True},
    "map": {"link": True, "plain": True},
    "online": {"link": True, "plain": True},
    "cancelled": {"choices": ["false", "true"]},
}
"""The fields of an event, as a kind.yaml would write them. `name` is the same in every mail about the event."""


class Field(BaseModel):
    """One key of the front matter: a text, a text in Markdown, a picture's file name, a link, a group, or a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required: bool = False
    markdown: bool = False
    picture: bool = False
    width: int = CONTENT_WIDTH
    """Of a picture: how wide the template shows it, in CSS pixels."""
    link: bool = False
    """A whole URL: https, http, mailto or tel."""
    plain: bool = False
    """The same for every reader: nothing in braces."""
    moment: bool = False
    """A date, or a date and time, with a zone or without."""
    choices: tuple[str, ...] = ()
    """One of these words; the first where nothing is said."""
    event: bool = False
    """A group of its own kind, `EVENT`, that goes along for calendars; a kind has at most one."""
    fields: dict[str, "Field"] = {}
    """Of a group."""
    items: "Field | None" = None
    """Of a list: what each item is."""

    @model_validator(mode="before")
    @classmethod
    def _event_fields(cls, given: Any) -> Any:
        return {**given, "fields": EVENT} if isinstance(given, dict) and given.get("event") else given


ALWAYS = {"subject": Field(required=True), "preheader": Field()}
"""Fields that every kind has."""


class Expected(BaseModel):
    """What the check expects of a mailing of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: tuple[int, int] = (0, 1_000_000)
    """The fewest and the most of an edition."""
    lix: int = 60
    """The highest reading level: words a sentence, plus the share of words over six letters in hundredths."""
    speakers: bool = False
    """Whether each quote needs one."""
    author: bool = False
    """Whether it is somebody's own text, and names them."""
    contact: bool = False
    """Whether its readers are to call the press office."""
    not_for: tuple[str, ...] = ()
    """Purposes of lists that have no place in its audience."""


class Kind(BaseModel):
    """A kind as its kind.yaml describes it; `folder` is its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    title: str
    deadline_hours: float = 48
    fields: dict[str, Field] = {}
    check: Expected = Expected()

    @property
    def front(self) -> dict[str, Field]:
        """All fields of the front matter."""
        return {**ALWAYS, **self.fields}

    @property
    def event_field(self) -> str:
        """The name of the field that holds an event; empty for a kind without."""
        return next((name for name, field in self.fields.items() if field.event), "")


def kind_names(templates: Path = TEMPLATES) -> list[str]:
    """The kinds there are."""
    return sorted(path.parent.name for path in (templates / "email").glob("*/kind.yaml"))


@cache
def load_kind(name: str, templates: Path = TEMPLATES) -> Kind:
    """The kind of that name. Raises Unknown, and Refused where its kind.yaml is wrong."""
    if name not in kind_names(templates):
        raise Unknown("kind", name, kind_names(templates))
    path = templates / "email" / name / "kind.yaml"
    try:
        return Kind.model_validate({**yaml.safe_load(path.read_text(encoding="utf-8")), "folder": name})
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise Refused(f"templates/email/{name}/kind.yaml is wrong: {error}") from None


class Templates:
    """The templates of one kind, and which files and fixed words they turned out to be made of."""

    def __init__(self, kind: Kind, templates: Path = TEMPLATES) -> None:
        self.kind = kind
        self._used: dict[str, str] = {}
        self._environments = {
            ".html": self._environment(templates, autoescape=True),
            ".txt": self._environment(templates, autoescape=False),
        }

    def render(self, suffix: str, language: str, **variables: Any) -> str:
        """`message.html` or `message.txt` (`suffix`) with `variables`, and `_()`, `date()`, `moment()`, `unmarked()`.

        Raises Refused with what the template said.
        """
        name = f"email/{self.kind.folder}/message{suffix}"
        dated = author_filters(language)["date"]
        try:
            environment = self._environments[suffix]
            environment.begin()
            template: Template = environment.get_template(name)
            return template.render(
                _=self._words(language),
                date=lambda written, form="long": dated(read_moment(written), form),
                moment=lambda written: in_words(read_moment(written), language),
                unmarked=unmarked,
                **variables,
            )
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001 -- a designer's expression may raise anything
            reason = str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
            raise Refused(f"the template {name} cannot be rendered: {reason}; mend the template") from None

    @property
    def version(self) -> str:
        """SHA-256 over the files and the fixed words used so far, with their names; 64 hex digits."""
        digest = hashlib.sha256()
        for name, source in sorted(self._used.items()):
            digest.update(f"{name}\0{len(source)}\0{source}".encode())
        return digest.hexdigest()

    def _words(self, language: str) -> Translator:
        """The translator of `language`; what it says belongs to the version, as the files do."""
        say = translations(language)

        def remembered(message: str, **values: object) -> str:
            self._used[f"{language}: {message}"] = say(message)
            return say(message, **values)

        return remembered

    def _environment(self, templates: Path, *, autoescape: bool) -> DesignerEnvironment:
        return DesignerEnvironment(
            loader=_Remembering(templates, self._used),
            autoescape=autoescape,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )


class _Remembering(FileSystemLoader):
    def __init__(self, folder: Path, used: dict[str, str]) -> None:
        super().__init__(folder)
        self._used = used

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, path, fresh = super().get_source(environment, template)
        self._used[template] = source
        return source, path, fresh


def direction(language: str) -> Literal["ltr", "rtl"]:
    """The way that `language` is written."""
    locale: Locale = locale_of(language)
    return "rtl" if locale.text_direction == "rtl" else "ltr"
