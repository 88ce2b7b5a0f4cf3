"""The plan against the oracle, and what every message must be on the wire."""

import gc
import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import Refused
from mailer.plan.body import LARGEST
from mailer.plan.compiled import CalendarPart, CompiledEdition
from mailer.plan.headers import BadValue
from mailer.plan.message import MessagePlan, RenderError, Stamp
from mailer.recipient import Recipient
from mailer.render.personal import context, environment
from tests import oracle
from tests.mailer.plan import wild
from tests.mailer.plan.editions import (
    DOCUMENT,
    MEDIA,
    NOTE,
    PICTURE,
    STAMP,
    ZOE,
    block,
    edition,
    media_ref,
    place,
    source,
    stamp,
)

PICTURES = (media_ref(PICTURE, "image/png", "chart.png", "chart@impala.example"),)
ATTACHMENTS = (
    media_ref(DOCUMENT, "application/pdf", "annex.pdf"),
    media_ref(NOTE, "text/plain", "Anmerkung, lang und größer als alles.txt"),
)
EVENT = CalendarPart(
    method="CANCEL",
    source=source("BEGIN:VCALENDAR\nMETHOD:CANCEL\nATTENDEE:mailto:\n [[email|in_calendar]]\nEND:VCALENDAR\n"),
)
PARTS: dict[str, dict[str, Any]] = {
    "text and HTML": {},
    "pictures": {"pictures": PICTURES},
    "attachments": {"attachments": ATTACHMENTS},
    "both": {"pictures": PICTURES * 2, "attachments": ATTACHMENTS},
    "all": {"pictures": PICTURES, "attachments": ATTACHMENTS, "calendar": EVENT},
}


def expected(compiled: CompiledEdition, recipient: Recipient, mark: Stamp) -> bytes:
    """The oracle's message, its texts rendered by plain Jinja."""
    values = context(recipient, unsubscribe_url=mark.unsubscribe_url, list_title=mark.of_list.title)
    jinja = environment(compiled.language)
    rendered = {part: jinja.from_string(getattr(compiled, part)).render(values) for part in ("subject", "text", "html")}
    if compiled.calendar:
        rendered["calendar"] = jinja.from_string(compiled.calendar.source).render(values)
    return oracle.build(compiled, recipient, mark, MEDIA, **rendered)


def assert_fit(message: bytes) -> None:
    """What holds for every message on the wire."""
    assert message.endswith(b"\r\n")
    assert b"\0" not in message
    assert message.count(b"\r") == message.count(b"\n") == message.count(b"\r\n")
    for line in message.split(b"\r\n"):
        assert len(line) <= 998
        assert not line.startswith((b".", b"From "))


def parsed(message: bytes) -> EmailMessage:
    return message_from_bytes(message, policy=default)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize(
    "recipient",
    [
        ZOE,
        Recipient(email="nobody@label.example"),
        ZOE._replace(first_name="Zoë\r\nBcc: all@example.org\r\n\r\nHello", last_name="{{ config }}"),
        ZOE._replace(first_name="אבגדהוזחטיכלמנסעפצקרשת" * 3, role="member", topics=()),
        ZOE._replace(email="zoë@bücher.example", last_name='"Quoted" \\ <x@example.org>'),
    ],
    ids=["Zoë", "nobody", "injection", "right to left", "SMTPUTF8"],
)
def test_it_is_the_message_that_the_standard_library_would_make(parts: dict[str, Any], recipient: Recipient) -> None:
    compiled = edition(**parts)
    message = MessagePlan(compiled, MEDIA).assemble(recipient, STAMP)
    assert_fit(message)
    assert oracle.differences(message, expected(compiled, recipient, STAMP)) == []


recipients = st.builds(
    Recipient,
    email=wild.addresses,
    first_name=wild.text,
    last_name=wild.text,
    country=wild.text,
    role=st.one_of(st.just("journalist"), wild.text),
    organisation=wild.text,
    topics=st.lists(wild.text, max_size=3).map(tuple),
    attributes=st.dictionaries(st.sampled_from(["city", "x"]), st.one_of(wild.text, st.integers(), st.none())),
)
# Static text as the compiler writes it: no Jinja of its own, and what a document may hold.
static = wild.text.map(lambda text: re.sub("[\x00-\x08\x0b-\x1f\ud800-\udfff]", "", text))
FIELDS = ("first_name", "last_name", "organisation", "email", "country", "attributes.city")
expressions = st.sampled_from([*FIELDS, 'first_name or "colleague"'])


def sources(*filters: str) -> st.SearchStrategy[str]:
    places = st.builds(place, expressions, st.sampled_from(filters))
    flat = st.lists(st.one_of(static, places), max_size=6).map("".join)
    choices = st.builds(
        lambda yes, no: block('if role == "journalist"') + yes + block("else") + no + block("endif"), flat, flat
    )
    loops = flat.map(
        lambda item: block("for topic in topics | each") + item + place("topic", filters[0]) + block("endfor")
    )
    return st.lists(st.one_of(flat, choices, loops), max_size=5).map("".join)


@settings(max_examples=600, deadline=None)
@given(
    recipient=recipients,
    subject=sources("in_header").map("Op-ed ".__add__),
    html=sources("in_html", "in_attribute", "in_query", "in_path"),
    text=sources("in_text", "in_link"),
    title=wild.text,
    sender=wild.text.map(lambda name: name.replace("<", "").replace('"', "").replace("\\", "")),
    parts=st.sampled_from(list(PARTS)),
    language=st.sampled_from(["en", "fr", "ar", "el", "bg", "pt-BR"]),
)
def test_plan_and_oracle_are_equal_for_wild_text_in_all_places(
    recipient: Recipient, subject: str, html: str, text: str, title: str, sender: str, parts: str, language: str
) -> None:
    sender = f"{oracle.one_line(sender)} <press@impala.example>"
    compiled = edition(subject=subject, html=html, text=text, sender=sender, language=language, **PARTS[parts])
    mark = stamp(title=title)
    message = MessagePlan(compiled, MEDIA).assemble(recipient, mark)
    assert_fit(message)
    assert oracle.differences(message, expected(compiled, recipient, mark)) == []


def test_the_oracle_sees_every_change() -> None:
    """Of any two messages that differ in one thing, it says so."""
    base = edition(**PARTS["both"])
    changes: list[tuple[CompiledEdition, Recipient, Stamp]] = [
        (edition(**PARTS["both"], **{field: f"Another {getattr(base, field)}"}), ZOE, STAMP)
        for field in ("subject", "html", "text", "sender", "reply_to")
    ]
    changes += [(edition(**PARTS[name]), ZOE, STAMP) for name in ("text and HTML", "pictures", "attachments")]
    changes += [
        (edition(pictures=PICTURES * 2, attachments=ATTACHMENTS[::-1]), ZOE, STAMP),
        (edition(pictures=PICTURES * 2, attachments=(media_ref(b"", "application/pdf", "annex.pdf"), ATTACHMENTS[1])), ZOE, STAMP),
        (base, ZOE._replace(email="zoe@other.example"), STAMP),
        (base, ZOE._replace(last_name="Muller"), STAMP),
        (edition(**PARTS["both"], language="fr"), ZOE, STAMP),
    ]  # fmt: skip
    changes += [
        (base, ZOE, stamp(**{field: value}))
        for field, value in {
            "message_id": "<a1b2c3.8@lists.impala.example>",
            "date": "Sat, 21 Nov 2026 10:00:01 +0000",
            "identifier": "other.lists.impala.example",
            "title": "Other",
            "unsubscribe_url": "https://press.example.org/u/other",
            "unsubscribe_mailto": "",
            "feedback_id": "other",
            "help_url": "https://press.example.org/other",
            "owner_url": "mailto:other@impala.example",
        }.items()
    ]
    message = MessagePlan(base, MEDIA).assemble(ZOE, STAMP)
    assert oracle.same(message, expected(base, ZOE, STAMP))
    for compiled, recipient, mark in changes:
        if compiled.reply_to.startswith("Another "):
            compiled = edition(**PARTS["both"], reply_to="another@impala.example")
        assert not oracle.same(message, expected(compiled, recipient, mark)), (compiled, recipient, mark)


def test_the_header_fields() -> None:
    message = parsed(MessagePlan(edition(), MEDIA).assemble(ZOE, STAMP))
    assert message["From"] == "IMPALA <press@impala.example>"
    assert message["Reply-To"] == "press@impala.example"
    assert message["To"] == "Zoë Müller <zoe@label.example>"
    assert message["Subject"] == "Op-ed for Zoë: close the value gap"
    assert message["Date"] == "Sat, 21 Nov 2026 10:00:00 +0000"
    assert message["Message-ID"] == "<a1b2c3.7@lists.impala.example>"
    assert message["MIME-Version"] == "1.0"
    assert message["List-Id"] == "Press list <press.lists.impala.example>"
    assert message["List-Unsubscribe"] == (
        "<https://press.example.org/u/AbC-123_x>, <mailto:leave@impala.example?subject=AbC-123_x>"
    )
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["List-Help"] == "<https://press.example.org/help>"
    assert message["List-Owner"] == "<mailto:press@impala.example>"
    assert message["Feedback-ID"] == "a1b2c3:press:op-ed:0123456789"
    assert message["Content-Language"] == "en"
    assert len(message.keys()) == len({name.lower() for name in message}) == 15
    for absent in ("Auto-Submitted", "Precedence", "Return-Path", "Sender", "Bcc", "Cc", "X-Mailer", "List-Post"):
        assert absent not in message


def test_no_one_click_is_promised_without_https_and_no_mailto_without_a_mailbox() -> None:
    mark = stamp(unsubscribe_url="http://127.0.0.1:8025/u/AbC", unsubscribe_mailto="")
    message = parsed(MessagePlan(edition(), MEDIA).assemble(ZOE, mark))
    assert message["List-Unsubscribe"] == "<http://127.0.0.1:8025/u/AbC>"
    assert "List-Unsubscribe-Post" not in message


def test_a_mail_without_reply_to_has_none() -> None:
    assert "Reply-To" not in parsed(MessagePlan(edition(reply_to=""), MEDIA).assemble(ZOE, STAMP))


def test_a_name_with_a_line_break_makes_no_header() -> None:
    for field in ("first_name", "last_name"):
        message = parsed(
            MessagePlan(edition(), MEDIA).assemble(
                ZOE._replace(**{field: "Zoë\r\nBcc: all@example.org\r\n\r\nHi"}), STAMP
            )
        )
        assert "Bcc" not in message
        assert message.get_content_type() == "multipart/alternative"
        assert len(message["To"].addresses) == 1


def test_a_recipients_braces_are_data() -> None:
    sly = "{{ 7 * 7 }}\x02 7 * 7 \x03{% if x %}"
    message = MessagePlan(edition(), MEDIA).assemble(ZOE._replace(first_name=sly), STAMP)
    body = parsed(message).get_body(("plain",))
    assert body is not None
    assert "{{ 7 * 7 }}" in body.get_content() and "49" not in body.get_content()


def test_no_value_of_one_recipient_reaches_another() -> None:
    plan = MessagePlan(edition(), MEDIA)
    before = plan.assemble(ZOE, STAMP)
    secret = uuid4().hex
    name = secret[::-1]
    plan.assemble(Recipient(email=f"{name}@label.example", first_name=name, organisation=name), STAMP)
    del name
    assert plan.assemble(ZOE, STAMP) == before
    assert not kept(secret)


def kept(secret: str) -> list[str | bytes]:
    """Whatever text this process still has that holds the secret backwards."""
    texts = (thing for holder in gc.get_objects() for thing in gc.get_referents(holder))
    return [
        text
        for text in texts
        if (isinstance(text, str) and secret[::-1] in text)
        or (isinstance(text, bytes) and secret[::-1].encode() in text)
    ]


def test_a_message_says_the_same_at_every_attempt_and_on_every_host() -> None:
    first = MessagePlan(edition(), MEDIA).assemble(ZOE, STAMP)
    again = MessagePlan(CompiledEdition.model_validate(edition().model_dump(mode="json")), dict(MEDIA))
    assert again.assemble(ZOE, STAMP) == first


@pytest.mark.parametrize("part", ["subject", "text", "html"])
def test_an_edition_that_fails_for_somebody_says_which_part_and_not_who(part: str) -> None:
    broken = place("attributes.city.upper()", "in_text")
    plan = MessagePlan(edition(language="fr", **{part: broken}), MEDIA)
    with pytest.raises(RenderError) as caught:
        plan.assemble(ZOE, STAMP)
    assert caught.value.language == "fr" and caught.value.part.lower() == part
    assert str(caught.value).startswith(f"the {caught.value.part} of the fr edition cannot be made")
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    for personal in (ZOE.email, "Zoë", "Köln"):
        assert personal not in str(caught.value)


def test_an_address_that_cannot_stand_in_a_header_fails_that_recipient() -> None:
    with pytest.raises(RenderError, match=r"^the address of the en edition .*: not an address$"):
        MessagePlan(edition(), MEDIA).assemble(ZOE._replace(email="zoe@label.example>\r\nBcc: x@example.org"), STAMP)


def test_an_empty_subject_fails() -> None:
    plan = MessagePlan(edition(subject=place("attributes.headline", "in_header")), MEDIA)
    with pytest.raises(RenderError, match=r"the header of the en edition .* subject is empty"):
        plan.assemble(ZOE, STAMP)
    plan.assemble(ZOE._replace(attributes={"headline": "News"}), STAMP)


@pytest.mark.parametrize("field", ["message_id", "date", "feedback_id", "identifier", "help_url", "unsubscribe_url"])
def test_a_stamp_makes_no_header_either(field: str) -> None:
    before = {**STAMP.of_list._asdict(), **STAMP._asdict()}[field]
    mark = stamp(**{field: f"{before}\r\nBcc: x@example.org"})
    with pytest.raises(RenderError, match=r"^the header of the en edition"):
        MessagePlan(edition(), MEDIA).assemble(ZOE, mark)


def test_a_text_beyond_measure_fails_instead_of_filling_the_memory() -> None:
    line = "x" * 73 + "\n"  # as long on the wire, but for the line break
    item = line * (LARGEST // 100 // (len(line) + 1))
    source = block("for topic in topics | each") + item + block("endfor")
    plan = MessagePlan(edition(html=source), MEDIA)
    plan.assemble(ZOE._replace(topics=("a",) * 99), STAMP)
    with pytest.raises(RenderError, match=r"HTML .*longer than 2,000,000"):
        plan.assemble(ZOE._replace(topics=("a",) * 102), STAMP)


def test_a_missing_file_is_refused_when_the_plan_is_made() -> None:
    with pytest.raises(Refused, match=r"chart\.png"):
        MessagePlan(edition(pictures=PICTURES), {})


@pytest.mark.parametrize("sender", ["IMPALA", "", "IMPALA <press>\r\n", "IMPALA <a@b>\nBcc: <x@y.example>"])
def test_a_sender_is_an_address(sender: str) -> None:
    if sender == "IMPALA <press>\r\n" or not sender or sender == "IMPALA":
        with pytest.raises(BadValue):
            MessagePlan(edition(sender=sender), MEDIA)
    else:
        message = parsed(MessagePlan(edition(sender=sender), MEDIA).assemble(ZOE, STAMP))
        assert "Bcc" not in message
        assert len(message["From"].addresses) == 1
