"""The fixed words of mail ("Unsubscribe", "About ...") in the language of an edition, read from templates/locale."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from babel import Locale
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

FOLDER = Path(__file__).parents[2] / "templates" / "locale"

_DOUBLE = frozenset('"“”„«»')

Translator = Callable[..., str]


def fallbacks(language: str) -> list[str]:
    """The languages to look in, best first: `pt-BR` gives `pt-BR`, `pt`; `zh-Hant-TW` gives three.

    `no` and `nn` end in `nb`: CLDR too (parentLocales) keeps Bokmål under `no`, and Nynorsk turns to it.
    """
    parts = language.replace("_", "-").split("-")
    wider = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return [*wider, "nb"] if parts[0].lower() in {"no", "nn"} else wider


@cache
def translations(language: str, catalogue: str = "email") -> Translator:
    """The function that templates call as `_`: `_("Unsubscribe")`, `_("About %(name)s", name=house.name)`.

    What no catalogue of `language` or of a wider one (`pt` for `pt-BR`) has stands as it is written, in English. With
    values of which one is Markup the result is Markup, the words and the other values escaped. `catalogue` is the
    name of the .po files: "email" for mail, "web" for the public pages.
    """
    catalogues = [_catalogue(name, catalogue) for name in fallbacks(language)]

    def translate(message: str, **values: object) -> str:
        found = next((words[message] for words in catalogues if message in words), message)
        if not values:
            return found
        if any(isinstance(value, Markup) for value in values.values()):
            return escape(found) % values
        return found % values

    return translate


def unmarked(quotation: str) -> str:
    """`quotation` without the quotation marks that its author put around it: those of the language come there.

    What is more than one quotation (`“Yes,” she said, “do.”`) stays as it is.
    """
    first, inside, last = quotation[:1], quotation[1:-1], quotation[-1:]
    between = first in _DOUBLE and last in _DOUBLE and first not in inside and last not in inside
    return inside.strip() if between and inside.strip() else quotation


def languages() -> list[str]:
    """The languages there are words in, besides English."""
    return sorted(path.name.replace("_", "-") for path in FOLDER.iterdir() if (path / "LC_MESSAGES").is_dir())


@cache
def _catalogue(language: str, name: str) -> dict[str, str]:
    path = FOLDER / language.replace("-", "_") / "LC_MESSAGES" / f"{name}.po"
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        catalogue = read_po(file, locale=Locale.parse(language, sep="-"), abort_invalid=True)
    return {
        str(message.id): str(message.string)
        for message in catalogue
        if message.id and message.string and not message.fuzzy and isinstance(message.id, str)
    }
