"""Small files: those that people hand in, refused in words where they are none, and our own, made at first use."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from config.errors import Refused

TEXT_BYTES = 2_000_000
"""The most that a text may have: a mailing's, a house style, a rule."""


def read_bytes(path: Path, most: int) -> bytes:
    """The bytes of a file, of which there may be `most`. Raises Refused where there are more, or it cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError:
        raise Refused(f"{path}: there is no such file") from None
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > most:
        raise Refused(f"{path}: has more than {most:,} bytes; is it the right file?")
    return content


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, of at most 2,000,000 bytes. Raises as `read_bytes` does."""
    try:
        text = read_bytes(path, TEXT_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(f"{path}: is not in UTF-8; save it again with that encoding") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def make_once(path: Path, text: Callable[[], str]) -> None:
    """Make a file of our own, readable by us alone, unless there is one: of several who make it at once one does.

    It is there whole or not at all, also after the power failed.
    """
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not named after the process: two containers may have the same numbers.
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink()
