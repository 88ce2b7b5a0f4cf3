"""A designer's mistake is told, and takes neither time nor memory."""

import tracemalloc
from pathlib import Path

import pytest

from config.errors import Refused
from mailer.render.kinds import Kind, Templates

KIND = Kind(folder="note", title="Note")


def rendered(folder: Path, source: str) -> str:
    kind = folder / "email" / "note"
    kind.mkdir(parents=True, exist_ok=True)
    (kind / "message.html").write_text(source)
    return Templates(KIND, folder).render(".html", "en", names=["Zoë", "Jo"])


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}", "does one have no end"),
        ("{% for a in range(10 ** 9) %}{% endfor %}", "no powers"),
        ("{% for a in range(1000000000) %}{% endfor %}", "OverflowError: Range too big"),
        ("{% for a in names recursive %}{{ loop(names) }}{% endfor %}", "RecursionError"),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "RecursionError"),
        (
            "{% macro twice(n) %}{% if n %}{{ twice(n - 1) }}{{ twice(n - 1) }}{% endif %}{% endmacro %}{{ twice(60) }}",
            "does one have no end",
        ),
        ('{% include "email/note/message.html" %}', "RecursionError"),
        ("{{ 'x' * 1000000000 }}", "more than 5,000,000 characters"),
        ("{{ 1000000000 * 'x' }}", "more than 5,000,000 characters"),
        ("{{ '%1000000000d' % 1 }}", "cannot be formatted"),
        ("{{ '%1000000000d' | format(1) }}", "format"),
        ("{{ '{:1000000000}'.format(1) }}", "unsafe"),
        ("{{ 'x'.ljust(1000000000) }}", "unsafe"),
        ("{{ 'x' | center(1000000000) }}", "center"),
        ("{{ names | map('center', 1000000000) | list }}", "center"),
        ("{{ ('x' * 4000000) | replace('x', 'x' * 1000) }}", "more than 5,000,000 characters"),
        ("{{ (['x' * 100000] * 1000) | join }}", "more than 5,000,000 characters"),
        (
            "{% set ns = namespace(x='x') %}{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
            "more than 5,000,000 characters",
        ),
        (
            "{% set ns = namespace(x='x') %}{% for a in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
            "more than 5,000,000 characters",
        ),
        (
            "{% macro much() %}{% for a in range(9000) %}{{ 'x' * 1000 }}{% endfor %}{% endmacro %}{{ much() }}",
            "more than 5,000,000 characters",
        ),
        ("{{ 1 + 'x' }}", "TypeError"),
        ("{{ missing }}", "'missing' is undefined"),
    ],
)
def test_what_has_no_end_or_no_measure_is_refused(tmp_path: Path, source: str, reason: str) -> None:
    tracemalloc.start()
    with pytest.raises(Refused) as refused:
        rendered(tmp_path, source)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100_000_000
    assert reason in str(refused.value)
    assert "the template email/note/message.html cannot be rendered" in str(refused.value)
    assert "mend the template" in str(refused.value)


def test_what_designers_do_goes_through(tmp_path: Path) -> None:
    source = (
        "{% for name in names %}{{ loop.index }}/{{ loop.length }} {{ name }}{{ ', ' if not loop.last }}{% endfor %};"
        " {{ names | map('upper') | join(' & ') }}; {{ 'a-b' | replace('-', '<') }}; {{ names[0] ~ '!' }};"
        " {{ 'a b'.split()[1] }}; {{ 2 * 3 + 7 % 4 }}; {% for a in [] %}{% else %}none{% endfor %}"
    )
    assert rendered(tmp_path, source) == "1/2 Zoë, 2/2 Jo; ZOË &amp; JO; a&lt;b; Zoë!; b; 9; none"
