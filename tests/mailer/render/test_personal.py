import pytest
from jinja2.exceptions import SecurityError

from config.errors import Refused
from mailer.recipient import Recipient
from mailer.render import personal
from mailer.render.values import TooManyItems, clean
from tests.mailer.render.workshop import ANNA


def render(source: str, recipient: Recipient = ANNA, language: str = "en") -> str:
    """`source` with the usual braces, at the recipient's level."""
    pairs = {"{{": "\x02", "}}": "\x03", "{%": "\x04", "%}": "\x05"}
    for usual, control in pairs.items():
        source = source.replace(usual, control)
    values = personal.context(recipient, unsubscribe_url="https://u.example/", list_title="Press")
    return personal.environment(language).from_string(source).render(values)


def with_(**attributes: object) -> Recipient:
    return Recipient("x@example.org", attributes=attributes)


def test_static_text_may_hold_any_braces() -> None:
    assert render("a {# b #} { } \x06x\x07\n") == "a {# b #} { } \n"


def test_an_attribute_is_a_key_and_never_a_method() -> None:
    assert render('{{ attributes["items"]|in_header }}', with_(items="seven")) == "seven"
    assert render('{{ attributes["items"]|in_header }}|{{ attributes["__class__"]|in_header }}') == "|"


@pytest.mark.parametrize(
    "source",
    [
        "{{ email.__class__|in_header }}",
        "{{ topics[0]|in_header }}",
        "{% for t in topics|each %}{{ loop.cycle|in_header }}{% endfor %}",
    ],
)
def test_nothing_else_can_be_looked_up(source: str) -> None:
    with pytest.raises(Refused, match="looked up"):
        render(source)


def test_nothing_can_be_called() -> None:
    with pytest.raises(SecurityError):
        render("{{ email()|in_header }}")


@pytest.mark.parametrize("place", ["in_html", "in_attribute", "in_path", "in_query", "in_text", "in_link", "in_header"])
@pytest.mark.parametrize(
    "source", ["last_name", "topics", 'attributes["x"]', 'attributes["none"]', 'attributes["map"]']
)
def test_what_is_empty_prints_nothing_in_any_place(place: str, source: str) -> None:
    assert render(f"{{{{ {source}|{place} }}}}", with_(none=None, map={"a": 1})) == ""


def test_each_place_has_its_encoding() -> None:
    person = Recipient("x@example.org", last_name="""<O'Neil> & "b"/é?""")
    places = {
        "in_html": "<bdi>&lt;O&#39;Neil&gt; &amp; &#34;b&#34;/é?</bdi>",
        "in_attribute": "&lt;O&#39;Neil&gt; &amp; &#34;b&#34;/é?",
        "in_path": "%3CO%27Neil%3E%20%26%20%22b%22%2F%C3%A9%3F",
        "in_query": "%3CO%27Neil%3E%20%26%20%22b%22%2F%C3%A9%3F",
        "in_text": '\u2068<O\'Neil> & "b"/é?\u2069',
        "in_header": '<O\'Neil> & "b"/é?',
    }
    for place, expected in places.items():
        assert render(f"{{{{ last_name|{place} }}}}", person) == expected


def test_a_value_is_one_run_of_text() -> None:
    assert clean("a\r\nBcc: b\u2028c\x00d\ud800\u202e\u2069e\ufffe") == "a Bcc: b c d\ufffde\ufffd"
    person = Recipient("x@example.org", first_name=" \r\nEve\r\nBcc: a@example.org ")
    assert render("{{ first_name|in_header }}", person) == "Eve Bcc: a@example.org"


def test_a_space_is_no_name() -> None:
    assert (
        render('{{ (first_name or "colleague")|in_header }}', Recipient("x@example.org", first_name=" \t"))
        == "colleague"
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("first_name|upper", "ANNA"),
        ("first_name|lower", "anna"),
        ('"jean-luc o\'neil"|title', "Jean-luc O'neil"),
        ('"über UNS"|capitalize', "Über uns"),
        ('"  a "|trim', "a"),
        ('first_name|default("you")', "Anna"),
        ('organisation|default("you")', "you"),
        ('attributes["n"]|default("none")', "0"),
        ('topics|join(" / ")', "AI / Streaming"),
        ("topics|first", "AI"),
        ("topics|last", "Streaming"),
        ('attributes["x"]|first', ""),
        ("topics|length", "2"),
        ("first_name|length", "4"),
        ("topics|listing", "AI and Streaming"),
        ("topics", "AI, Streaming"),
        ('attributes["n"]', "0"),
        ('attributes["yes"]', "true"),
        ("1234567.5|number", "1,234,567.5"),
        ('"2026-05-31"|date', "31 May 2026"),
        ('"2026-05-31"|date("short")', "31/05/2026"),
        ('"2026-05-31T14:30"|datetime', "31 May 2026, 14:30"),
        ('"2026-05-31T14:30:00+02:00"|time', "14:30"),
        ('"14:30"|time', "14:30"),
        ('attributes["x"]|date', ""),
        ('attributes["x"]|number', ""),
        ('"yes" if attributes["x"] is defined else "no"', "no"),
        ('attributes["x"] is defined', ""),
        ("topics is defined", "true"),
        ('attributes["x"] is none', "true"),
    ],
)
def test_filters(source: str, expected: str) -> None:
    person = Recipient(ANNA.email, first_name="Anna", topics=ANNA.topics, attributes={"n": 0, "yes": True})
    assert render(f"{{{{ ({source})|in_header }}}}", person) == expected


@pytest.mark.parametrize(
    ("language", "source", "expected"),
    [
        ("fr", '"2026-05-31"|date', "31 mai 2026"),
        ("fr", "topics|listing", "AI et Streaming"),
        ("de-CH", "1234567.5|number", "1\u2019234\u2019567.5"),
        ("pt-BR", '"2026-05-31"|date', "31 de maio de 2026"),
        ("sr-Latn", "topics|listing", "AI i Streaming"),
        ("tlh", '"2026-05-31"|date', "May 31, 2026"),
    ],
)
def test_dates_and_lists_are_written_in_the_editions_language(language: str, source: str, expected: str) -> None:
    assert render(f"{{{{ ({source})|in_header }}}}", language=language) == expected


@pytest.mark.parametrize(
    "source", ['"soon"|date', '"soon"|number', '"1e999999999"|number', '"NaN"|number', '"2026-01-01"|date("dd")']
)
def test_a_value_that_a_filter_cannot_read_says_what_to_do(source: str) -> None:
    with pytest.raises(Refused, match=r"write it like|correct the value|no number|is written"):
        render(f"{{{{ ({source})|in_header }}}}")


def test_output_and_loops_are_bounded() -> None:
    many = Recipient("x@example.org", topics=("t",) * 40)
    nested = "{% for a in topics|each %}{% for b in topics|each %}x{% endfor %}{% endfor %}"
    with pytest.raises(TooManyItems):
        render(nested, many)
    with pytest.raises(TooManyItems):
        render('{{ (attributes["x"]|join("x"))|in_html }}', with_(x=["y"] * 5000))


def test_a_loop_goes_over_lists_single_values_and_nothing() -> None:
    source = '{% for x in attributes["x"]|each %}{{ loop.index|in_header }}{{ x|in_header }},{% endfor %}'
    assert render(source, with_(x=["a", None, "b"])) == "1a,2b,"
    assert render(source, with_(x="abc")) == "1abc,"
    assert render(source, with_()) == ""
