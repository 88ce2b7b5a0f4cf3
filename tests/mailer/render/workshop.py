"""A kind of mail of the tests' own, and short ways to compile and to read what comes out."""

from pathlib import Path
from typing import Any

from mailer.house import House
from mailer.plan.compiled import CompiledEdition, MediaRef
from mailer.recipient import Recipient
from mailer.render import personal
from mailer.render.compile import compile_edition, picture_reference

HOUSE = House(name="Press office")
CHART = picture_reference("c" * 64, "image/png", "chart.png")

KIND = """
title: Note
deadline_hours: 4
fields:
  headline: {required: true}
  author: {fields: {name: {required: true}, role: {}}}
  terms: {markdown: true}
  site: {link: true}
  links: {items: {fields: {label: {}, picture: {picture: true}}}}
"""
STYLE = """
p { margin: 0 0 1em; color: #222222 }
.data td { padding: 4px !important }
@media (prefers-color-scheme: dark) { p { color: #eeeeee !important } }
@media only screen and (max-width: 600px) { .sheet { width: 100% !important } }
"""
HTML = """<!DOCTYPE html>
<html lang="{{ edition.language }}" dir="{{ edition.direction }}">
<head><meta charset="utf-8"><title>{{ edition.subject }}</title>
<style>{% include "email/style.css" %}</style>
<!--[if mso]><style>p {font-family: Arial}</style><![endif]-->
</head>
<body>
<!--[if !mso]><!--><div class="preheader">{{ edition.preheader }}</div><!--<![endif]-->
<table role="presentation" class="sheet"><tr><td>
<h1>{{ edition.headline }}</h1>
{% if edition.author %}<p class="author">{{ edition.author.name }}{{ edition.author.role }}</p>{% endif %}
<div id="body">{{ body }}</div>
<div id="terms">{{ edition.terms }}</div>
{% for link in edition.links %}<img src="{{ picture(link.picture) }}" alt="{{ link.label }}">{% endfor %}
{% if edition.site %}<a href="{{ edition.site }}">Site</a>{% endif %}
<p>{{ _("Unsubscribe") }} <a href="{{ slots.unsubscribe_url }}">{{ slots.email }}, {{ slots.list_title }}</a></p>
</td></tr></table>
</body></html>
"""
TEXT = """{{ edition.headline }}

{{ body }}

{{ edition.terms }}

{{ edition.site }}

{{ slots.email }} {{ slots.list_title }}
{{ slots.unsubscribe_url }}
"""


def make_templates(folder: Path) -> Path:
    """The folder of templates with one kind, `note`."""
    note = folder / "email" / "note"
    note.mkdir(parents=True)
    (note / "kind.yaml").write_text(KIND)
    (note / "message.html").write_text(HTML)
    (note / "message.txt").write_text(TEXT)
    (folder / "email" / "style.css").write_text(STYLE)
    return folder


def build(
    templates: Path,
    body: str,
    *,
    language: str = "en",
    front: dict[str, Any] | None = None,
    line: int = 1,
    **changes: Any,
) -> CompiledEdition:
    """The edition of `body`, whose front matter is short."""
    return compile_edition(
        kind=changes.pop("kind", "note"),
        language=language,
        front={"subject": "Subject", "headline": "Headline", **(front or {})},
        body=body,
        body_line=line,
        house=changes.pop("house", HOUSE),
        media=changes.pop("media", {"chart.png": CHART}),
        sender="Press <press@example.org>",
        reply_to="",
        file="en.md",
        templates=templates,
        **changes,
    ).edition


def show(edition: CompiledEdition, recipient: Recipient, part: str = "html") -> str:
    """One part of the edition as `recipient` reads it."""
    values = personal.context(recipient, unsubscribe_url=UNSUBSCRIBE, list_title="Press & friends")
    return personal.environment(edition.language).from_string(getattr(edition, part)).render(values)


UNSUBSCRIBE = "https://mail.example/u/abc?x=1&y=2"
ANNA = Recipient(
    "anna@example.org", first_name="Anna", last_name="Ek", role="journalist", country="SE", topics=("AI", "Streaming")
)


def inside(html: str, identifier: str = "body") -> str:
    """What stands in the div of that id."""
    return html.partition(f'<div id="{identifier}">')[2].partition("</div>")[0].strip()


__all__ = ["ANNA", "CHART", "HOUSE", "UNSUBSCRIBE", "MediaRef", "build", "inside", "make_templates", "show"]
