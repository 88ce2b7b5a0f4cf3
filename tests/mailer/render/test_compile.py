"""What an author writes, and what each reader then sees."""

from pathlib import Path

import pytest

from config.errors import Refused, Unknown
from mailer.recipient import Recipient
from mailer.render import personal
from mailer.render.errors import SourceError
from tests.mailer.render.workshop import ANNA, UNSUBSCRIBE, build, inside, show

BOB = Recipient("bob@example.org", first_name="Bob", role="member", attributes={"city": "Gent", "parts": ["a", "b"]})
NOBODY = Recipient("nobody@example.org")


def seen(templates: Path, body: str, recipient: Recipient = ANNA) -> str:
    """The body of the document without styles, isolation and the spaces between blocks."""
    import re

    html = inside(show(build(templates, body), recipient))
    html = re.sub(r' (style|align|valign|bgcolor)="[^"]*"', "", html)
    return re.sub(r"\s*\n\s*", "", html.replace("<bdi>", "").replace("</bdi>", ""))


def read(templates: Path, body: str, recipient: Recipient = ANNA) -> str:
    """The body of the text part without isolation."""
    text = show(build(templates, body), recipient, "text")
    text = text.removeprefix("Headline\n\n").partition("\n\u2068" + recipient.email)[0]
    return text.replace("\u2068", "").replace("\u2069", "").strip("\n")


@pytest.mark.parametrize(
    ("body", "anna", "nobody"),
    [
        ('Dear {{ first_name or "colleague" }},', "<p>Dear Anna,</p>", "<p>Dear colleague,</p>"),
        ("**{{ first_name }}**", "<p><strong>Anna</strong></p>", "<p><strong></strong></p>"),
        ("{{ first_name }}{{ last_name }}1", "<p>AnnaEk1</p>", "<p>1</p>"),
        ("{{ first_name }}.eu", "<p>Anna.eu</p>", "<p>.eu</p>"),
        ("`{{ first_name }}` { } }} {", "<p><code>Anna</code> { } }} {</p>", "<p><code></code> { } }} {</p>"),
        ("a{# b\n\nc #} d", "<p>a d</p>", "<p>a d</p>"),
        (
            'a\n{% if role == "journalist" %}\nb\n{% else %}\nc\n{% endif %}\nd',
            "<p>a</p><p>b</p><p>d</p>",
            "<p>a</p><p>c</p><p>d</p>",
        ),
        ("x{% if first_name %} {{ first_name|upper }}{% endif %}!", "<p>x ANNA!</p>", "<p>x!</p>"),
        ("{% if first_name %}alone{% endif %}\n\nb", "<p>alone</p><p>b</p>", "<p>b</p>"),
        ("{% if first_name %}## Head{% endif %}\nb", "<h2>Head</h2><p>b</p>", "<p>b</p>"),
        (
            "{% if first_name %}\n> quote\n{% elif last_name %}\nx\n{% endif %}",
            "<blockquote><p>quote</p></blockquote>",
            "",
        ),
        (
            "- a\n{% if first_name %}\n- b\n{% endif %}\n- c",
            "<ul><li>a</li><li>b</li><li>c</li></ul>",
            "<ul><li>a</li><li>c</li></ul>",
        ),
        (
            "1. a\n{% if first_name %}2. b{% endif %}\n3. c",
            "<ol><li>a</li><li>b</li><li>c</li></ol>",
            "<ol><li>a</li><li>c</li></ol>",
        ),
        (
            "{% for t in topics %}\n- {{ loop.index }} {{ t }}\n{% endfor %}\nz",
            "<ul><li>1 AI</li><li>2 Streaming</li></ul><p>z</p>",
            "<p>z</p>",
        ),
        (
            "- a\n{% for t in topics %}\n- {{ t }}\n{% endfor %}",
            "<ul><li>a</li><li>AI</li><li>Streaming</li></ul>",
            "<ul><li>a</li></ul>",
        ),
        (
            "- a\n  {% if first_name %}\n  - b\n  {% endif %}\n- c",
            "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>",
            "<ul><li>a</li><li>c</li></ul>",
        ),
        (
            "{% for t in topics %}{{ t }}{% if not loop.last %}, {% endif %}{% endfor %}.",
            "<p>AI, Streaming.</p>",
            "<p>.</p>",
        ),
        (
            "{% if first_name %}\n| a | b |\n|---|--:|\n| {{ first_name }} | 1 |\n{% endif %}",
            (
                '<table class="data"><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead>'
                "<tbody><tr><td>Anna</td><td>1</td></tr></tbody></table>"
            ),
            "",
        ),
        (
            "[x](https://example.org/{{ last_name }}/?c={{ country }}&d=1#{{ role }})",
            '<p><a href="https://example.org/Ek/?c=SE&amp;d=1#journalist">x</a></p>',
            '<p><a href="https://example.org//?c=&amp;d=1#">x</a></p>',
        ),
        (
            "[x](https://example.org/{% if country %}in/{{ country }}{% else %}all{% endif %})",
            '<p><a href="https://example.org/in/SE">x</a></p>',
            '<p><a href="https://example.org/all">x</a></p>',
        ),
        (
            "[out]({{ unsubscribe_url }})",
            f'<p><a href="{UNSUBSCRIBE.replace("&", "&amp;")}">out</a></p>',
            f'<p><a href="{UNSUBSCRIBE.replace("&", "&amp;")}">out</a></p>',
        ),
        (
            '![for {{ first_name or "you" }}](chart.png)',
            '<p><img src="cid:cccccccccccccccccccccccc@broadside" alt="for Anna"></p>',
            '<p><img src="cid:cccccccccccccccccccccccc@broadside" alt="for you"></p>',
        ),
        (
            '<b>{{ first_name }}</b><script>x</script> <span onclick="x" style="color:red">y</span>',
            "<p><b>Anna</b> <span>y</span></p>",
            "<p><b></b> <span>y</span></p>",
        ),
        ("{%- if first_name -%}\n  tight  \n{%- endif -%}\n!", "<p>tight!</p>", "<p>!</p>"),
        (
            '{{ "it\'s \\"q\\" \\\\ <i>" }}',
            "<p>it&#39;s &#34;q&#34; \\ &lt;i&gt;</p>",
            "<p>it&#39;s &#34;q&#34; \\ &lt;i&gt;</p>",
        ),
        ('{{ "yes" if role in ["journalist", "member"] else "no" }}', "<p>yes</p>", "<p>no</p>"),
        ('{{ "yes" if "AI" in topics and not country == "DE" }}', "<p>yes</p>", "<p></p>"),
    ],
)
def test_what_readers_see(templates: Path, body: str, anna: str, nobody: str) -> None:
    assert seen(templates, body, ANNA) == anna
    assert seen(templates, body, NOBODY) == nobody


@pytest.mark.parametrize(
    ("body", "anna", "nobody"),
    [
        ("A long\nparagraph.\n\nNext  one.", "A long paragraph.\n\nNext one.", "A long paragraph.\n\nNext one."),
        ("a  \nb", "a\nb", "a\nb"),
        ("# H\n\n## Items\n\np", "H\n---\n\nItems\n-----\n\np", None),
        (
            "a\n{% if first_name %}\nb\n{% endif %}\nc\n\n{% if first_name %}\nd\n{% endif %}",
            "a\n\nb\n\nc\n\nd",
            "a\n\nc",
        ),
        ("- a\n- b\n  - c\n\nd", "- a\n- b\n  - c\n\nd", "- a\n- b\n  - c\n\nd"),
        ("3. a\n4. b", "3. a\n4. b", "3. a\n4. b"),
        ("- a\n{% if country %}\n- b\n{% endif %}\n- c", "- a\n- b\n- c", "- a\n- c"),
        ("{% for t in topics %}\n- {{ t }}\n{% endfor %}\nz", "- AI\n- Streaming\n\nz", "z"),
        ("> a\n>\n> b\n\nc", "> a\n>\n> b\n\nc", "> a\n>\n> b\n\nc"),
        ("| a | b |\n|---|---|\n| c | d |\n\ne", "a | b\nc | d\n\ne", "a | b\nc | d\n\ne"),
        (
            "| | a | b |\n|---|---|---|\n| c | d | e |\n| f | g |\n\nh",
            "c\n- a: d\n- b: e\n\nf\n- a: g\n- b:\n\nh",
            None,
        ),
        ("![The chart](chart.png)", "[The chart]", "[The chart]"),
        ("---\n\na", "* * *\n\na", "* * *\n\na"),
        ("    code  x\n    y", "code  x\ny", "code  x\ny"),
        (
            "[a](https://example.org/a) [b](https://example.org/b) [a2](https://example.org/a)",
            "a [1] b [2] a2 [1]\n\n[1] https://example.org/a\n[2] https://example.org/b",
            "a [1] b [2] a2 [1]\n\n[1] https://example.org/a\n[2] https://example.org/b",
        ),
        (
            "{% if country %}[a](https://example.org/a){% endif %} [b](https://example.org/b)",
            "a (https://example.org/a) b [1]\n\n[1] https://example.org/b",
            "b [1]\n\n[1] https://example.org/b",
        ),
        ("[a](https://example.org/{{ last_name }})", "a (https://example.org/Ek)", "a (https://example.org/)"),
        ("https://example.org/{{ last_name }}", "https://example.org/Ek", "https://example.org/"),
        (
            "<https://example.org/x> <a@example.org>",
            "https://example.org/x a@example.org",
            "https://example.org/x a@example.org",
        ),
        (
            "[call](tel:+3225) [write](mailto:a@example.org)",
            "call [1] write [2]\n\n[1] tel:+3225\n[2] mailto:a@example.org",
            None,
        ),
    ],
)
def test_what_readers_of_plain_text_see(templates: Path, body: str, anna: str, nobody: str | None) -> None:
    assert read(templates, body, ANNA) == anna
    assert read(templates, body, NOBODY).lstrip() == (anna if nobody is None else nobody)


def test_notes_are_numbered_through_the_whole_text(templates: Path) -> None:
    front = {"terms": "[b](https://example.org/b) [a](https://example.org/a) [c](https://example.org/c)"}
    text = show(build(templates, "[a](https://example.org/a) [b](https://example.org/b)", front=front), NOBODY, "text")
    assert "a [1] b [2]\n\n[1] https://example.org/a\n[2] https://example.org/b\n" in text
    assert (
        "b [2] a [1] c [3]\n\n[2] https://example.org/b\n[1] https://example.org/a\n[3] https://example.org/c" in text
    )


def test_lines_under_headings_stand_where_the_language_begins(templates: Path) -> None:
    assert "H\n\u200f---\n" in show(build(templates, "## H", language="ar"), NOBODY, "text")


def test_personal_fields_are_isolated_for_direction(templates: Path) -> None:
    edition = build(templates, "Dear {{ first_name }}", language="ar")
    assert edition.direction == "rtl" and 'dir="rtl"' in edition.html
    assert "Dear <bdi>Anna</bdi>" in show(edition, ANNA)
    assert "Dear \u2068Anna\u2069" in show(edition, ANNA, "text")
    assert "bdi" not in inside(show(edition, NOBODY))


def test_the_front_matter_is_the_recipients_level_too(templates: Path) -> None:
    front = {
        "subject": 'For {{ first_name or "you" }} & {braces}',
        "preheader": '{% if role == "journalist" %}Press{% else %}All{% endif %} <b>',
        "headline": "Hello {{ last_name }}",
        "author": {"name": "A. {{ last_name }}"},
        "terms": "*Free* for {{ country }}",
        "links": [{"label": "Chart {{ country }}", "picture": "chart.png"}],
        "site": "https://example.org/{{ last_name }}/?c={{ country }}",
    }
    edition = build(templates, "x", front=front)
    html, text = show(edition, ANNA), show(edition, ANNA, "text")
    assert show(edition, ANNA, "subject") == "For Anna & {braces}"
    assert show(edition, NOBODY, "subject") == "For you & {braces}"
    assert "<title>For Anna &amp; {braces}</title>" in html
    assert '<div class="preheader">Press &lt;b&gt;</div>' in html
    assert "<h1>Hello <bdi>Ek</bdi></h1>" in html and "Hello \u2068Ek\u2069" in text
    assert "A. <bdi>Ek</bdi>" in html
    assert "<em>Free</em> for <bdi>SE</bdi>" in html and "Free for \u2068SE\u2069" in text
    assert 'href="https://example.org/Ek/?c=SE"' in html
    assert "\nhttps://example.org/Ek/?c=SE\n" in text, "no isolation marks in a link"
    assert f'src="cid:{edition.pictures[0].cid}" alt="Chart SE"' in html
    assert [picture.filename for picture in edition.pictures] == ["chart.png"]


def test_slots_reach_both_parts(templates: Path) -> None:
    edition = build(templates, "x")
    assert f'href="{UNSUBSCRIBE.replace("&", "&amp;")}"' in show(edition, ANNA)
    assert "<bdi>Press &amp; friends</bdi>" in show(edition, ANNA)
    assert f"\n{UNSUBSCRIBE}\n" in show(edition, ANNA, "text"), "to be copied, so nothing around it"


def test_compiling_twice_gives_the_same_edition(templates: Path) -> None:
    body = "{% if first_name %}\n- {{ first_name }}\n{% endif %}\n[x](https://example.org/{{ country }})"
    assert build(templates, body).hash == build(templates, body).hash
    assert build(templates, body).hash != build(templates, f"{body}.").hash


def test_the_template_version_is_that_of_the_files_used(templates: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(templates, tmp_path / "t")
    before = build(tmp_path / "t", "x").template_version
    assert before == build(templates, "x").template_version
    style = tmp_path / "t" / "email" / "style.css"
    style.write_text(style.read_text() + "\ni { color: red }")
    assert build(tmp_path / "t", "x").template_version != before


def test_the_template_version_is_also_that_of_the_fixed_words(
    templates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    from mailer.render import words

    before = {language: build(templates, "x", language=language) for language in ("fr", "de")}
    shutil.copytree(words.FOLDER, tmp_path / "locale")
    catalogue = tmp_path / "locale" / "fr" / "LC_MESSAGES" / "email.po"
    catalogue.write_text(catalogue.read_text("utf-8").replace('"Se désabonner"', '"Se désinscrire"'), "utf-8")
    monkeypatch.setattr(words, "FOLDER", tmp_path / "locale")
    for kept in (words.translations, words._catalogue):
        kept.cache_clear()
    after = {language: build(templates, "x", language=language) for language in ("fr", "de")}
    for kept in (words.translations, words._catalogue):
        kept.cache_clear()
    assert after["fr"].template_version != before["fr"].template_version and after["fr"].hash != before["fr"].hash
    assert after["de"].hash == before["de"].hash


def test_a_template_without_a_way_out_is_refused(templates: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(templates, tmp_path / "t")
    message = tmp_path / "t" / "email" / "note" / "message.txt"
    message.write_text(message.read_text().replace("{{ slots.unsubscribe_url }}", ""))
    with pytest.raises(Refused, match=r"slots\.unsubscribe_url .*plain text"):
        build(tmp_path / "t", "x")


@pytest.mark.parametrize("change", ["upper", "truncate(16, true, '')"])
def test_a_template_that_changes_an_authors_field_is_refused(templates: Path, tmp_path: Path, change: str) -> None:
    import shutil

    shutil.copytree(templates, tmp_path / "t")
    message = tmp_path / "t" / "email" / "note" / "message.html"
    message.write_text(
        message.read_text().replace("<h1>{{ edition.headline }}", f"<h1>{{{{ edition.headline|{change} }}}}")
    )
    with pytest.raises(Refused, match="template cuts or changes"):
        build(tmp_path / "t", "x", front={"headline": "Hello {{ first_name }}"})


def test_a_condition_in_the_middle_of_nothing_does_not_vanish(templates: Path) -> None:
    """Everything static inside a condition reaches nobody whom it does not concern, in either part."""
    body = "a\n\n{% if role == 'policymaker' %}\n\nSECRET\n\n- SECRET\n\n| SECRET |\n|---|\n| SECRET |\n\n{% endif %}"
    for part in ("html", "text"):
        assert "SECRET" not in show(build(templates, body), ANNA, part)
        assert "SECRET" in show(build(templates, body), Recipient("p@example.org", role="policymaker"), part)


@pytest.mark.parametrize(
    ("body", "line", "problem"),
    [
        ("a\n{{ firstname }}", 2, "did you mean 'first_name'"),
        ("a\n\n{{ first_name", 3, "cannot read"),
        ("a\n{% if role %}\nb\n{% if country %}{% endif %}", 2, "never closed"),
        ("{% endif %}", 1, "endif"),
        ("a\n{% set x = 1 %}", 2, "`set`"),
        ("{% include 'x' %}", 1, "no snippet named"),
        ("{% raw %}x{% endraw %}", 1, "`raw`"),
        ("{{ first_name() }}", 1, "call"),
        ("{{ 1 + 1 }}", 1, r"`\+`"),
        ("{{ 'a' * 10 }}", 1, r"`\*`"),
        ("{{ first_name ~ 'x' }}", 1, "`~`"),
        ("{{ '%1000000000d' % 1 }}", 1, "`%`"),
        ("{{ first_name.upper }}", 1, "dot"),
        ("{{ topics[0] }}", 1, "brackets"),
        ("{{ first_name|uper }}", 1, "did you mean 'upper'"),
        ("{{ first_name|default(last_name) }}", 1, "plain texts"),
        ("{{ first_name|join(',', attribute='x') }}", 1, "brackets"),
        ('a{% if role == "jurnalist" %}b{% endif %}', 1, "no role named 'jurnalist'; did you mean 'journalist'"),
        ('{{ 1 if role in ["member", "pres"] else 2 }}', 1, "no role named 'pres'"),
        ("{{ first_name is odd }}", 1, "is odd"),
        ("{{ attributes }}", 1, "name one"),
        ("{{ loop.index }}", 1, "inside a `for`|not possible"),
        ("{% for t in topics %}{{ loop.cycle }}{% endfor %}", 1, "loop.cycle"),
        ("{{ }}", 1, "cannot read|nothing"),
        (
            "{% for a in topics %}{% for b in topics %}{% for c in topics %}{% endfor %}{% endfor %}{% endfor %}",
            1,
            "two",
        ),
        ("{% for x in first_name %}x{% endfor %}", 1, "list field"),
        ("{% for x in topics if x %}x{% endfor %}", 1, "list field"),
        ("{% for email in topics %}x{% endfor %}", 1, "field's name"),
        ("{% for x in topics %}x{% else %}y{% endfor %}", 1, "else"),
        ("{{ t }}\n{% for t in topics %}{% endfor %}", 1, "no field named 't'"),
        ("x\n\n**a {% if role %}b** c{% endif %}", 3, "begins in one"),
        ("a\n\n{% if role %}b\n\nc{% endif %}", 3, "begins in one"),
        ("- a {% if role %}\n- b{% endif %}", 1, "begins in one"),
        ("| a |\n|---|\n{% for t in topics %}\n| {{ t }} |\n{% endfor %}", 3, "rows of a table"),
        ("| a |\n|---|\n{% if role %}| {{ role }} |{% endif %}", 3, "rows of a table"),
        ("<table>{% if role %}<tr><td>a</td></tr>{% endif %}</table>", 1, "rows and cells"),
        ("a\n\n[x](https://{{ country }}.example.org/)", 3, "host"),
        ("[x](https://{{ country }})", 1, "host"),
        ("[x]({{ country }}://example.org/)", 1, "lost"),
        ("[x]({{ attributes.site }})", 1, "host"),
        ("[x](mailto:{{ email }})", 1, "host"),
        ("a\n[x](page.html)", 2, "leads nowhere"),
        ("a\n\n![x](cart.png)", 3, "did you mean 'chart.png'"),
        ("![x](https://example.org/x.png)", 1, "inside the mail"),
        ("![x]({{ country }}.png)", 1, "depend on the reader"),
        ("<{{ country }}>", 1, "lost"),
        ("a\n\n<b {{ country }}>x</b>", 3, "lost"),
        ('<b style="color:{{ country }}">x</b>', 1, "lost"),
        ("<!-- {{ country }} -->", 1, "lost"),
        ("[a]: https://example.org/{{ country }}", 1, "lost"),
        ("[a]\n\n{% if role %}\n[a]: https://example.org/{{ country }}\n{% endif %}", 4, "holds for everybody"),
        ("[a]\n\n{% if role %}\n\n[a]: https://example.org/\n{% endif %}", 5, "holds for everybody"),
        ("{% if role %}{% endif %}\n\n[a {{ t }}]\n{% for t in topics %}{% endfor %}", 3, "no field named 't'"),
    ],
)
def test_what_is_refused_names_file_line_and_reason(templates: Path, body: str, line: int | None, problem: str) -> None:
    with pytest.raises(SourceError, match=problem) as refusal:
        build(templates, body, line=11)
    assert str(refusal.value).startswith("en.md, line ")
    if line:
        assert refusal.value.at.line == line + 10


@pytest.mark.parametrize(
    ("front", "field", "problem"),
    [
        ({"subjet": "x"}, "subjet", "did you mean 'subject'"),
        ({"subject": ""}, "subject", "missing"),
        ({"headline": None}, "headline", "missing"),
        ({"headline": "{{ frist_name }}"}, "headline", "did you mean 'first_name'"),
        ({"author": {"role": "x"}}, "author.name", "missing"),
        ({"author": {"name": "x", "rol": "y"}}, "author.rol", "did you mean 'role'"),
        ({"author": "x"}, "author", "group"),
        ({"headline": ["x"]}, "headline", "text"),
        ({"terms": "![x](no.png)"}, "terms", "no picture named"),
        ({"links": [{"label": "a", "picture": "cart.png"}]}, "links.1.picture", "did you mean 'chart.png'"),
        ({"links": "x"}, "links", "list"),
        ({"site": "www.example.org"}, "site", "all of it"),
        ({"site": "https://{{ country }}.example.org"}, "site", "host"),
        ({"terms": "a\n\n[x](page.html)"}, "terms", "leads nowhere"),
        ({"terms": "| a |\n|---|\n{% if role %}\n| b |\n{% endif %}"}, "terms", "rows of a table"),
        ({"terms": "{% if role %}\n\nb\n\n{% endif"}, "terms", "cannot read"),
    ],
)
def test_front_matter_that_is_refused_names_the_field(
    templates: Path, front: dict[str, object], field: str, problem: str
) -> None:
    with pytest.raises(SourceError, match=problem) as refusal:
        build(templates, "x", front=front)
    assert refusal.value.at.field == field and str(refusal.value).startswith(f"en.md, {field}: ")


def test_an_unknown_kind_suggests_the_nearest(templates: Path) -> None:
    with pytest.raises(Unknown, match="did you mean 'note'"):
        build(templates, "x", kind="notes")


def test_the_sandbox_holds_no_more_than_our_filters() -> None:
    env = personal.environment("en")
    assert "attr" not in env.filters and "map" not in env.filters and "format" not in env.filters
    assert env.globals == {} and set(env.tests) == {"defined", "none"}
