"""Whatever an author writes is either compiled, and then every reader can be served, or refused with its place."""

import re
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.plan.compiled import CompiledEdition
from mailer.recipient import Recipient
from mailer.render.errors import SourceError
from tests.mailer.render.workshop import ANNA, build, show

PIECES = st.sampled_from(
    [
        *("{{ first_name }}", "{{ attributes.x|upper }}", "{% if role %}", "{% else %}", "{% endif %}"),
        *("{% for t in topics %}", "{{ t }}", "{% endfor %}", "{# c #}", "{{", "%}", "{%- if country -%}"),
        *("\n", "\n\n", "\n    ", "- ", "1. ", "> ", "# ", "| a | b |\n|---|---|\n| ", " | ", "```\n", "`", "**", "_"),
        *(
            "[x](https://example.org/",
            "[r]",
            "\n[r]: https://example.org/",
            ")",
            "![y](chart.png)",
            "<https://e.example>",
        ),
        *(
            "<b>",
            "</b>",
            "<div>",
            "</div>",
            "<table><tr><td>",
            "</table>",
            "<ul><li>",
            "<!--",
            "-->",
            "<p ",
            ">",
            "&amp;",
        ),
        *("https://example.org/?a=", "text", " ", "\\", "\t", "'", '"', "]]>", "<script>", "</p>", "<a href=", "<br>"),
    ]
)
BODIES = st.lists(PIECES | st.text(max_size=4), max_size=14).map("".join)
TOKEN = re.compile(r"q[0-9a-f]{8}[0-9]{5}")


def compiled(templates: Path, body: str) -> CompiledEdition | SourceError:
    try:
        return build(templates, body)
    except SourceError as error:
        return error


@settings(max_examples=300, deadline=None)
@given(body=BODIES)
@example("")
@example("\x00\x02 first_name \x03 q00000000")
@example("{% if role %}" * 40 + "{% endif %}" * 40)
@example("> " * 200 + "x")
@example("<b>" * 300 + "{{ first_name }}")
@example("- <div><a href=")
def test_it_is_compiled_or_refused(templates: Path, body: str) -> None:
    edition = compiled(templates, body)
    if isinstance(edition, SourceError):
        assert edition.at.line and edition.problem
        return
    for reader in (ANNA, Recipient("x@example.org")):
        for part in ("subject", "html", "text"):
            made = show(edition, reader, part)
            assert not TOKEN.search(made) and not set(made) & set("\x02\x03\x04\x05")


STATIC = st.sampled_from(
    ["alpha", "beta", "**gamma**", "- delta", "> eps", "# zeta", "| eta |\n|---|\n| theta |", "1. iota"]
)


@settings(max_examples=100, deadline=None)
@given(
    before=st.lists(STATIC, max_size=2),
    hidden=st.lists(STATIC, min_size=1, max_size=3),
    after=st.lists(STATIC, max_size=2),
    gap=st.sampled_from(["\n", "\n\n"]),
)
def test_what_a_condition_hides_nobody_else_sees(
    templates: Path, before: list[str], hidden: list[str], after: list[str], gap: str
) -> None:
    secret = [text.replace("a", "SECRETa") for text in hidden]
    body = (
        "\n\n".join(before) + f"\n\n{{% if role == 'staff' %}}{gap}" + "\n\n".join(secret) + f"{gap}{{% endif %}}{gap}"
    )
    body += "\n\n".join(after)
    edition = compiled(templates, body)
    if isinstance(edition, SourceError):
        assert "table" in str(edition)
        return
    words = set(re.findall("[a-z]{3,}", " ".join([*before, *after])))
    for part in ("html", "text"):
        seen = show(edition, ANNA, part)
        assert "SECRET" not in seen
        assert words <= set(re.findall("[a-z]{3,}", seen))
        shown = show(edition, Recipient("s@example.org", role="staff"), part)
        if any("a" in text for text in hidden):
            assert "SECRET" in shown
