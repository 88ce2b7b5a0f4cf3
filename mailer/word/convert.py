"""The text of a Word file as Markdown, with its pictures as files."""

import io
import re
from dataclasses import dataclass, field
from typing import Any

import mammoth
from bs4 import BeautifulSoup, Tag
from markdownify import MarkdownConverter
from PIL import Image

from config.errors import Refused
from mailer.pictures import make_ready
from mailer.render.fragment import LINKS
from mailer.render.kinds import CONTENT_WIDTH
from mailer.word.package import Package

STYLES = """
p[style-name='Title'] => h1.title:fresh
p[style-name='Subtitle'] => p.subtitle:fresh
p[style-name='Quote'] => blockquote > p:fresh
p[style-name='Intense Quote'] => blockquote > p:fresh
p[style-name='Block Text'] => blockquote > p:fresh
"""
_TYPES = {"PNG": ".png", "JPEG": ".jpg", "MPO": ".jpg", "GIF": ".gif"}
_BYLINE = re.compile(
    r"(?:By|Par|Von|Door|Por|Di|Av|Af|De|Autor|Author|Auteur|بقلم)[ :\xa0]+"
    r"(?P<name>\w[\w.'\u2019-]*(?: [\w.'\u2019-]+){0,4})"
)
_BRACES = re.compile(r"\{(?=[{%#])")


@dataclass
class Converted:
    """What a Word file says, and what was made of it."""

    headline: str = ""
    standfirst: str = ""
    byline: str = ""
    body: str = ""
    pictures: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """What was dropped or changed, a line each."""


def convert(package: Package) -> Converted:
    """Title, byline and text. Raises Refused for a file that cannot be read."""
    made = Converted()

    def picture(image: Any) -> dict[str, str]:
        with image.open() as source:
            return _keep_picture(made, source.read(), image.content_type, " ".join((image.alt_text or "").split()))

    try:
        result = mammoth.convert_to_html(
            io.BytesIO(package.content),
            style_map=STYLES,
            include_embedded_style_map=False,
            convert_image=mammoth.images.img_element(picture),
        )
    except (KeyError, OSError, ValueError, AttributeError, TypeError, IndexError, RecursionError):
        raise Refused(f"{package.name}: is damaged; save it again in Word") from None
    page = BeautifulSoup(result.value, "html.parser")
    _tidy(page, made)
    _take_heads(page, made)
    made.body = _BRACES.sub("&#123;", _Markdown(
        heading_style="ATX", bullets="-", escape_misc=True, sup_symbol="<sup>", sub_symbol="<sub>", wrap=False,
        table_infer_header=True, newline_style="BACKSLASH",
    ).convert_soup(page)).strip() + "\n"  # fmt: skip
    made.body = re.sub(r"\n{3,}", "\n\n", made.body)
    made.notes += dict.fromkeys(f"{message.message[:1].lower()}{message.message[1:]}" for message in result.messages)
    return made


class _Markdown(MarkdownConverter):
    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        del text, parent_tags
        alt = re.sub(r"([\\\[\]*_`<>&])", r"\\\1", str(el.get("alt") or ""))
        return f"![{alt}]({el['src']})"


def _keep_picture(made: Converted, content: bytes, content_type: str, alt: str) -> dict[str, str]:
    name = f"picture-{len(made.pictures) + 1}"
    try:
        with Image.open(io.BytesIO(content)) as source:
            ending = _TYPES.get(source.format or "", "")
            if not ending and source.format not in {"EMF", "WMF"}:
                out = io.BytesIO()
                source.convert("RGBA").save(out, "PNG")
                content, ending = out.getvalue(), ".png"
        if ending:
            make_ready(f"{name}{ending}", content, CONTENT_WIDTH)
    except (Refused, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        ending = ""
    if not ending:
        made.notes.append(f"a picture ({content_type}) that mail programs cannot show was left out; save it as PNG")
        return {"src": ""}
    made.pictures[f"{name}{ending}"] = content
    return {"src": f"{name}{ending}", "alt": alt}


def _tidy(page: BeautifulSoup, made: Converted) -> None:
    """Take out what a mail has no use for: links within the page, pictures that were left out."""
    for picture in page.find_all("img", src=""):
        picture.decompose()
    for link in page.find_all("a"):
        target = str(link.get("href") or "")
        if target.startswith(("#footnote-ref", "#endnote-ref")):
            link.decompose()
        elif target.startswith(("#footnote", "#endnote")):
            link.replace_with(link.get_text().strip("[]"))
        elif target.partition(":")[0].lower() not in LINKS:
            if target and not target.startswith("#"):
                made.notes.append(f"the link {target!r} leads nowhere from a mail; its words stayed")
            link.unwrap()
    note = page.find("li", id=re.compile("^(?:foot|end)note-"))
    if note and note.parent:
        note.parent.insert_before(page.new_tag("hr"))


def _take_heads(page: BeautifulSoup, made: Converted) -> None:
    """Headline, standfirst and byline out of the page; the headings left begin at the second level."""
    title = page.find("h1", class_="title") or page.find("h1")
    if title:
        made.headline = " ".join(title.get_text(" ").split())
        title.decompose()
    subtitle = page.find("p", class_="subtitle")
    if subtitle:
        made.standfirst = " ".join(subtitle.get_text(" ").split())
        subtitle.decompose()
    for paragraph in page.find_all("p", limit=2):
        found = _BYLINE.fullmatch(" ".join(paragraph.get_text(" ").split()))
        if found:
            made.byline = found["name"]
            paragraph.decompose()
            break
    headings = page.find_all(re.compile(r"^h[1-6]$"))
    top = min((int(heading.name[1]) for heading in headings), default=2)
    for heading in headings:
        heading.name = f"h{min(6, int(heading.name[1]) - top + 2)}"
