"""What compiled editions give each reader is what a message made for them from the start would be."""

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import lxml.html
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.recipient import Recipient
from tests.mailer.render.naive import as_written, naive_document, shape
from tests.mailer.render.workshop import UNSUBSCRIBE, build, show

WILD = st.text(max_size=30) | st.sampled_from(
    [
        "",
        "<b>Eve</b> & \"co\" 'x'",
        "a\r\nBcc: b@example.org",
        "*bold* _it_ [x](javascript:1) `c`",
        "{{ email }} {% if %}",
        "../..?a=b&c#d%41",
        "\x02email\x03",
        "مرحبا \u202eabc\u2069",
        "</title><script>",
        "🎵 ﷽ \u0131\u0307 ß",
        "standin0000x",
    ]
)
EXPRESSIONS = st.sampled_from(
    [
        "{{ first_name }}",
        "{{last_name}}",
        '{{ first_name or "colleague" }}',
        '{{ attributes.city or last_name or "x" }}',
        '{{ attributes["odd key"] }}',
        "{{ topics }}",
        '{{ "a" if role == "member" else last_name }}',
        "{{ 'AI' in topics and first_name }}",
    ]
)
CONDITIONS = st.sampled_from(
    ["first_name", 'role == "member"', "not attributes.city", '"AI" in topics', "last_name == first_name or topics"]
)
WORDS = st.sampled_from(["Dear", "music", "a.b", "100 %", "&amp;", "don't", "*em*", "x<y", "`code`", "Ünï"])


@st.composite
def inline(draw: st.DrawFn, depth: int = 1) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["word", "value", "strong", "link", "if"]))
        if kind == "word":
            parts.append(draw(WORDS))
        elif kind == "value":
            parts.append(draw(EXPRESSIONS) + draw(st.sampled_from(["", ".eu", "!", "1"])))
        elif kind == "strong":
            parts.append(f"**{draw(EXPRESSIONS)}**")
        elif kind == "link":
            target = draw(
                st.sampled_from(
                    [
                        "https://example.org/{}/x?y={}&z",
                        "https://example.org/a?b=1&c={}#{}",
                        "mailto:a@example.org?subject={}{}",
                    ]
                )
            )
            parts.append(
                f"[{draw(WORDS)} {draw(EXPRESSIONS)}]({target.format('{{first_name}}', '{{attributes.city}}')})"
            )
        elif depth:
            other = f"{{% else %}}{draw(inline(depth=0))}" if draw(st.booleans()) else ""
            parts.append(f"w{{% if {draw(CONDITIONS)} %}}{draw(inline(depth=0))}{other}{{% endif %}}w")
    return "w " + " ".join(parts)


@st.composite
def blocks(draw: st.DrawFn, depth: int = 2) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["p", "h", "quote", "ul", "ol", "for", "if", "line"]))
        if kind == "p":
            parts.append(draw(inline()))
        elif kind == "h":
            parts.append(f"## {draw(inline())}")
        elif kind == "quote":
            parts.append(f"> {draw(inline())}")
        elif kind in {"ul", "ol"}:
            mark = "-" if kind == "ul" else "1."
            items = [f"{mark} {draw(inline())}"]
            for _ in range(draw(st.integers(0, 3))):
                item = f"{mark} {draw(inline())}"
                items.append(f"{{% if {draw(CONDITIONS)} %}}\n{item}\n{{% endif %}}" if draw(st.booleans()) else item)
            parts.append("\n".join(items))
        elif kind == "for":
            parts.append(
                f"{{% for t in topics %}}\n- {{{{ loop.index }}}} {{{{ t }}}} {draw(inline())}\n{{% endfor %}}"
            )
        elif kind == "line":
            mark = draw(st.sampled_from(["", "## ", "> ", "- "]))
            parts.append(f"{{% if {draw(CONDITIONS)} %}}{mark}{draw(inline())}{{% endif %}}\n")
        elif depth:
            other = f"\n\n{{% else %}}\n\n{draw(blocks(depth=depth - 1))}" if draw(st.booleans()) else ""
            parts.append(f"{{% if {draw(CONDITIONS)} %}}\n\n{draw(blocks(depth=depth - 1))}{other}\n\n{{% endif %}}")
        # Two lists of one kind in a row are one in Markdown; words keep them apart.
        parts.append(draw(WORDS))
    return "\n\n".join(parts)


READERS = st.builds(
    Recipient,
    email=st.just("x@example.org"),
    first_name=WILD,
    last_name=WILD,
    role=st.sampled_from(["member", "journalist", ""]),
    topics=st.lists(st.sampled_from(["AI", "R&D <i>", "a_b_"]) | WILD, max_size=3).map(tuple),
    attributes=st.fixed_dictionaries({}, optional={"city": WILD, "odd key": WILD, "items": WILD}),
)


@settings(max_examples=120, deadline=None)
@given(body=blocks(), subject=inline(), headline=inline(), readers=st.lists(READERS, min_size=1, max_size=3))
def test_every_reader_gets_what_was_made_for_them_alone(
    templates: Path, body: str, subject: str, headline: str, readers: list[Recipient]
) -> None:
    front = {"subject": subject, "headline": headline}
    edition = build(templates, body, front=front)
    for reader in readers:
        expected_subject, expected = naive_document(templates, front, body, reader, UNSUBSCRIBE)
        assert " ".join(show(edition, reader, "subject").split(" ")) == expected_subject
        ours = lxml.html.document_fromstring(show(edition, reader))
        assert shape(ours) == shape(expected)


@settings(max_examples=100, deadline=None)
@given(value=WILD)
def test_a_value_stays_in_its_place_and_whole(templates: Path, value: str) -> None:
    body = "Dear {{ last_name }}!\n\n[x](https://example.org/a/{{ last_name }}/b?c={{ last_name }}&d=1)\n\n![alt {{ last_name }}](chart.png)"
    edition = build(templates, body, front={"subject": "To {{ last_name }}."})
    reader = Recipient("x@example.org", last_name=value)
    whole = as_written(value)
    assert show(edition, reader, "subject") == f"To {whole}."
    assert "\n" not in show(edition, reader, "subject")
    tree = lxml.html.document_fromstring(show(edition, reader))
    assert tree.findtext(".//title") == f"To {whole}."
    assert tree.get_element_by_id("body")[0].text_content() == f"Dear {whole}!"
    [picture] = tree.iter("img")
    assert picture.get("alt") == f"alt {whole}"
    link = urlsplit(next(tree.iter("a")).get("href", ""))
    assert link.hostname == "example.org" and unquote(link.path) == f"/a/{whole}/b" and link.path.count("/") == 3
    assert parse_qs(link.query, keep_blank_values=True) == {"c": [whole], "d": ["1"]}
    text = show(edition, reader, "text")
    isolated = f"\u2068{whole}\u2069" if whole else ""
    assert f"Dear {isolated}!\n" in text
