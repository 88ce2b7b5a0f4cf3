"""A .docx file, opened with suspicion: what it is, in which language, and what of it a mail cannot carry."""

import io
import zipfile
from collections import Counter
from pathlib import Path

from lxml import etree

from config.errors import Refused
from config.files import read_bytes

FILE_BYTES = 100_000_000
UNPACKED_BYTES = 400_000_000
"""The most that all parts may have: a zip bomb has more."""
XML_BYTES = 50_000_000
"""The most that one part of XML may have."""
DOCUMENT = "word/document.xml"
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_LOST = {
    f"{_W}ins": "tracked insertions, which were accepted",
    f"{_W}del": "tracked deletions, which were accepted",
    f"{_W}txbxContent": "text boxes, whose text now follows their paragraph",
    f"{_W}object": "embedded objects, which were left out",
    "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds": "SmartArt diagrams, which were left out",
    "{http://schemas.openxmlformats.org/drawingml/2006/chart}chart": "charts, which were left out",
    "{http://schemas.openxmlformats.org/officeDocument/2006/math}oMath": "formulas, which were left out",
}
_LOOKS = (f"{_W}color", f"{_W}highlight", f"{_W}rFonts", f"{_W}sz")


class Package:
    """The parts of a Word file. Raises Refused, in words, for what is none or may do harm."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self.content = read_bytes(path, FILE_BYTES)
        if self.content.startswith(_OLE):
            if "EncryptedPackage".encode("utf-16-le") in self.content:
                raise Refused(f"{self.name}: is protected by a password; save it in Word without one")
            raise Refused(f"{self.name}: is a file of an old Word; save it in Word as .docx")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(self.content))
            self._check_parts()
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
            raise Refused(f"{self.name}: is damaged, or no Word file; save it again in Word as .docx") from None
        self.document = self._part(DOCUMENT)

    def language(self) -> str:
        """The language most of the text is marked with, as Word's tag (`fr-BE`); "" where nothing says."""
        default = {"val": "", "bidi": ""}
        if "word/styles.xml" in self._zip.namelist():
            for found in self._part("word/styles.xml").iterfind(f"{_W}docDefaults//{_W}lang"):
                default = {key: found.get(f"{_W}{key}", "") for key in default}
        counted: Counter[str] = Counter()
        for run in self.document.iter(f"{_W}r"):
            length = sum(len(text.text or "") for text in run.iterfind(f"{_W}t"))
            marked = run.find(f"{_W}rPr/{_W}lang")
            key = "bidi" if run.find(f"{_W}rPr/{_W}rtl") is not None else "val"
            own = marked.get(f"{_W}{key}") if marked is not None else None
            counted[own or default[key]] += length
        return counted.most_common(1)[0][0] if counted else default["val"]

    def author(self) -> str:
        """Whom the file's properties name as its author."""
        if "docProps/core.xml" not in self._zip.namelist():
            return ""
        return " ".join((self._part("docProps/core.xml").findtext(f"{_DC}creator") or "").split())

    def lost(self) -> list[str]:
        """What a mail does not carry, in words: "3 comments, which were left out"."""
        found = [f"{number} {words}" for tag, words in _LOST.items() if (number := self._count(tag))]
        comments = [name for name in self._zip.namelist() if name == "word/comments.xml"]
        number = sum(len(list(self._part(name).iter(f"{_W}comment"))) for name in comments)
        if number:
            found.insert(0, f"{number} comments, which were left out")
        edges = [name for name in self._zip.namelist() if name.startswith(("word/header", "word/footer"))]
        if any(self._part(name).xpath("normalize-space()") for name in edges if name.endswith(".xml")):
            found.append("headers and footers, which were left out")
        if any(self._count(f"{_W}r/{_W}rPr/{tag}") for tag in _LOOKS):
            found.append("fonts, sizes and colours: the mail has those of the house style")
        return found

    def _count(self, path: str) -> int:
        return len(self.document.findall(f".//{path}"))

    def _check_parts(self) -> None:
        parts = self._zip.infolist()
        if DOCUMENT not in self._zip.namelist():
            raise Refused(f"{self.name}: holds no Word text; save it in Word as .docx")
        xml = [part for part in parts if part.filename.lower().endswith((".xml", ".rels"))]
        if sum(part.file_size for part in parts) > UNPACKED_BYTES or any(part.file_size > XML_BYTES for part in xml):
            raise Refused(f"{self.name}: unpacks to more than any letter has; it is not opened")
        for part in parts:
            content = self._zip.read(part)  # says whether it is whole
            if part in xml and any("<!DOCTYPE".encode(code) in content for code in ("ascii", "utf-16-le", "utf-16-be")):
                raise Refused(f"{self.name}: defines entities of its own, as no Word does; it is not opened")

    def _part(self, name: str) -> etree._Element:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        try:
            return etree.fromstring(self._zip.read(name), parser)
        except etree.XMLSyntaxError:
            raise Refused(f"{self.name}: is damaged in {name}; save it again in Word") from None
