"""The pictures in gallery.md: every kind of mail in six languages, as mail programs show them. Run by `make gallery`.

Each mail goes the whole way: house style and folder imported, compiled, assembled for one reader, parsed again. A
Chromium on this machine, and no network, then shows its HTML in light and dark on a desktop and a telephone, and its
plain text; one sheet holds them all. The texts are the demo's, and short ones in `specimens/` for languages that the
demo does not have.
"""

import base64
import email
import io
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from email.utils import formatdate
from html import escape
from operator import sub
from pathlib import Path

import yaml
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
PICTURES = HERE / "gallery"
SPECIMENS = HERE / "specimens"
CONTENT = HERE.parent / "cli" / "demo_content"
FOLDERS = {
    "value-gap": "journalist",
    "fair-deals": "journalist",
    "fair-access": "member",
    "spring-news": "policymaker",
    "open-evening": "journalist",
}
"""The demo's mailings, and what the reader of each is."""
READERS = {
    "en": ("Hannah", "hannah.bell@kestrelle-post.example", "Kestrelle Post", "Press", "Europe/London"),
    "fr": ("Élodie", "elodie.fournier@radio-pavane.example", "Radio Pavane", "Presse", "Europe/Brussels"),
    "de": ("Jutta", "jutta.brandl@abendruf.example", "Abendruf", "Presse", "Europe/Berlin"),
    "el": ("Ελένη", "eleni.mavrou@akti-news.example", "Ακτή", "Τύπος", "Europe/Athens"),
    "bg": ("Милена", "milena.ruseva@radio-zora.example", "Радио Зора", "Преса", "Europe/Sofia"),  # noqa: RUF001
    "ar": ("نادية", "nadia.haddad@undine-news.example", "أخبار أوندين", "الصحافة", "Africa/Cairo"),
}
"""First name, address, outlet, title of the list, time zone."""
TOPICS = ("access-to-media", "vat")
"""What these readers follow."""
LANGUAGES = {"en": "English", "fr": "French", "de": "German", "el": "Greek", "bg": "Bulgarian", "ar": "Arabic"}
VIEWS = (("light", 720), ("dark", 720), ("light", 390), ("dark", 390), ("light", 320), ("text", 720))
"""From left to right: scheme, and width in CSS pixels."""
SHOWN = 0.4
"""How large the pictures stand on a sheet."""
GAP = 24
GREY = (128, 128, 128)
COLOURS = 32
NEAR = 10
MOST_LOOKED_AT = 2_000
"""A sheet has few colours, and so a small file: how many, how far apart, and out of how many."""
FLAT = 0.01
"""Of a sheet, from which on a colour is a ground and stands however near another one is."""
INTRODUCTION = """\
Made by `make gallery`: the demo's mailings, and short texts in three more languages. Every picture is a whole mail as \
one reader gets it. From left to right: on a desktop in light and in dark, on a telephone in light and in dark, 320 \
pixels wide, and as plain text."""
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def prepared(folder: Path) -> None:
    """Put the demo's content with the specimens into `folder`."""
    shutil.copytree(CONTENT, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for text in SPECIMENS.glob("*/*.md"):
        shutil.copy(text, folder / text.parent.name)
    house = yaml.safe_load((folder / "house.yaml").read_text(encoding="utf-8"))
    house["boilerplate"] |= yaml.safe_load((SPECIMENS / "boilerplate.yaml").read_text(encoding="utf-8"))
    (folder / "house.yaml").write_text(yaml.safe_dump(house, allow_unicode=True), encoding="utf-8")


def assembled() -> Iterator[tuple[str, str, EmailMessage]]:
    """(kind, language, message) for every kind and language."""
    with tempfile.TemporaryDirectory() as state:
        os.environ["BROADSIDE_STATE_DIR"] = state
        os.environ["BROADSIDE_PUBLIC_URL"] = "https://lists.impala.example"
        # The settings are read on import, so only now.
        from config.database import transaction  # noqa: PLC0415
        from config.migrate import upgrade  # noqa: PLC0415
        from mailer.editions import compile_mailing  # noqa: PLC0415
        from mailer.folder import import_folder  # noqa: PLC0415
        from mailer.house import import_house  # noqa: PLC0415
        from mailer.models import Media  # noqa: PLC0415
        from mailer.plan.message import MessagePlan  # noqa: PLC0415
        from mailer.recipient import Recipient  # noqa: PLC0415
        from mailer.stamps import Stamps  # noqa: PLC0415
        from subscribers.lists import create_list, set_title  # noqa: PLC0415

        content = Path(state) / "content"
        prepared(content)
        upgrade()
        with transaction() as session:
            import_house(session, content / "house.yaml")
            press = create_list(session, "press", READERS["en"][3])
            for name in ("members", "policy"):
                create_list(session, name, name.capitalize())
            for language, reader in READERS.items():
                set_title(session, "press", language, reader[3])
            session.flush()
            for name, role in FOLDERS.items():
                mailing = import_folder(session, content / name)
                stamps = Stamps(session, mailing)
                editions = dict(compile_mailing(session, mailing))
                media = {row.hash: row.content for row in session.query(Media)}
                for language, (first_name, address, outlet, _, zone) in READERS.items():
                    reader = Recipient(
                        address,
                        first_name,
                        languages=(language,),
                        role=role,
                        organisation=outlet,
                        time_zone=zone,
                        topics=TOPICS,
                    )
                    stamp = stamps.stamp(1, "0123456789abcdef0123", press.id, language, formatdate(localtime=True))
                    content_of = MessagePlan(editions[language], media).assemble(reader, stamp)
                    yield mailing.kind, language, email.message_from_bytes(content_of, policy=default)


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
        "body{margin:32px;font:16px/1.5 'DejaVu Sans Mono','Noto Sans Arabic',monospace;background:#fff}"
        "p{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}"
    )
    return f"<meta charset=utf-8><style>{style}</style>{lines}"


def shoot(browser: Browser, html: str, scheme: str, width: int) -> Image.Image:
    """The whole page."""
    dark = "dark" if scheme == "dark" else "light"
    context = browser.new_context(color_scheme=dark, viewport={"width": width, "height": 600}, offline=True)
    page = context.new_page()
    page.set_content(html)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    context.close()
    return picture


def sheet(pictures: list[Image.Image]) -> Image.Image:
    """The pictures side by side, `SHOWN` of their size, in `COLOURS`."""
    small = [
        one.resize((round(one.width * SHOWN), round(one.height * SHOWN)), Image.Resampling.LANCZOS) for one in pictures
    ]
    size = sum(one.width + GAP for one in small) + GAP, max(one.height for one in small) + 2 * GAP
    whole, left = Image.new("RGB", size, GREY), GAP
    for one in small:
        whole.paste(one, (left, GAP))
        left += one.width + GAP
    return whole.quantize(palette=palette(pictures), dither=Image.Dither.NONE)


def palette(pictures: list[Image.Image]) -> Image.Image:
    """The most frequent colours of the pictures, `NEAR` apart: grounds stay exactly as they are."""
    counted: Counter[tuple[int, ...]] = Counter({GREY: sum(one.width * one.height for one in pictures)})
    for one in pictures:
        counted.update({colour: number for number, colour in one.getcolors(one.width * one.height) or ()})
    kept: list[tuple[int, ...]] = []
    ground = counted.total() * FLAT
    for colour, number in counted.most_common(MOST_LOOKED_AT):
        far = all(max(map(abs, map(sub, colour, other))) > NEAR for other in kept)
        if len(kept) < COLOURS and (number > ground or far):
            kept.append(colour)
    found = Image.new("P", (1, 1))
    found.putpalette([part for colour in [*kept, *kept[:1] * (256 - len(kept))] for part in colour])
    return found


def write_page(sheets: dict[tuple[str, str], str]) -> None:
    """gallery.md, from (kind, language) -> file name."""
    lines = ["# What the mails look like", "", INTRODUCTION]
    for kind in dict.fromkeys(kind for kind, _ in sheets):
        lines += ["", f"## {kind.replace('-', ' ').capitalize().replace('Op ed', 'Op-ed')}", ""]
        for (of, language), name in sheets.items():
            if of == kind:
                alt = f"{kind.replace('-', ' ')} in {LANGUAGES[language]}: six views"
                lines += [f"{LANGUAGES[language]}:", "", f"[![{alt}](gallery/{name})](gallery/{name})", ""]
        lines.pop()
    (HERE / "gallery.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


def main() -> None:
    """Make every picture and the page again."""
    program = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if program is None:
        sys.exit("make gallery needs a Chromium: apt-get install chromium fonts-noto-core")
    PICTURES.mkdir(exist_ok=True)
    for old in PICTURES.glob("*.png"):
        old.unlink()
    sheets: dict[tuple[str, str], str] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for kind, language, message in assembled():
            html, text = page_of(message), text_of(message)
            views = [shoot(browser, text if what == "text" else html, what, width) for what, width in VIEWS]
            sheets[kind, language] = f"{kind}-{language}.png"
            sheet(views).save(PICTURES / sheets[kind, language], optimize=True)
        browser.close()
    write_page(sheets)


if __name__ == "__main__":
    main()
