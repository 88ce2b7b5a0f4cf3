"""The oracle: a message made for one reader from the start, with none of our tokens, places or encoders.

Plain Jinja fills in the text with a harmless word for each value, Markdown, cleaning, template and premailer follow,
and in the parsed tree the words give way to the values.
"""

import re
import unicodedata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
import lxml.html
import nh3
from lxml.html import HtmlElement
from markdown_it import MarkdownIt
from markupsafe import Markup
from premailer import Premailer

from mailer.recipient import Recipient

BLOCKS = {"html", "head", "body", "table", "tbody", "tr", "td", "div", "p", "h1", "h2", "ul", "ol", "li", "blockquote"}
DIRECTION = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def as_written(value: str) -> str:
    """A value as one run of text."""
    kept = []
    for character in value:
        category = unicodedata.category(character)
        if category in {"Cc", "Zl", "Zp"}:
            if not kept or kept[-1] is not None:
                kept.append(None)
        elif category == "Cs" or character in "\ufffe\uffff":
            kept.append("\ufffd")
        elif character not in DIRECTION:
            kept.append(character)
    return "".join(" " if part is None else part for part in kept).strip()


class Words:
    """Values and the words that stand for them."""

    def __init__(self) -> None:
        self.values: list[str] = []

    def word(self, value: Any) -> str:
        if value is False:
            value = ""
        text = ", ".join(value) if isinstance(value, list) else str(value)
        self.values.append(text)
        return f"standin{len(self.values) - 1:04d}x"

    def back(self, text: str, encode: bool = False) -> str:
        def value(match: re.Match[str]) -> str:
            found = self.values[int(match[1])]
            return quote(found, safe="") if encode else found

        return re.sub(r"standin(\d{4})x", value, text)


def naive_document(
    templates: Path, front: dict[str, str], body: str, reader: Recipient, unsubscribe: str
) -> tuple[str, HtmlElement]:
    """The subject and the parsed document that this reader should get."""
    words = Words()
    engine = jinja2.Environment(finalize=words.word, trim_blocks=True, lstrip_blocks=True)
    values = {
        **{name: as_written(getattr(reader, name)) for name in ("email", "first_name", "last_name", "role", "country")},
        "topics": [topic for topic in map(as_written, reader.topics) if topic],
        "attributes": {key: as_written(value) for key, value in reader.attributes.items()},
    }
    subject = engine.from_string(front["subject"]).render(values)
    markdown = MarkdownIt("commonmark", {"html": True}).render(engine.from_string(body).render(values))
    clean = nh3.clean(markdown, link_rel=None)
    edition = {"language": "en", "direction": "ltr", "subject": subject, "preheader": "", "author": None, "terms": ""}
    edition |= {"links": [], "site": "", "headline": engine.from_string(front["headline"]).render(values)}
    kind = jinja2.Environment(loader=jinja2.FileSystemLoader(templates), autoescape=True, keep_trailing_newline=True)
    html = kind.get_template("email/note/message.html").render(
        edition=edition,
        body=Markup(clean),
        slots={"unsubscribe_url": unsubscribe, "email": words.word(values["email"]), "list_title": "Press & friends"},
        _=lambda text: text,
    )
    inlined = Premailer(
        html,
        keep_style_tags=True,
        strip_important=False,
        disable_basic_attributes=["width", "height"],
        allow_network=False,
    ).transform()
    tree = lxml.html.document_fromstring(inlined)
    for element in tree.iter():
        if isinstance(element.tag, str):
            element.text = words.back(element.text or "")
            for name, value in element.attrib.items():
                element.set(name, words.back(value, encode=name == "href"))
        element.tail = words.back(element.tail or "")
    return words.back(subject), tree


def shape(element: HtmlElement) -> Any:
    """A tree as nested tuples: names, attributes, text with single spaces; isolation (`bdi`) is looked through."""
    if not isinstance(element.tag, str):
        return ("comment", element.text)
    parts: list[Any] = []
    _collect(element, parts)
    if element.tag in BLOCKS:
        parts = [part for part in parts if part != " "]
        if parts and isinstance(parts[0], str):
            parts[0] = parts[0].lstrip(" ")
        if parts and isinstance(parts[-1], str):
            parts[-1] = parts[-1].rstrip(" ")
    return (element.tag, tuple(sorted(element.attrib.items())), *[part for part in parts if part])


def _collect(element: HtmlElement, parts: list[Any]) -> None:
    def text(more: str | None) -> None:
        if more:
            joined = (parts.pop() if parts and isinstance(parts[-1], str) else "") + more
            parts.append(re.sub(r"[ \t\n\r\f]+", " ", joined))

    text(element.text)
    for child in element:
        if child.tag == "bdi":
            inner: list[Any] = []
            _collect(child, inner)
            for part in inner:
                text(part)
        else:
            parts.append(shape(child))
        text(child.tail)
