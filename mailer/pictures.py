"""Pictures made ready for mail: as large as they are shown on a dense screen, upright, and without what they tell."""

import io
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from PIL import Image, ImageCms, ImageOps, ImageSequence, UnidentifiedImageError

from config.errors import Refused
from mailer.render.front import texts_by_field
from mailer.render.kinds import CONTENT_WIDTH, Field, Kind

TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif"}
"""Pillow's names for what every mail program shows, with the media type."""
ENDINGS = {".png", ".jpg", ".jpeg", ".gif"}
PICTURE_BYTES = 1_000_000
"""The most that one picture may have once it is ready: it travels in every mail."""
SOURCE_BYTES = 50_000_000
"""The most that its file may have."""
FRAMES_PIXELS = 500_000_000
"""The most pixels of all frames of an animation."""
DENSITY = 2
"""Pixels of the file for each CSS pixel."""
QUALITY = 85
COLOURS = 1 << 14
"""With more than these an opaque PNG may be a photograph."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it travels, and the size in CSS pixels that it is shown at."""

    content: bytes
    content_type: str
    width: int
    height: int


def make_ready(name: str, content: bytes, width: int) -> Picture:
    """The picture for a place `width` CSS pixels wide: the same bytes for the same file, whoever makes them.

    Photographs are JPEG, drawings and what is transparent PNG, an animation stays as it is. Nothing is made larger.
    Orientation is applied, colours are sRGB, every other metadatum is gone. Raises Refused for what is no picture,
    damaged, of a sort that mail programs do not show, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a decompression bomb is only a warning at first
            with Image.open(io.BytesIO(content)) as source:
                ready = _ready(name, source, content, width)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        most = (Image.MAX_IMAGE_PIXELS or 0) // 1_000_000
        raise Refused(f"{name}: has more than {most} million pixels; save the picture smaller") from None
    except UnidentifiedImageError:
        raise Refused(f"{name}: this is no picture; save it again as PNG, JPEG or GIF") from None
    except (OSError, SyntaxError, ValueError, EOFError, Warning):
        raise Refused(f"{name}: the picture is damaged or cut off; copy or save it again") from None
    if len(ready.content) > PICTURE_BYTES:
        raise Refused(
            f"{name}: has {len(ready.content):,} bytes and travels in every mail; at most {PICTURE_BYTES:,}. "
            "Make it simpler or smaller"
        )
    return ready


def shown_width(kind: Kind, texts: Mapping[str, tuple[Mapping[str, Any], str]], name: str) -> int:
    """How wide the picture file `name` is shown at most, in CSS pixels; `texts` are {language: (front, body)}.

    In Markdown as wide as the text is, in a field of the front matter as the kind says.
    """
    widths = []
    for front, body in texts.values():
        for field, value in _picture_fields(kind.front, front):
            if value == name:
                widths.append(field.width)
                # Not an occurrence in Markdown.
        rest = [text for _, text in texts_by_field(front) if text != name]
        if any(written in text for text in (body, *rest) for written in (name, quote(name))):
            widths.append(CONTENT_WIDTH)
    return max(widths, default=CONTENT_WIDTH)


def name_for(filename: str, content_type: str) -> str:
    """The name that a picture travels under: its own, with the ending of what it has become."""
    path = PurePath(filename)
    ending = next((form for form, known in TYPES.items() if known == content_type), "")
    right = {".jpg", ".jpeg"} if ending == "JPEG" else {f".{ending.lower()}"}
    if not ending or path.suffix.lower() in right:
        return filename
    return str(path.with_suffix(".jpg" if ending == "JPEG" else f".{ending.lower()}"))


def _picture_fields(fields: Mapping[str, Field], given: Any) -> Iterator[tuple[Field, str]]:
    if not isinstance(given, Mapping):
        return
    for name, value in given.items():
        field = fields.get(str(name))
        if field is None:
            continue
        if field.picture:
            yield field, str(value)
        elif field.fields:
            yield from _picture_fields(field.fields, value)
        elif field.items and isinstance(value, list):
            for item in value:
                yield from _picture_fields({"": field.items}, {"": item})


def _ready(name: str, source: Image.Image, content: bytes, width: int) -> Picture:
    form = "JPEG" if source.format == "MPO" else source.format or ""  # what many telephones write
    if form not in TYPES:
        raise Refused(f"{name}: this is a {form} picture; mail programs show PNG, JPEG and GIF")
    if form == "GIF" and getattr(source, "is_animated", False):
        _check_frames(name, source)
        return _shown(content, form, source.size, width)
    wanted = DENSITY * width
    source.load()
    picture = _upright(source)
    untouched = picture is source and source.format == "JPEG" and picture.width <= wanted
    picture, same_colours = _srgb(picture)
    keep = untouched and same_colours
    palette = picture.mode == "P"
    photograph = form == "JPEG" or _is_photograph(picture)
    picture = _resized(picture, wanted)
    if form == "JPEG":
        return _shown(_jpeg(picture, keep=keep), "JPEG", picture.size, width)
    if photograph:
        photo = _jpeg(picture.convert("RGB"))
        if len(photo) < len(_png(picture, palette=False, level=1)) // 2:
            return _shown(photo, "JPEG", picture.size, width)
    return _shown(_png(picture, palette=palette), "PNG", picture.size, width)


def _shown(content: bytes, form: str, size: tuple[int, int], width: int) -> Picture:
    shown = min(size[0], width)
    return Picture(content, TYPES[form], shown, max(1, round(size[1] * shown / size[0])))


def _check_frames(name: str, source: Image.Image) -> None:
    """Raises Refused for an animation whose frames would fill the memory of whoever opens it."""
    for number, frame in enumerate(ImageSequence.Iterator(source), 1):
        if number * frame.width * frame.height > FRAMES_PIXELS:
            raise Refused(f"{name}: the animation has too many frames; shorten it")
        frame.load()


def _upright(source: Image.Image) -> Image.Image:
    turned = ImageOps.exif_transpose(source)
    return source if source.getexif().get(0x0112, 1) == 1 else turned


def _srgb(picture: Image.Image) -> tuple[Image.Image, bool]:
    """In sRGB, eight bits a channel, in a mode that PNG or JPEG has; and whether it was so before."""
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I") or picture.mode == "F":
        return picture.convert("I").point(lambda value: value * (1 / 256)).convert("L"), False
    if profile and picture.mode in {"RGB", "RGBA", "CMYK"}:
        try:
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "srgb" not in ImageCms.getProfileDescription(given).lower():
                mode = "RGBA" if picture.mode == "RGBA" else "RGB"
                converted = ImageCms.profileToProfile(picture, given, ImageCms.createProfile("sRGB"), outputMode=mode)
                return converted or picture, False
        except ImageCms.PyCMSError:
            pass  # a broken profile says nothing
    if picture.mode in {"RGB", "L"} and "transparency" not in picture.info:
        return picture, True
    if picture.mode == "P":
        return picture, False
    mode = "RGBA" if picture.has_transparency_data else "L" if picture.mode == "1" else "RGB"
    return picture.convert(mode), False


def _is_photograph(picture: Image.Image) -> bool:
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema() != (255, 255):
        return False
    return picture.mode in {"RGB", "RGBA"} and picture.convert("RGB").getcolors(COLOURS) is None


def _resized(picture: Image.Image, wanted: int) -> Image.Image:
    if picture.width <= wanted:
        return picture
    if picture.mode == "P":
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    size = (wanted, max(1, round(picture.height * wanted / picture.width)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _jpeg(picture: Image.Image, *, keep: bool = False) -> bytes:
    """As JPEG; `keep` leaves what was compressed once as it was."""
    out = io.BytesIO()
    picture.info = {}
    quality: Any = "keep" if keep else QUALITY
    picture.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
    return out.getvalue()


def _png(picture: Image.Image, *, palette: bool, level: int = 9) -> bytes:
    """As PNG; `palette`: of at most 256 colours, as it was before it was made smaller. `level` is zlib's."""
    if palette and picture.mode != "P":
        picture = picture.quantize(256, Image.Quantize.FASTOCTREE)
    out = io.BytesIO()
    picture.info = {key: value for key, value in picture.info.items() if key == "transparency"}
    picture.save(out, "PNG", compress_level=level)
    return out.getvalue()
