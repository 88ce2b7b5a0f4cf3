"""A Word file becomes a folder that imports; what a mail cannot carry is said, and what is none is refused."""

import io
import re
import zipfile
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import RGBColor
from PIL import Image

from config.database import transaction
from config.errors import Refused
from mailer.check import check_mailing
from mailer.editions import compile_mailing
from mailer.folder import import_folder
from mailer.house import import_house
from mailer.word.draft import Drafted, draft_mailing
from tests.cli.speaking import broadside
from tests.mailer.test_pictures import drawing, saved

SENDER = "IMPALA <press@impala.example>"


def link(paragraph: docx.text.paragraph.Paragraph, words: str, target: str) -> None:
    """A hyperlink, which python-docx cannot write."""
    number = paragraph.part.relate_to(target, docx.opc.constants.RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    paragraph._p.append(
        parse_xml(f'<w:hyperlink {nsdecls("w", "r")} r:id="{number}"><w:r><w:t>{words}</w:t></w:r></w:hyperlink>')
    )


def letter() -> docx.document.Document:
    """What a press officer sends round: styles, a list, a table, a picture, changes, a comment, braces."""
    word = docx.Document()
    word.core_properties.author = "Jo Doe"
    word.add_paragraph("A fair deal: {{now}}", style="Title")
    word.add_paragraph("Why it matters", style="Subtitle")
    word.add_paragraph("By Ana Reis")
    word.add_heading("What we ask", 1)
    text = word.add_paragraph("Dear {{first_name}}, {% if x %} 5 * 3 < 20 & [so] on. ")
    text.add_run("Bold").bold = True
    text.add_run(" red").font.color.rgb = RGBColor(255, 0, 0)
    link(text, "our page", "https://impala.example/a?b=1&c=2")
    link(text, "my file", "file:///C:/secret.doc")
    text._p.append(
        parse_xml(
            f'<w:ins {nsdecls("w")} w:id="1" w:author="x"><w:r><w:t xml:space="preserve"> added</w:t></w:r></w:ins>'
        )
    )
    text._p.append(
        parse_xml(f'<w:del {nsdecls("w")} w:id="2" w:author="x"><w:r><w:delText>gone</w:delText></w:r></w:del>')
    )
    word.add_comment(text.runs[0], text="SecretComment", author="Boss")
    word.add_heading("Smaller", 2)
    for words in ("one", "two"):
        word.add_paragraph(words, style="List Bullet")
    word.add_paragraph("A quotation", style="Quote")
    table = word.add_table(2, 2)
    for cell, words in zip(table._cells, ("Who", "What", "we", "a | b"), strict=True):
        cell.text = words
    word.add_picture(io.BytesIO(saved(drawing(size=(600, 300)), "PNG")))
    word.inline_shapes[0]._inline.docPr.set("descr", "A [chart] of\nthree bars")
    word.sections[0].header.paragraphs[0].text = "CONFIDENTIAL"
    return word


def drafted(word: docx.document.Document, folder: Path, **options: str) -> Drafted:
    word.save(str(folder / "Value Gap.docx"))
    return draft_mailing(folder / "Value Gap.docx", kind="op-ed", sender=SENDER, out=folder / "value-gap", **options)  # type: ignore[arg-type]


def test_the_text_is_kept_and_the_front_matter_guessed(tmp_path: Path) -> None:
    made = drafted(letter(), tmp_path)
    text = (made.folder / "en.md").read_text()
    front, body = text.split("---\n")[1:]
    assert "name: Ana Reis" in front and "standfirst: Why it matters" in front
    assert "## What we ask\n" in body and "### Smaller\n" in body
    assert "**Bold**" in body and "[our page](https://impala.example/a?b=1&c=2)" in body
    assert "my file" in body and "secret.doc" not in body
    assert "added" in body and "gone" not in body and "Secret" not in text and "CONFIDENTIAL" not in text
    assert "- one\n- two\n" in body and "> A quotation" in body
    assert re.search(r"\| Who \| What \|\n\| --- \| --- \|\n\| we \| a \\\| b \|", body)
    assert "](picture-1.png)" in body and (made.folder / "picture-1.png").exists()
    lost = "\n".join(made.lost)
    for words in ("1 comments", "1 tracked insertions", "1 tracked deletions", "headers", "colours", "file:///C:"):
        assert words in lost


def test_it_imports_and_the_check_finds_only_what_an_editor_decides(database: str, tmp_path: Path) -> None:
    house = tmp_path / "house.yaml"
    house.write_text(f"name: IMPALA\naddress: Street 1\nsender: {SENDER}\n")
    with transaction() as session:
        import_house(session, house)
    letter().save(str(tmp_path / "a.docx"))
    said = broadside("mailing", "draft", tmp_path / "a.docx", "--out", tmp_path / "value-gap").out
    assert "guessed: the language is en" in said and "lost: 1 comments" in said
    with transaction() as session:
        mailing = import_folder(session, tmp_path / "value-gap")
        report = check_mailing(session, mailing)
        assert {found.rule for found in report.errors} == {"empty-audience", "placeholder", "no-credit"}
        edition = dict(compile_mailing(session, mailing))["en"]
    for words in ("Dear {{first_name}}, {% if x %} 5 * 3 < 20 & [so] on.", "A fair deal: "):
        assert words in edition.text
    assert "[A [chart] of three bars]" in edition.text
    assert (
        "already" in broadside("mailing", "draft", tmp_path / "a.docx", "--out", tmp_path / "value-gap", status=1).err
    )


def test_a_right_to_left_text_is_in_its_language(tmp_path: Path) -> None:
    word = docx.Document()
    word.styles.element.find(f".//{qn('w:lang')}").set(qn("w:bidi"), "ar-EG")
    for words, style in (("صفقة عادلة", "Title"), ("الموسيقى تحرك أوروبا " * 5, "Normal")):
        run = word.add_paragraph(style=style).add_run(words)
        run.font.rtl = True
    made = drafted(word, tmp_path)
    text = (made.folder / "ar.md").read_text()
    assert "headline: صفقة عادلة" in text and "الموسيقى" in text
    assert "the language is ar, as Word has it" in made.guessed


def test_footnotes_are_numbers_and_a_list_at_the_end(tmp_path: Path) -> None:
    note = "<w:footnotes {}><w:footnote w:id='2'><w:p><w:r><w:t>See the study.</w:t></w:r></w:p></w:footnote></w:footnotes>"
    word = docx.Document()
    word.add_paragraph("Claim")._p.append(parse_xml(f'<w:r {nsdecls("w")}><w:footnoteReference w:id="2"/></w:r>'))
    word.save(str(tmp_path / "a.docx"))
    with zipfile.ZipFile(tmp_path / "a.docx", "a") as parts:
        parts.writestr("word/footnotes.xml", note.format(nsdecls("w")))
    made = draft_mailing(tmp_path / "a.docx", kind="op-ed", sender=SENDER, out=tmp_path / "a")
    body = (made.folder / "en.md").read_text()
    assert "Claim<sup>1</sup>" in body and re.search(r"---\n\n1\. See the study\.\n", body)


def test_without_a_title_the_first_heading_is_the_headline_and_properties_name_the_author(tmp_path: Path) -> None:
    word = docx.Document()
    word.core_properties.author = "Jo Doe"
    word.add_heading("First", 1)
    word.add_heading("Second", 1)
    word.add_paragraph("x")
    made = drafted(word, tmp_path)
    text = (made.folder / "en.md").read_text()
    assert "headline: First" in text and "## Second" in text and "name: Jo Doe" in text
    assert "the author is Jo Doe, from the file's properties" in made.guessed


def rezipped(content: bytes, name: str, part: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            new.writestr(entry, part if entry == name else old.read(entry))
    return out.getvalue()


def plain() -> bytes:
    out = io.BytesIO()
    docx.Document().save(out)
    return out.getvalue()


def other_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as parts:
        parts.writestr("a.txt", "a")
    return out.getvalue()


OLE = bytes.fromhex("d0cf11e0a1b11ae1")
ENTITY = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><w:document xmlns:w="w">&a;</w:document>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged, or no Word file"),
        (b"Dear all", "is damaged, or no Word file"),
        (plain()[:3_000], "is damaged, or no Word file"),
        (OLE + b"\0" * 600, "is a file of an old Word; save it in Word as .docx"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "is protected by a password"),
        (other_zip(), "holds no Word text"),
        (rezipped(plain(), "word/document.xml", b"<w:document"), "is damaged in word/document.xml"),
        (rezipped(plain(), "word/document.xml", ENTITY), "defines entities of its own"),
        (rezipped(plain(), "word/styles.xml", ENTITY.decode().encode("utf-16")), "defines entities of its own"),
        (rezipped(plain(), "word/styles.xml", b" " * 50_000_001), "unpacks to more than any letter has"),
    ],
)
def test_what_is_no_word_file_or_does_harm_is_refused_and_nothing_written(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "a.docx").write_bytes(content)
    with pytest.raises(Refused, match=f"a.docx: {message}"):
        draft_mailing(tmp_path / "a.docx", kind="op-ed", sender=SENDER, out=tmp_path / "a")
    assert [file.name for file in tmp_path.iterdir()] == ["a.docx"]


def test_pictures_that_no_mail_shows_are_turned_into_some_that_it_does_or_left_out(tmp_path: Path) -> None:
    word = docx.Document()
    word.add_paragraph("T", style="Title")
    word.add_picture(io.BytesIO(saved(Image.new("RGB", (60, 30)), "TIFF")))
    word.add_picture(io.BytesIO(saved(drawing(size=(600, 300)), "PNG")))
    word.save(str(tmp_path / "b.docx"))
    content = rezipped((tmp_path / "b.docx").read_bytes(), "word/media/image2.png", b"no picture")
    (tmp_path / "a.docx").write_bytes(content)
    made = draft_mailing(tmp_path / "a.docx", kind="op-ed", sender=SENDER, out=tmp_path / "a")
    assert {file.name for file in made.folder.glob("picture*")} == {"picture-1.png"}
    assert any("was left out; save it as PNG" in line for line in made.lost)
