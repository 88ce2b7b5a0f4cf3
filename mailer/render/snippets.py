"""Snippets as an edition sees them: named pieces of Markdown in its language."""

from collections.abc import Iterator, Mapping

from config.errors import Unknown
from mailer.languages import closest
from mailer.render.grammar import NotAllowed

ByLanguage = Mapping[str, str]


class Snippets:
    """What an edition in `language` may include; `texts` are all snippets: {name: {language: Markdown}}."""

    def __init__(self, texts: Mapping[str, ByLanguage], language: str) -> None:
        self._texts, self._language = texts, language

    def __iter__(self) -> Iterator[str]:
        """All texts."""
        return (text for by_language in self._texts.values() for text in by_language.values())

    def text(self, name: str) -> str:
        """The snippet in the edition's language or the closest one (`pt-BR`: else `pt`, else another `pt-...`).

        Raises NotAllowed with the nearest name there is, or where it was not written in this language.
        """
        if name not in self._texts:
            raise NotAllowed(str(Unknown("snippet", name, self._texts)))
        language = closest(list(self._texts[name]), self._language)
        if language is None:
            written = ", ".join(sorted(self._texts[name]))
            raise NotAllowed(f"the snippet {name!r} is not written in {self._language}, only in {written}; add it")
        return self._texts[name][language]
