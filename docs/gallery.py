"""The pictures in gallery.md: the demo's mails as mail programs show them. Run by `make gallery`.

Each mail goes the whole way: house style and folder imported, compiled, assembled for one reader, parsed again. A
Chromium on this machine, and no network, then shows its HTML in light and dark on a telephone and a desktop, and its
plain text.
"""

import base64
import email
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from email.utils import formatdate
from html import escape
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
PICTURES = HERE / "gallery"
CONTENT = HERE.parent / "cli" / "demo_content"
FOLDERS = {"value-gap": "journalist", "fair-access": "member"}
"""The demo's mailings, and what the reader of each is."""
READERS = {
    "en": ("Hannah", "hannah.bell@kestrelle-post.example", "Kestrelle Post", "Press"),
    "fr": ("Élodie", "elodie.fournier@radio-pavane.example", "Radio Pavane", "Presse"),
    "ar": ("نادية", "nadia.haddad@undine-news.example", "أخبار أوندين", "الصحافة"),
}
LANGUAGES = {"en": "English", "fr": "French", "ar": "Arabic"}
SIZES = {"desktop": 720, "phone": 390, "small phone": 320, "text": 720}
VIEWS = (
    ("desktop", "light"),
    ("desktop", "dark"),
    ("phone", "light"),
    ("phone", "dark"),
    ("small phone", "light"),
    ("text", "light"),
)
COLOURS = 64
NEAR = 4
"""Of a picture's palette, and how far apart two of them are at least: mails have few, and files stay small."""
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def assembled() -> Iterator[tuple[str, str, EmailMessage]]:
    """(kind, language, message) for every kind and language of the demo."""
    with tempfile.TemporaryDirectory() as state:
        os.environ["BROADSIDE_STATE_DIR"] = state
        os.environ["BROADSIDE_PUBLIC_URL"] = "https://lists.impala.example"
        # The settings are read on import, so only now.
        from config.database import transaction  # noqa: PLC0415
        from config.migrate import upgrade  # noqa: PLC0415
        from mailer.editions import compile_mailing  # noqa: PLC0415
        from mailer.folder import import_folder  # noqa: PLC0415
        from mailer.house import import_house  # noqa: PLC0415
        from mailer.mailing_file import read_mailing_file  # noqa: PLC0415
        from mailer.models import Media  # noqa: PLC0415
        from mailer.plan.message import MessagePlan  # noqa: PLC0415
        from mailer.recipient import Recipient  # noqa: PLC0415
        from mailer.stamps import Stamps  # noqa: PLC0415
        from subscribers.lists import create_list, set_title  # noqa: PLC0415

        upgrade()
        with transaction() as session:
            import_house(session, CONTENT / "house.yaml")
            press = create_list(session, "press", READERS["en"][3])
            for name in {name for folder in FOLDERS for name in read_mailing_file(CONTENT / folder).audience.lists}:
                if name != press.name:
                    create_list(session, name, name.capitalize())
            for language in ("fr", "ar"):
                set_title(session, "press", language, READERS[language][3])
            session.flush()
            for name, role in FOLDERS.items():
                mailing = import_folder(session, CONTENT / name)
                stamps = Stamps(session, mailing)
                for language, edition in compile_mailing(session, mailing):
                    first_name, address, outlet, _ = READERS[language]
                    media = {row.hash: row.content for row in session.query(Media)}
                    reader = Recipient(address, first_name, languages=(language,), role=role, organisation=outlet)
                    stamp = stamps.stamp(1, "0123456789abcdef0123", press.id, language, formatdate(localtime=True))
                    message = email.message_from_bytes(
                        MessagePlan(edition, media).assemble(reader, stamp), policy=default
                    )
                    yield mailing.kind, language, message


def page_of(message: EmailMessage) -> str:
    """The HTML part with its pictures in it."""
    part = message.get_body(("html",))
    assert part is not None
    html = str(part.get_content())
    for picture in message.walk():
        if picture["Content-ID"]:
            data = base64.b64encode(picture.get_payload(decode=True)).decode("ascii")
            name = picture["Content-ID"].strip("<>")
            html = html.replace(f"cid:{name}", f"data:{picture.get_content_type()};base64,{data}")
    return html


def text_of(message: EmailMessage) -> str:
    """The text part, set as a mail program sets it: each line in its own direction."""
    part = message.get_body(("plain",))
    assert part is not None
    lines = "".join(f'<p dir="auto">{escape(line) or "&nbsp;"}</p>' for line in str(part.get_content()).splitlines())
    style = (
        "body{margin:32px;font:16px/1.5 'DejaVu Sans Mono','Noto Sans Arabic',monospace;background:#fff} p{margin:0}"
    )
    return f"<meta charset=utf-8><style>{style}</style>{lines}"


def shoot(browser: Browser, html: str, scheme: str, width: int, path: Path) -> None:
    """The whole page as a PNG with a palette."""
    dark = "dark" if scheme == "dark" else "light"
    context = browser.new_context(color_scheme=dark, viewport={"width": width, "height": 600}, offline=True)
    page = context.new_page()
    page.set_content(html)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    few(picture).save(path, optimize=True)
    context.close()


def few(picture: Image.Image) -> Image.Image:
    """`picture` in its own `COLOURS` most frequent colours: the flat ones stay exactly as they are."""
    colours: list[tuple[int, ...]] = []
    for _, colour in sorted(picture.getcolors(picture.width * picture.height) or (), reverse=True):
        if all(max(abs(a - b) for a, b in zip(colour, other, strict=True)) > NEAR for other in colours):
            colours.append(colour)
        if len(colours) == COLOURS:
            break
    colours += colours[:1] * (256 - len(colours))  # else the rest of the palette is greys
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in colours for part in colour])
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)


def write_page(pictures: dict[tuple[str, str], list[tuple[str, str]]]) -> None:
    """gallery.md: per kind and language its pictures, (what it shows, file name)."""
    lines = [
        "# What the mails look like",
        "",
        "Made by `make gallery` from the mailings of the demo. Every picture is a whole mail as one reader gets it.",
    ]
    for (kind, language), views in pictures.items():
        lines += ["", f"## {kind.replace('-', ' ').capitalize()}, {LANGUAGES[language]}", "", "<p>"]
        for what, name in views:
            width = 300 if "desktop" in what or "text" in what else 160
            alt = f"{kind.replace('-', ' ')} in {LANGUAGES[language]}: {what}"
            lines.append(
                f'<a href="gallery/{name}"><img src="gallery/{name}" width="{width}" align="top" alt="{alt}"></a>'
            )
        lines.append("</p>")
    (HERE / "gallery.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


def main() -> None:
    """Make every picture and the page again."""
    program = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if program is None:
        sys.exit("make gallery needs a Chromium: apt-get install chromium fonts-noto-core")
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.png"):
        old.unlink()
    pictures: dict[tuple[str, str], list[tuple[str, str]]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for kind, language, message in assembled():
            shown = pictures.setdefault((kind, language), [])
            for size, scheme in VIEWS:
                html = text_of(message) if size == "text" else page_of(message)
                what = "plain text" if size == "text" else f"{size}, {scheme}"
                name = f"{kind}-{language}-{what.replace(', ', '-').replace(' ', '-')}.png"
                shoot(browser, html, scheme, SIZES[size], PICTURES / name)
                shown.append((what, name))
        browser.close()
    write_page(pictures)


if __name__ == "__main__":
    main()
