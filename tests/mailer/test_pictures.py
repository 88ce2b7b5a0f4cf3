"""Pictures made ready for mail, tried on files as cameras, designers and strangers make them."""

import io
import re
import struct
import zlib
from pathlib import Path

import lxml.html
import pytest
from PIL import Image, ImageCms, ImageDraw
from PIL.PngImagePlugin import PngInfo
from sqlalchemy import select

from config.database import reading, transaction
from config.errors import Refused
from mailer.editions import compile_mailing, materials_of
from mailer.folder import import_folder
from mailer.models import MailingMedia, Media
from mailer.pictures import make_ready, name_for, shown_width
from mailer.render.kinds import CONTENT_WIDTH, TEMPLATES, Kind, kind_names, load_kind
from tests.press import ENGLISH, MAILING, open_office, write_folder


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def photograph(width: int = 1200, height: int = 900) -> Image.Image:
    """Many colours that change slowly, with some noise."""
    noise = Image.effect_noise((width, height), 12)
    ramp = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (ramp, ramp.rotate(180), noise))


def drawing(mode: str = "RGB", size: tuple[int, int] = (2400, 1000)) -> Image.Image:
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for at in range(6):
        draw.rectangle((at * 300, 900 - at * 120, at * 300 + 200, 900), fill=("red", "navy", "green")[at % 3])
    return picture.convert(mode)


def test_the_width_of_the_text_is_the_base_templates() -> None:
    style = (TEMPLATES / "email" / "style.css").read_text()
    sheet = int(re.findall(r"\.sheet \{[^}]*max-width: (\d+)px", style)[0])
    pad = int(re.findall(r"\.pad \{ padding: 0 (\d+)px", style)[0])
    assert sheet - 2 * pad == CONTENT_WIDTH


def test_a_photograph_is_as_large_as_it_is_shown_at_twice_the_pixels() -> None:
    ready = make_ready("a.jpg", saved(photograph(2400, 1800), "JPEG", quality=97), 520)
    assert (ready.content_type, ready.width, ready.height) == ("image/jpeg", 520, 390)
    assert opened(ready.content).size == (1040, 780)


@pytest.mark.parametrize(("width", "shown"), [(300, 300), (520, 520), (700, 520), (1040, 520)])
def test_nothing_is_made_larger(width: int, shown: int) -> None:
    for form in ("JPEG", "PNG"):
        ready = make_ready("a", saved(photograph(width, width), form), 520)
        assert opened(ready.content).size == (width, width) and (ready.width, ready.height) == (shown, shown)


def test_a_photograph_that_is_small_enough_is_not_compressed_twice() -> None:
    content = saved(photograph(800, 600), "JPEG", quality=60)
    ready = make_ready("a.jpg", content, 520)
    assert opened(ready.content).quantization == opened(content).quantization  # type: ignore[attr-defined]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright_and_tells_nothing_of_camera_and_place(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825)[2] = (50.0, 50.0, 47.0)
    sideways = orientation >= 5
    picture = Image.new("RGB", (1200, 600) if not sideways else (600, 1200), "white")
    picture.paste("black", (0, 0, 100, 100))
    content = saved(picture, "JPEG", exif=exif, comment=b"SecretComment", quality=95)
    assert b"Secret" in content
    ready = make_ready("a.jpg", content, 520)
    shown = opened(ready.content)
    assert shown.size == (1040, 520) and (ready.width, ready.height) == (520, 260)
    assert b"Secret" not in ready.content and not shown.getexif() and "comment" not in shown.info
    corners = [(5, 5), (1034, 5), (1034, 514), (5, 514)]
    black = [at for at, corner in enumerate(corners) if sum(shown.convert("RGB").getpixel(corner)) < 100]  # type: ignore[arg-type]
    assert black == [{1: 0, 2: 1, 3: 2, 4: 3, 5: 0, 6: 1, 7: 2, 8: 3}[orientation]]


def test_what_a_png_tells_is_gone() -> None:
    words = PngInfo()
    words.add_text("Author", "Secret")
    words.add_itxt("XML:com.adobe.xmp", "Secret")
    exif = Image.Exif()
    exif[0x010F] = "Secret"
    ready = make_ready("a.png", saved(drawing(size=(600, 300)), "PNG", pnginfo=words, exif=exif), 520)
    assert b"Secret" not in ready.content
    assert re.findall(rb"(IHDR|PLTE|tRNS|IDAT|IEND|[a-z][A-Za-z]{3})(?=.{8})", ready.content[:40]) == [b"IHDR"]


def test_drawings_stay_png_and_photographs_become_jpeg() -> None:
    assert make_ready("a.png", saved(drawing(), "PNG"), 520).content_type == "image/png"
    few = make_ready("a.png", saved(drawing("P"), "PNG"), 520)
    assert few.content_type == "image/png" and opened(few.content).mode == "P"
    photo = make_ready("a.png", saved(photograph(), "PNG"), 520)
    assert photo.content_type == "image/jpeg" and len(photo.content) < 400_000
    opaque = photograph()
    opaque.putalpha(255)
    assert make_ready("a.png", saved(opaque, "PNG"), 520).content_type == "image/jpeg"


def test_what_is_transparent_stays_so() -> None:
    clear = photograph(600, 300)
    clear.putalpha(Image.linear_gradient("L").resize((600, 300)))
    ready = make_ready("a.png", saved(clear, "PNG"), 520)
    alpha = opened(ready.content).getchannel("A").getextrema()
    assert ready.content_type == "image/png" and alpha[0] < 10 and alpha[1] > 245
    few = drawing("RGBA", (1400, 700))
    few.paste((0, 0, 0, 0), (700, 0, 1400, 700))
    for mode in ("RGBA", "P"):
        shown = opened(
            make_ready("a.png", saved(few.convert(mode) if mode == "RGBA" else few.quantize(), "PNG"), 520).content
        )
        assert shown.convert("RGBA").getpixel((1000, 10))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "RGBA", "P"])
def test_every_mode_of_png_is_understood(mode: str) -> None:
    base = Image.linear_gradient("L").resize((1200, 600))
    picture = Image.frombytes("I;16", (1200, 600), b"\x00\x80" * 720_000) if mode == "I;16" else base.convert(mode)
    ready = make_ready("a.png", saved(picture, "PNG"), 520)
    shown = opened(ready.content).convert("L")
    assert shown.size == (1040, 520)
    assert 90 < shown.resize((1, 1)).getpixel((0, 0)) < 165  # type: ignore[operator]


def test_colours_for_print_and_of_other_screens_become_those_of_the_web() -> None:
    cmyk = make_ready("a.jpg", saved(Image.new("CMYK", (800, 400), (0, 255, 255, 0)), "JPEG", quality=95), 520)
    red = opened(cmyk.content)
    assert red.mode == "RGB" and red.getpixel((5, 5))[0] > 200 > red.getpixel((5, 5))[1] + 100  # type: ignore[index]
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    odd = make_ready("a.jpg", saved(photograph(800, 400), "JPEG", icc_profile=profile), 520)
    assert "icc_profile" not in opened(odd.content).info
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert "icc_profile" not in opened(make_ready("a.png", saved(drawing(), "PNG", icc_profile=srgb), 520).content).info


def test_an_animation_stays_as_it_is_and_a_still_gif_becomes_png() -> None:
    frames = [Image.new("RGB", (1200, 60), colour) for colour in ("red", "navy", "green")]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    ready = make_ready("a.gif", content, 520)
    assert ready.content == content and (ready.content_type, ready.width, ready.height) == ("image/gif", 520, 26)
    still = make_ready("a.gif", saved(drawing("P", (600, 300)), "GIF"), 520)
    assert still.content_type == "image/png" and name_for("a.gif", still.content_type) == "a.png"


def test_the_same_file_gives_the_same_bytes() -> None:
    for content in (saved(photograph(), "JPEG"), saved(drawing(), "PNG"), saved(drawing("P"), "PNG")):
        assert make_ready("a", content, 520) == make_ready("b", content, 520)


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.png: this is no picture; save it again as PNG, JPEG or GIF"),
        (b"%PDF-1.7", "a.png: this is no picture"),
        (saved(photograph(400, 300), "JPEG")[:4_000], "a.png: the picture is damaged or cut off"),
        (saved(photograph(400, 300), "PNG")[:4_000], "a.png: the picture is damaged or cut off"),
        (bomb(12_000, 12_000), "a.png: has more than 89 million pixels; save the picture smaller"),
        (bomb(60_000, 60_000), "a.png: has more than 89 million pixels"),
        (bomb(0, 10), "a.png: "),
        (saved(drawing(size=(50, 50)), "WEBP"), "a.png: this is a WEBP picture; mail programs show PNG, JPEG and GIF"),
        (saved(drawing(size=(50, 50)), "TIFF"), "a.png: this is a TIFF picture"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(content: bytes, message: str) -> None:
    with pytest.raises(Refused, match=message):
        make_ready("a.png", content, 520)


def test_an_animation_may_be_too_large_or_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Image.effect_noise((700, 700), 90).convert("P") for _ in range(4)]
    content = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(Refused, match=r"a.gif: has \d,\d+,\d+ bytes and travels in every mail; at most 1,000,000"):
        make_ready("a.gif", content, 520)
    monkeypatch.setattr("mailer.pictures.FRAMES_PIXELS", 700 * 700 * 3)
    with pytest.raises(Refused, match="too many frames"):
        make_ready("a.gif", content, 520)


def test_how_wide_a_picture_is_shown() -> None:
    kind = Kind.model_validate(
        {
            "folder": "x",
            "title": "X",
            "fields": {
                "author": {"fields": {"portrait": {"picture": True, "width": 80}}},
                "items": {
                    "items": {"fields": {"picture": {"picture": True, "width": 240}, "text": {"markdown": True}}}
                },
            },
        }
    )
    front = {
        "author": {"portrait": "jo.jpg"},
        "items": [{"picture": "a.png"}, {"text": "![x](b.png)", "picture": "jo.jpg"}],
    }
    widths = {
        name: shown_width(kind, {"en": (front, "![](my%20c.png)")}, name)
        for name in ("jo.jpg", "a.png", "b.png", "my c.png", "no.png")
    }
    assert widths == {"jo.jpg": 240, "a.png": 240, "b.png": 520, "my c.png": 520, "no.png": 520}
    assert shown_width(kind, {"en": (front, ""), "fr": ({}, "![](a.png)")}, "a.png") == 520


@pytest.mark.parametrize("kind", kind_names())
def test_every_picture_of_a_kind_has_a_credit_beside_it(kind: str) -> None:
    def look(fields: dict[str, object]) -> None:
        for field in fields.values():
            if field.picture:  # type: ignore[attr-defined]
                assert "credit" in fields
            look(field.fields or (field.items.fields if field.items else {}))  # type: ignore[attr-defined]

    look(dict(load_kind(kind).front))


def test_a_mailing_shows_it_at_its_size_with_its_credit_and_attaches_it_untouched(
    database: str, tmp_path: Path
) -> None:
    open_office(1)
    body = (
        '\n{% if role %}\n![A town](town.png "Photo: Jo")\n{% endif %}\n\nsee ![it](town.png "Jo & Co") and '
        '[![again](town.png "Photo: Jo")](https://example.org/)\n'
    )
    folder = write_folder(
        tmp_path / "value-gap", en_md=ENGLISH + body, mailing_yaml=f"{MAILING}attachments: [town.png]\n"
    )
    content = saved(photograph(), "PNG")
    (folder / "town.png").write_bytes(content)
    with transaction() as session:
        mailing = import_folder(session, folder)
        files = {row.attached: row for row in session.scalars(select(MailingMedia))}
        assert session.get_one(Media, files[True].media_hash).content == content
        assert session.get_one(Media, files[False].media_hash).content_type == "image/jpeg"
        assert materials_of(session, mailing).pictures["town.png"].filename == "town.jpg"
        edition = dict(compile_mailing(session, mailing))["en"]
        assert [file.filename for file in edition.pictures] == ["town.jpg"]
        assert [file.filename for file in edition.attachments] == ["town.png"]
    page = lxml.html.document_fromstring(edition.html)
    pictures = page.xpath("//img[contains(@src, 'cid:')]")
    assert {(one.get("width"), one.get("height"), one.get("title")) for one in pictures} == {("520", "390", None)}
    below = page.xpath("//p[@class='picture']/following-sibling::p[@class='credit']")
    assert below[0].text == "Photo: Jo"
    assert [one.text for one in page.xpath("//small[@class='credit']")] == ["(Jo & Co)", "(Photo: Jo)"]
    assert "[A town]\n\nPhoto: Jo\n\n" in edition.text and "see [it] (Jo & Co) and" in edition.text


def test_importing_twice_makes_the_same_rows(database: str, tmp_path: Path) -> None:
    open_office(1)
    folder = write_folder(tmp_path / "value-gap")
    (folder / "a.jpg").write_bytes(saved(photograph(), "JPEG"))
    for _ in range(2):
        with transaction() as session:
            import_folder(session, folder)
    with reading() as session:
        assert len(list(session.scalars(select(Media.hash)))) == 1
