"""Editions for these tests, written in the recipient's level of Jinja by hand."""

from hashlib import sha256
from typing import Any

from mailer.plan.compiled import CompiledEdition, MediaRef
from mailer.plan.message import OfList, Stamp
from mailer.recipient import Recipient
from mailer.render.personal import BLOCK, VARIABLE

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3
DOCUMENT = b"%PDF-1.4\n" + bytes(range(255, -1, -1)) * 5
NOTE = "Überschrift\nzwei\n".encode()
MEDIA = {sha256(data).hexdigest(): data for data in (PICTURE, DOCUMENT, NOTE, b"")}

ZOE = Recipient(
    email="zoe@label.example",
    first_name="Zoë",
    last_name="Müller",
    languages=("de", "en"),
    country="DE",
    role="journalist",
    organisation="Label & Sons",
    topics=("streaming", "AI"),
    attributes={"city": "Köln"},
)
STAMP = Stamp(
    of_list=OfList(
        identifier="press.lists.impala.example",
        title="Press list",
        feedback_id="a1b2c3:press:op-ed:0123456789",
        help_url="https://press.example.org/help",
        owner_url="mailto:press@impala.example",
    ),
    message_id="<a1b2c3.7@lists.impala.example>",
    date="Sat, 21 Nov 2026 10:00:00 +0000",
    return_path="b-0801070102a3f4c9@bounce.impala.example",
    unsubscribe_url="https://press.example.org/u/AbC-123_x",
    unsubscribe_mailto="mailto:leave@impala.example?subject=AbC-123_x",
)


def place(expression: str, filter_name: str) -> str:
    """An expression where the compiler puts one."""
    return f"{VARIABLE[0]} ({expression}) | {filter_name} {VARIABLE[1]}"


def block(statement: str) -> str:
    return f"{BLOCK[0]} {statement} {BLOCK[1]}"


def source(text: str) -> str:
    """A source in which `[[ ]]` and `[% %]` stand for the delimiters."""
    for written, delimiter in (("[[", VARIABLE[0]), ("]]", VARIABLE[1]), ("[%", BLOCK[0]), ("%]", BLOCK[1])):
        text = text.replace(written, delimiter)
    return text


HTML = source("""<!DOCTYPE html>
<html lang="en" dir="ltr">
<head><meta charset="utf-8"><title>Close the value gap</title></head>
<body>
<p>Dear [[ (first_name or "colleague") | in_html ]],</p>
[% if role == "journalist" %]<p>Under embargo.</p>[% else %]<p>For members.</p>[% endif %]
<p>{{ this is text }} and {% so is this %}.</p>
.
..
From here on = 100%
<ul>[% for topic in topics | each %]<li>[[ topic | in_html ]]</li>
[% endfor %]</ul>
<p><a href="https://press.example.org/?city=[[ attributes.city | in_query ]]&amp;x=1">[[ attributes.city | in_html ]]</a></p>
<p><a href="[[ unsubscribe_url | in_attribute ]]">Leave [[ list_title | in_html ]]</a></p>
</body>
</html>
""")
TEXT = source(
    "Dear [[ first_name | in_text ]] [[ last_name | in_text ]],\n\n"
    + "Écart de valeur. " * 20
    + "\n.\n[[ organisation | in_text ]]\n\n[[ unsubscribe_url | in_link ]]"
)


def edition(**changes: Any) -> CompiledEdition:
    """An op-ed with personal places of every kind; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "language": "en",
        "direction": "ltr",
        "kind": "op-ed",
        "template_version": "0" * 64,
        "subject": f"Op-ed for {place('first_name', 'in_header')}: close the value gap",
        "html": HTML,
        "text": TEXT,
        "sender": "IMPALA <press@impala.example>",
        "reply_to": "press@impala.example",
    }
    return CompiledEdition(**{**fields, **changes})


def media_ref(data: bytes, content_type: str, filename: str, cid: str = "") -> MediaRef:
    return MediaRef(hash=sha256(data).hexdigest(), content_type=content_type, filename=filename, cid=cid)


def stamp(**changes: str) -> Stamp:
    """The stamp with other fields, its own or those of its list."""
    of_list = {name: value for name, value in changes.items() if name in OfList._fields}
    own = {name: value for name, value in changes.items() if name in Stamp._fields}
    assert {**of_list, **own} == changes
    return STAMP._replace(of_list=STAMP.of_list._replace(**of_list), **own)
