"""The words that rules look for, in each language: data, in words.yaml."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mailer.render.words import fallbacks

_FILE = Path(__file__).with_name("words.yaml")


def find(about: str, text: str, language: str) -> Iterator[re.Match[str]]:
    """The words `about` something ("day", "attached" ...) in a text; none where the language's are not known."""
    pattern = _pattern(about, language)
    return pattern.finditer(text.replace("'", "’")) if pattern else iter(())


def lix_allowance(language: str) -> int:
    """How much higher than in English the reading level of an ordinary text in `language` is."""
    return int(_words(language).get("lix", 0))


@cache
def _words(language: str) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = _all()
    return next((known[name] for name in fallbacks(language) if name in known), {})


@cache
def _all() -> dict[str, dict[str, Any]]:
    data: dict[str, dict[str, Any]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return data


@cache
def _pattern(about: str, language: str) -> re.Pattern[str] | None:
    words = sorted(_words(language).get(about, ()), key=len, reverse=True)
    if not words:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(_source, words))})(?!\w)")


def _source(words: str) -> str:
    """Words of the file as a pattern, their first letter also large."""
    escaped = re.escape(words).replace(r"\*", r"\w*").replace(r"\ ", r"\s+").replace(r"\~", r"[^\W\d_a-zà-ÿ]\w*")
    first = escaped[0]
    return f"[{first}{first.upper()}]{escaped[1:]}" if first.isalpha() else escaped
