"""The HTML of a message made fit to be shown in a sandboxed frame.

The sandbox and the content security policy (`POLICY`) are what keeps a message from doing anything. What is done
to the document here is for the reader: pictures inside the mail appear, links open in a tab of their own, and what
the policy would block anyway is taken out so that it leaves a gap and not an error.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

import lxml.etree
import lxml.html

POLICY = (
    "default-src 'none'; img-src {origin} data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""A mail carries its styles inline. `{origin}` is spelt out because 'self' is nothing in a sandbox."""
DROPPED = ("script", "iframe", "frame", "object", "embed", "applet", "base", "link", "portal")
CID_IN_CSS = re.compile(r"""url\(\s*(["']?)cid:([^"')\s]+)\1\s*\)""", re.IGNORECASE)
REMOTE_IN_CSS = re.compile(r"""url\(\s*(["']?)(?!data:|/)[^"')]*\1\s*\)|@import[^;]*;?""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Links:
    """Links that begin with `answers_for` lead to `web_url`: the same pages, on this machine."""

    answers_for: str = ""
    web_url: str = ""

    def here(self, url: str) -> str:
        """Where `url` leads from this inbox."""
        rest = url.removeprefix(self.answers_for)
        if not self.answers_for or rest == url or not (rest == "" or rest[0] in "/?#"):
            return url
        return self.web_url + rest


def prepare(html: str, picture: Callable[[str], str | None], links: Links) -> str:
    """The document to put into the frame; `picture` gives the address of a content id, or None."""
    parser = lxml.html.HTMLParser(encoding="utf-8", recover=True, huge_tree=True)
    try:
        document = lxml.html.document_fromstring(html.encode("utf-8", "replace"), parser=parser)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError):
        return "<!DOCTYPE html>"  # nothing but blanks or comments
    for element in list(document.iter(*DROPPED, "meta")):
        if isinstance(element, lxml.html.HtmlElement) and (element.tag != "meta" or "http-equiv" in element.attrib):
            element.drop_tree()
    for element in document.iter(lxml.etree.Element):
        _prepare(element, picture, links)
    return str(lxml.etree.tostring(document.getroottree(), encoding="unicode", method="html"))


def _prepare(element: lxml.html.HtmlElement, picture: Callable[[str], str | None], links: Links) -> None:
    for name, value in element.attrib.items():
        if name.startswith("on") or name in {"srcset", "ping", "action", "formaction", "poster", "xlink:href"}:
            del element.attrib[name]
        elif name in {"src", "background"}:
            _set(element, name, _picture(value, picture))
        elif name == "style":
            element.set(name, _style(value, picture))
        elif name == "href":
            _link(element, value.strip(), links)
    if element.tag == "style" and element.text:
        element.text = _style(element.text, picture)


def _set(element: lxml.html.HtmlElement, name: str, value: str | None) -> None:
    if value is None:
        del element.attrib[name]
    else:
        element.set(name, value)


def _picture(url: str, picture: Callable[[str], str | None]) -> str | None:
    url = url.strip()
    if url[:4].lower() == "cid:":
        return picture(url[4:])
    return url if url[:11].lower() == "data:image/" else None


def _style(css: str, picture: Callable[[str], str | None]) -> str:
    inside = CID_IN_CSS.sub(lambda found: f"url({picture(found[2]) or ''})", css)
    return REMOTE_IN_CSS.sub("none", inside)


def _link(element: lxml.html.HtmlElement, url: str, links: Links) -> None:
    if url.startswith("#"):
        return
    if url.partition(":")[0].lower() not in {"http", "https", "mailto", "tel"}:
        del element.attrib["href"]
        return
    element.set("href", links.here(url))
    element.set("target", "_blank")
    element.set("rel", "noopener noreferrer")
