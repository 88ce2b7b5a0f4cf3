"""A mailing's text in one language: front matter between two lines `---`, then the body."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import Refused
from config.files import read_text
from mailer.mailing_file import refuse_unknown_fields
from mailer.render.kinds import Kind
from mailer.yaml_file import YamlFile
from subscribers import fields

FENCE = "---"


@dataclass(frozen=True, slots=True)
class TextFile:
    """What one file says; `body_line` is the file's line on which the body begins, `lines` those of the fields."""

    language: str
    front: dict[str, Any]
    body: str
    body_line: int
    lines: dict[str, int]


def read_text_file(path: Path, kind: Kind) -> TextFile:
    """The text of `en.md` and its like. Raises Refused with file and line, for an unknown key with the nearest."""
    try:
        language = fields.language(path.stem)
    except Refused:
        raise Refused(
            f"{path.name}: a text is named after its language, as in fr.md or pt-BR.md; rename the file, or move it "
            "out of the folder"
        ) from None
    lines = read_text(path).split("\n")
    if lines[0].rstrip() != FENCE:
        raise Refused(f"{path.name}, line 1: begin with a line `---`, then `subject: ...`, then a line `---`")
    end = next((at for at, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE), None)
    if end is None:
        raise Refused(f"{path.name}, line 1: the front matter never ends; write a line `---` below it")
    front = YamlFile("\n".join(lines[1:end]) + "\n", path.name, first=2)
    refuse_unknown_fields(front, kind.front, front.data, ())
    return TextFile(language, front.data, "\n".join(lines[end + 1 :]), end + 2, front.text_lines)
