"""The colours of a house style: each with a job, in two schemes, and readable on what it stands on."""

from typing import Annotated, Any, Self

from coloraide import Color
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, model_validator

READABLE = 4.5
"""The least contrast of text, WCAG 2.2 success criterion 1.4.3; every text is held to it, also the large."""

PAIRS = (
    ("ink", "paper"),
    ("ink", "tint"),
    ("muted", "paper"),
    ("muted", "tint"),
    ("muted", "ground"),
    ("accent", "paper"),
    ("accent", "tint"),
    ("accent", "ground"),
    ("on_accent", "accent"),
    ("on_brand", "brand"),
)
"""(text, what it stands on), as the templates use them."""


def _hex(value: object, info: ValidationInfo) -> str:
    """Any CSS colour as `#rrggbb`, which is what every mail program understands."""
    try:
        return Color(str(value)).convert("srgb").clip().to_string(hex=True, alpha=False)
    except ValueError:
        raise ValueError(f"{info.field_name}: {value!r} is not a colour; write it like #c2300c") from None


Colour = Annotated[str, BeforeValidator(_hex)]


def contrast(text: str, ground: str) -> float:
    """The contrast ratio of two colours, 1.0 to 21.0, as WCAG 2 counts it."""
    return float(Color(text).contrast(Color(ground), method="wcag21"))


class Scheme(BaseModel):
    """The colours of one scheme, each `#rrggbb`. Raises ValueError where a text could not be read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ground: Colour
    """Around the sheet, and under the footer."""
    paper: Colour
    """The sheet that the text stands on."""
    tint: Colour
    """A panel on the sheet."""
    ink: Colour
    muted: Colour
    """Text of second rank: standfirst, roles, footer."""
    line: Colour
    """Rules and borders; no text."""
    accent: Colour
    """Links, labels, buttons."""
    on_accent: Colour
    """Text on a button."""
    brand: Colour
    """The masthead."""
    on_brand: Colour
    """Text on the masthead."""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        for text, ground in PAIRS:
            ratio = contrast(getattr(self, text), getattr(self, ground))
            if ratio < READABLE:
                raise ValueError(
                    f"{text} {getattr(self, text)} on {ground} {getattr(self, ground)} has a contrast of {ratio:.1f} to"
                    f" 1, too little to be read by everybody; darken one or lighten the other, up to {READABLE} to 1"
                )
        return self


LIGHT: dict[str, str] = {
    "ground": "#f3f1ec",
    "paper": "#ffffff",
    "tint": "#f6f3ee",
    "ink": "#1c1b1a",
    "muted": "#5c5751",
    "line": "#dcd6cc",
    "accent": "#1d5c63",
    "on_accent": "#ffffff",
    "brand": "#12343b",
    "on_brand": "#ffffff",
}
DARK: dict[str, str] = {
    "ground": "#121110",
    "paper": "#1d1b1a",
    "tint": "#292624",
    "ink": "#f2eee8",
    "muted": "#bdb5ab",
    "line": "#45403b",
    "accent": "#7fc6cd",
    "on_accent": "#121110",
    "brand": "#12343b",
    "on_brand": "#ffffff",
}


class DarkScheme(Scheme):
    """The colours for readers who asked their device for a dark page."""


class Colours(Scheme):
    """The colours of a house: the light scheme, and in `dark` the other.

    What is left out has a default. The dark accent and masthead follow the light ones where they are not given: the
    accent is lightened until it can be read.
    """

    dark: DarkScheme

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        dark = given.get("dark") or {}
        if not isinstance(dark, dict):
            return given
        light = {**LIGHT, **{key: value for key, value in given.items() if key != "dark"}}
        followed: dict[str, object] = dict(DARK)
        if "brand" in given:
            followed |= {"brand": light["brand"], "on_brand": light["on_brand"]}
        if "accent" in given:
            followed["accent"] = _lightened(light["accent"], [{**followed, **dark}[key] for key in ("tint", "ground")])
        return {**light, "dark": {**followed, **dark}}


def _lightened(colour: object, grounds: list[object]) -> object:
    """`colour` made lighter, its hue kept, until it can be read on every one of `grounds`."""
    try:
        lighter = Color(str(colour)).convert("oklch")
        against = [Color(str(ground)) for ground in grounds]
    except ValueError:
        return colour  # the field itself says what is wrong with it
    while lighter["lightness"] < 1 and any(lighter.contrast(ground, method="wcag21") < READABLE for ground in against):
        lighter["lightness"] = lighter["lightness"] + 0.02
    return lighter.convert("srgb").fit().to_string(hex=True)
