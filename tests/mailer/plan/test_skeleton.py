"""The structure around the bodies, file names and what stands for whom."""

import base64
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mailer.plan.compiled import CalendarPart, CompiledEdition, MediaRef
from mailer.plan.skeleton import skeleton
from tests.mailer.plan import wild
from tests.mailer.plan.editions import DOCUMENT, MEDIA, NOTE, PICTURE, edition, media_ref
from tests.oracle import one_line

CHART = media_ref(PICTURE, "image/png", "chart.png", "chart@impala.example")
ANNEX = media_ref(DOCUMENT, "application/pdf", "annex.pdf")
TEXT = ["multipart/alternative", ["text/plain", "text/html"]]
RELATED = ["multipart/related", ["text/html", "image/png"]]


def whole(compiled: CompiledEdition) -> bytes:
    before, between, after = skeleton(compiled, MEDIA).pieces
    return b"".join((before, b"text\r\n", between, b"html\r\n", after))


def parsed(compiled: CompiledEdition) -> EmailMessage:
    message = message_from_bytes(whole(compiled), policy=default)
    for part in message.walk():
        assert not part.defects
    return message  # type: ignore[return-value]


def shape(part: EmailMessage) -> Any:
    kind = part.get_content_type()
    return [kind, [shape(child) for child in part.iter_parts()]] if part.is_multipart() else kind


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, TEXT),
        ({"pictures": (CHART,)}, ["multipart/alternative", ["text/plain", RELATED]]),
        ({"attachments": (ANNEX,)}, ["multipart/mixed", [TEXT, "application/pdf"]]),
        (
            {"pictures": (CHART,), "attachments": (ANNEX,)},
            ["multipart/mixed", [["multipart/alternative", ["text/plain", RELATED]], "application/pdf"]],
        ),
    ],
)
def test_only_the_parts_that_are_needed(parts: dict[str, Any], expected: Any) -> None:
    message = parsed(edition(**parts))
    assert shape(message) == expected
    bodies = [message.get_body((kind,)) for kind in ("plain", "html")]
    assert [body and body.get_content() for body in bodies] == ["text\r\n", "html\r\n"]


def test_a_picture_is_found_by_its_cid_and_an_attachment_by_its_name() -> None:
    message = parsed(edition(pictures=(CHART,), attachments=(ANNEX,)))
    picture, document = (part for part in message.walk() if part.get_filename())
    assert picture["Content-ID"] == "<chart@impala.example>"
    assert (picture.get_content_disposition(), picture.get_filename()) == ("inline", "chart.png")
    assert picture.get_content() == PICTURE
    assert (document.get_content_disposition(), document.get_filename()) == ("attachment", "annex.pdf")
    assert document.get_content() == DOCUMENT and document["Content-ID"] is None
    related = next(part for part in message.walk() if part.get_content_type() == "multipart/related")
    assert related.get_param("type") == "text/html"


def test_the_boundaries_belong_to_the_edition_and_to_no_content() -> None:
    one, other = edition(pictures=(CHART,), attachments=(ANNEX,)), edition(subject="Another", pictures=(CHART,))
    assert whole(one) == whole(one)
    boundaries = [part.get_boundary() for each in (one, other) for part in parsed(each).walk() if part.is_multipart()]
    assert len(set(boundaries)) == 5
    for boundary in boundaries:
        assert boundary and boundary.startswith("=_"), "neither quoted-printable nor base64 can write it"


@settings(max_examples=1000, deadline=None)
@example("annex.pdf")
@example("Ă" * 200 + ".pdf")
@example('a"b\\c.pdf')
@example("=?utf-8?B?w6k=?=.pdf")
@example("50%.pdf")
@given(st.one_of(wild.text, st.text(alphabet="abé %'\"=;*", max_size=150)))
def test_a_file_is_called_what_it_was_called(filename: str) -> None:
    compiled = edition(
        attachments=(media_ref(DOCUMENT, "application/pdf", filename.replace("\ud800", "").replace("\udfff", "")),)
    )
    assert whole(compiled).isascii()
    assert max(map(len, whole(compiled).split(b"\r\n"))) <= 78
    part = list(parsed(compiled).walk())[-1]
    assert part["Content-Disposition"].params["filename"] == one_line(compiled.attachments[0].filename)
    assert part.get_content() == DOCUMENT


@pytest.mark.parametrize(
    ("data", "declared", "becomes"),
    [
        (NOTE, "text/plain", 'text/plain; charset="utf-8"'),
        (NOTE, "text/csv; charset=utf-8", 'text/csv; charset="utf-8"'),
        (DOCUMENT, "text/plain", "application/octet-stream"),
        (NOTE, "message/rfc822", "application/octet-stream"),
        (b"", "application/pdf", "application/pdf"),
    ],
)
def test_an_attachment_is_declared_as_what_it_can_be(data: bytes, declared: str, becomes: str) -> None:
    part = list(parsed(edition(attachments=(media_ref(data, declared, "file"),))).walk())[-1]
    assert part["Content-Type"] == becomes
    assert part.get_payload(decode=True) == data
    assert base64.b64decode(str(part.get_payload())) == data


@pytest.mark.parametrize(
    "wrong", [{"content_type": "image/png\r\nBcc: x"}, {"content_type": "png"}, {"cid": "a>\r\nb"}]
)
def test_what_stands_in_a_header_as_it_is_is_checked_first(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        MediaRef(**{"hash": "0" * 64, "content_type": "image/png", "filename": "a.png", "cid": "a", **wrong})


def test_an_edition_is_named_by_all_that_it_holds() -> None:
    base = edition()
    assert base.hash == edition().hash == CompiledEdition.model_validate_json(base.model_dump_json()).hash
    changes = {
        "language": "fr",
        "direction": "rtl",
        "kind": "newsletter",
        "template_version": "1" * 64,
        "subject": "Another",
        "html": "Another",
        "text": "Another",
        "calendar": CalendarPart(method="REQUEST", source="Another"),
        "sender": "Another <a@example.org>",
        "reply_to": "",
        "pictures": (CHART,),
        "attachments": (CHART,),
    }
    assert set(changes) == set(CompiledEdition.model_fields)
    assert len({base.hash, *(edition(**{field: value}).hash for field, value in changes.items())}) == 1 + len(changes)


def test_an_edition_does_not_change() -> None:
    with pytest.raises(ValidationError):
        edition().subject = "Another"
