"""mailing.yaml: what a mailing is, from whom and to whom."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from config.errors import Refused, Unknown
from config.files import read_text
from mailer.models import Fallback, OnUncertain
from mailer.render.kinds import Field as FrontField
from mailer.render.kinds import load_kind
from mailer.senders import read_sender
from mailer.yaml_file import YamlFile
from subscribers import fields

NAME = "mailing.yaml"


def _mailbox(text: str) -> str:
    try:
        name, address = read_sender(text)
    except Refused as error:
        raise ValueError(str(error)) from None
    return f"{name} <{address}>" if name else address


def _no_or_mailbox(text: str) -> str:
    return _mailbox(text) if text else ""


def _language(text: str) -> str:
    try:
        return fields.language(text)
    except Refused as error:
        raise ValueError(str(error)) from None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Excluded(_Part):
    """Who gets nothing although the audience names them."""

    lists: tuple[str, ...] = ()
    mailings: tuple[str, ...] = ()
    """People to whom these were sent."""


class Audience(_Part):
    """Names of lists and segments, less exclusions."""

    lists: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    exclude: Excluded = Excluded()


class MailingFile(_Part):
    """mailing.yaml, key by key."""

    kind: str
    name: str = Field(min_length=1)
    """The title that staff see."""
    sender: Annotated[str, AfterValidator(_mailbox)] = Field(alias="from")
    reply_to: Annotated[str, AfterValidator(_no_or_mailbox)] = ""
    audience: Audience
    default_language: Annotated[str, AfterValidator(_language)]
    fallback: Fallback = Fallback.default
    urgent: bool = False
    on_uncertain: OnUncertain = OnUncertain.leave
    attachments: tuple[str, ...] = ()
    fields: dict[str, Any] = {}
    """Fields of the texts that are the same in every language."""

    def front_of(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """The front matter of a text whose `own` fields these are: its own go before, group by group."""
        return _merged(self.fields, own)


def _merged(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    both = {**shared, **own}
    for key in shared.keys() & own.keys():
        if isinstance(shared[key], Mapping) and isinstance(own[key], Mapping):
            both[key] = _merged(shared[key], own[key])
    return both


def read_mailing_file(folder: Path) -> MailingFile:
    """The mailing that `folder` describes. Raises Refused with the line and what to write instead."""
    return read_with_lines(folder)[0]


def read_with_lines(folder: Path) -> tuple[MailingFile, dict[str, int]]:
    """As `read_mailing_file`, and the line of each value by its path: `audience.lists.1`."""
    path = folder / NAME
    if not path.exists():
        raise Refused(f"{path}: there is no such file; a mailing's folder holds {NAME} and a text like en.md")
    file = YamlFile(read_text(path), NAME)
    try:
        read = MailingFile.model_validate(file.data)
    except ValidationError as error:
        raise _refusal(file, error) from None
    try:
        kind = load_kind(read.kind)
    except Unknown as error:
        raise Refused(f"{file.where('kind')}: {error}") from None
    refuse_unknown_fields(file, kind.front, read.fields, ("fields",))
    return read, file.text_lines


def refuse_unknown_fields(
    file: YamlFile, known: Mapping[str, FrontField], given: Any, path: tuple[str | int, ...]
) -> None:
    """Every key must be one of the kind's; what is wrong with the values, the compiler says."""
    if not isinstance(given, Mapping):
        return
    for key, value in given.items():
        if key not in known:
            inside = f" of {'.'.join(map(str, path))}" if path else ""
            raise Refused(f"{file.where(*path, key)}: {Unknown(f'key{inside}', str(key), known)}")
        field = known[key]
        if field.items and isinstance(value, list):
            for at, item in enumerate(value):
                refuse_unknown_fields(file, field.items.fields, item, (*path, key, at))
        elif field.fields:
            refuse_unknown_fields(file, field.fields, value, (*path, key))


def _refusal(file: YamlFile, error: ValidationError) -> Refused:
    # A misspelt key is also a missing one; its own line and the nearest name help more.
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    path = tuple(step for step in first["loc"])
    place = ".".join(map(str, path))
    match first["type"]:
        case "extra_forbidden":
            inside = f" of {'.'.join(map(str, path[:-1]))}" if path[:-1] else ""
            problem = str(Unknown(f"key{inside}", str(path[-1]), _keys(path[:-1])))
        case "missing":
            problem = f"`{place}:` is missing; add it"
        case "enum":
            problem = f"{place} is {first['ctx']['expected']}, not {first['input']!r}"
        case _:
            problem = f"{place}: {first['msg'].removeprefix('Value error, ')}"
    return Refused(f"{file.where(*path)}: {problem}")


def _keys(path: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand at `path`, as people write them."""
    model: Any = MailingFile
    for step in path:
        annotation = model.model_fields[str(step)].annotation
        model = next((kind for kind in (annotation, *get_args(annotation)) if hasattr(kind, "model_fields")), model)
    return [field.alias or name for name, field in model.model_fields.items()]
