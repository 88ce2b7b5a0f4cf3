"""The body as a tree: lists joined over their statements, pictures named by their Content-ID, links looked at."""

from collections.abc import Mapping
from itertools import zip_longest
from urllib.parse import unquote, urlsplit

import lxml.html
from lxml.html import HtmlElement

from config.errors import Unknown
from mailer.plan.compiled import MediaRef
from mailer.render.errors import Found, SourceError
from mailer.render.lists import join_lists
from mailer.render.tokens import Tokens, Written

LINKS = {"http", "https", "mailto", "tel"}
ACROSS = 34
"""Characters that stand side by side on the narrowest telephone."""


class Fragment:
    """The body of an edition, cleaned: `html` for the template, `tree` (a div) for the text part.

    `pictures` are the media that it shows; a picture's title is its credit and comes to stand below it. Raises
    SourceError for pictures that are not there and for links that lead nowhere.
    """

    def __init__(self, html: str, written: Written, tokens: Tokens, media: Mapping[str, MediaRef]) -> None:
        self._written, self._tokens, self._media = written, tokens, media
        self.pictures: dict[str, MediaRef] = {}
        self.tree: HtmlElement = lxml.html.fragment_fromstring(html, create_parent="div")
        join_lists(self.tree, tokens)
        found = Found()
        for element in list(self.tree.iter("img", "a", "table")):
            with found.gathering():
                if element.tag == "img":
                    self._picture(element)
                elif element.tag == "table":
                    element.set("class", "data wide" if _is_wide(element) else "data")
                elif element.get("href") is not None:
                    self._link(element.get("href", ""))
        found.raise_first()

    @property
    def html(self) -> str:
        """The inside of the tree."""
        return _inside(self.tree)

    def _picture(self, element: HtmlElement) -> None:
        source = element.get("src", "")
        name = unquote(source)
        if name not in self._media:
            if self._tokens.holds(source):
                problem = "a picture's name cannot depend on the reader"
            elif urlsplit(source).scheme or source.startswith("//"):
                problem = "a picture travels inside the mail; put the file into the mailing's folder and name it"
            else:
                problem = str(Unknown("picture", name, self._media))
            raise self._refusal(problem, source)
        reference = self._media[name]
        self.pictures[reference.cid] = reference
        element.set("src", f"cid:{reference.cid}")
        if reference.width and not (element.get("width") or element.get("height")):
            element.set("width", str(reference.width))
            element.set("height", str(reference.height))
        credit = element.attrib.pop("title", "").strip()
        if credit:
            _show_credit(element, credit)

    def _link(self, target: str) -> None:
        whole = self._tokens.pattern.fullmatch(target)
        if whole and next(self._tokens.find(target))[0].is_link:
            return
        scheme = target.partition(":")[0].lower() if ":" in target else ""
        if scheme not in LINKS and not self._tokens.holds(target):
            raise self._refusal(
                f"the link {target!r} leads nowhere from a mail",
                target,
                "write its whole address, beginning with https:// (or mailto:, tel:)",
            )

    def _refusal(self, problem: str, source: str, remedy: str = "") -> SourceError:
        return self._written.refuse(problem, self._line(source), remedy)

    def _line(self, source: str) -> int | None:
        """The line on which an address stands, or a tag without an end, which takes its address from what follows."""
        lines = list(zip(self._written.lines, self._written.text.split("\n"), strict=True))
        found = [number for number, text in lines if source in text or unquote(source) in text] if source else []
        return next(iter(found or [number for number, text in lines if text.rfind("<") > text.rfind(">")]), None)


def _show_credit(picture: HtmlElement, credit: str) -> None:
    """Below a picture that has a paragraph to itself, else in small letters after it."""
    whole = picture.getparent() if picture.getparent().tag == "a" and not _others(picture) else picture
    paragraph = whole.getparent()
    if paragraph.tag == "p" and not _others(whole):
        below = lxml.html.Element("p")
        below.set("class", "credit")
        below.text = credit
        paragraph.set("class", "picture")
        below.tail, paragraph.tail = paragraph.tail, None
        paragraph.getparent().insert(paragraph.getparent().index(paragraph) + 1, below)
    else:
        beside = lxml.html.Element("small")
        beside.set("class", "credit")
        beside.text = f"({credit})"
        beside.tail, whole.tail = whole.tail, " "
        paragraph.insert(paragraph.index(whole) + 1, beside)


def _others(element: HtmlElement) -> bool:
    """Whether anything else stands in the element's parent."""
    parent = element.getparent()
    return len(parent) > 1 or bool((parent.text or "").strip() or (element.tail or "").strip())


def _inside(tree: HtmlElement) -> str:
    outer: str = lxml.html.tostring(tree, encoding="unicode", with_tail=False)
    return outer[outer.index(">") + 1 : outer.rindex("</")]


def _is_wide(table: HtmlElement) -> bool:
    """Whether the longest words of the columns have no room side by side, so that they have to break."""
    rows = [
        [max(map(len, str(cell.text_content()).split()), default=0) for cell in row.iter("th", "td")]
        for row in table.iter("tr")
    ]
    return sum(map(max, zip_longest(*rows, fillvalue=0))) > ACROSS
