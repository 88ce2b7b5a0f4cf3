"""A mailing's text in one language: front matter between two lines `---`, then the body."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import Refused, Unknown
from mailer.mailing_file import read_text
from mailer.render.kinds import Field, Kind
from mailer.yaml_file import YamlFile
from subscribers import fields

FENCE = "---"


@dataclass(frozen=True, slots=True)
class TextFile:
    """What one file says; `body_line` is the file's line on which the body begins."""

    language: str
    front: dict[str, Any]
    body: str
    body_line: int


def read_text_file(path: Path, kind: Kind) -> TextFile:
    """The text of `en.md` and its like. Raises Refused with file and line, for an unknown key with the nearest."""
    try:
        language = fields.language(path.stem)
    except Refused:
        raise Refused(
            f"{path.name}: a text is named after its language, as in fr.md or pt-BR.md; rename the file, or move it "
            "out of the folder"
        ) from None
    lines = read_text(path).replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != FENCE:
        raise Refused(f"{path.name}, line 1: begin with a line `---`, then `subject: ...`, then a line `---`")
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE), None)
    if end is None:
        raise Refused(f"{path.name}, line 1: the front matter never ends; write a line `---` below it")
    front = YamlFile("\n".join(lines[1:end]) + "\n", path.name, first=2)
    _refuse_unknown(front, kind.front, front.data, ())
    return TextFile(language, front.data, "\n".join(lines[end + 1 :]), end + 2)


def _refuse_unknown(file: YamlFile, known: Mapping[str, Field], given: Any, path: tuple[str | int, ...]) -> None:
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
                _refuse_unknown(file, field.items.fields, item, (*path, key, at))
        elif field.fields:
            _refuse_unknown(file, field.fields, value, (*path, key))
