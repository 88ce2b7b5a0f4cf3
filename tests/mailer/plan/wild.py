"""Text as it comes when nobody looks: strategies for hypothesis."""

from hypothesis import strategies as st

NASTY = (
    ".", "..", "=", "==", "=3D", "=2E", "=\r\n", "From ", "From", ">From ", "\n", "\r\n", "\r", "\n\n", " ", "  ", "\t",
    " \n", "\t\n", ".\n.", "\n.\n", "\r\n.\r\n", "\r\nBcc: all@example.org\r\n", "\nSubject: other\n\n", "--", "--=_a",
    "{{ name }}", "{% if x %}", "${x}", '"', "\\", '\\"', "<", ">", "<a@example.org>", ",", ";", ":", "(", ")", "@",
    "=?utf-8?B?w6k=?=", "=?utf-8?q?x?=", "=?", "?=", "é", "ü" * 40, "\u05e9\u05dc\u05d5\u05dd", "مرحبا بالعالم",
    "\u2068x\u2069", "\u202e", "👩‍👩‍👧‍👦", "🇪🇺", "\U0010ffff", "\u00a0", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x00", "\x1b", "\x7f",
    "\ufeff", "\ud800", "\udfff", "x" * 75, "x" * 76, "x" * 77, "y" * 200, "=" * 30, "é" * 30, "a b " * 40, "'", "%", "%41",
)  # fmt: skip

text = st.lists(st.one_of(st.sampled_from(NASTY), st.text(max_size=12)), max_size=8).map("".join)
"""Anything a person or a program may have put into a field."""

lines = st.text(alphabet=st.sampled_from("ab .=\n\té"), max_size=200)
"""Few characters, all of which matter to quoted-printable."""

labels = st.sampled_from(["example", "zoë", "bücher", "مثال", "xn--bcher-kva", "a-b"])
domains = labels.map(lambda label: f"{label}.example")
locals_ = st.one_of(
    st.sampled_from(["zoe", "zoe.b+tag", "o'brien", "a_b-c", "zoë", "用户", "x" * 64]),
    st.text(alphabet="abcdefgh0123456789!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=30),
)
addresses = st.builds("{}@{}".format, locals_, domains)
