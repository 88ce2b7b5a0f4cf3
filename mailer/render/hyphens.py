"""Soft hyphens in long words, where the dictionary of a text's language divides them.

Mail programs divide words themselves only where they know CSS's `hyphens` and have a dictionary; without either, a long
German word breaks anywhere. Its dictionaries are LibreOffice's, as pyphen has them.
"""

import re
from functools import lru_cache
from itertools import pairwise

from lxml import etree
from pyphen import Pyphen, language_fallback

SHY = "\N{SOFT HYPHEN}"
LONG = 18
"""Letters that may be more than a telephone's line in a headline has."""
LONG_IN_CELL = 12
"""Letters that may be more than a column of a table has."""
AT_LEAST = 3
"""Letters on either side."""
_WORD = re.compile(rf"(?<![\w@./:])[^\W\d_]{{{LONG_IN_CELL},}}(?![\w@/]|[.:]\w)")
"""What is not part of an address, nor of a word with figures, as the tokens of braces are."""
_AS_WRITTEN = {"code", "pre", "style", "script"}


def hyphenate(document: etree._Element, language: str) -> None:
    """Put soft hyphens into the long words of the document's body; nothing where there is no dictionary."""
    found = language_fallback(language)
    for element in document.iter("body") if found else ():
        _into(element, found, least=LONG)


def _into(element: etree._Element, dictionary: str, *, least: int) -> None:
    if element.tag in _AS_WRITTEN:
        return
    if element.tag == "table":
        least = LONG if element.get("role") == "presentation" else LONG_IN_CELL
    element.text = _divided(element.text, dictionary, least)
    for child in element:
        if isinstance(child.tag, str):
            _into(child, dictionary, least=least)
        child.tail = _divided(child.tail, dictionary, least)


def _divided(text: str | None, dictionary: str, least: int) -> str | None:
    return text and _WORD.sub(
        lambda word: _syllables(word[0], dictionary) if len(word[0]) >= least else word[0],
        text,
    )


@lru_cache(maxsize=4096)
def _syllables(word: str, dictionary: str) -> str:
    """`word` with a soft hyphen wherever it may be divided without a change of its letters."""
    places = Pyphen(lang=dictionary, left=AT_LEAST, right=AT_LEAST).positions(word)
    ends = [0, *(int(place) for place in places if place.data is None), len(word)]
    return SHY.join(word[begin:end] for begin, end in pairwise(ends))
