"""An author's text as a reader has it: what stands in braces replaced by a sample, each branch of a condition kept."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from mailer.render import grammar

_BRACES = re.compile(r"\{\{-?(?P<expression>.*?)-?\}\}|\{%-?(?P<statement>.*?)-?%\}|\{#.*?#\}", re.DOTALL)
_WORDS = re.compile(r"""(["'])(?P<words>.*?)(?<!\\)\1""", re.DOTALL)
_OTHERWISE = re.compile(r"\bor\b|\|\s*default\b")
SAMPLES = {
    "first_name": "Ana",
    "last_name": "Reis",
    "email": "ana@gazeta.example",
    "country": "PT",
    "languages": "pt",
    "role": "journalist",
    "organisation": "Gazeta",
    "time_zone": "Europe/Lisbon",
    "unsubscribe_url": "https://gazeta.example/unsubscribe",
}
"""A field that is not here is "sample"."""


def sampled(source: str) -> str:
    """`source` as it may read, with as many lines: fields filled in, the texts of all branches one after the other."""
    parts: list[str] = []
    at = 0
    for found in _BRACES.finditer(source):
        parts += [source[at : found.start()], _shown(found, source)]
        at = found.end()
    return "".join([*parts, source[at:]])


def included(source: str) -> Iterator[str]:
    """The names of the snippets that `source` includes."""
    for found in _BRACES.finditer(source):
        word, _, rest = (found["statement"] or "").strip().partition(" ")
        if word == "include":
            with suppress(grammar.NotAllowed):  # which compiling says
                yield grammar.included(rest)


def longest(source: str) -> str:
    """`source` as the reader has it who gets the longest branch of each condition."""
    outer = _Construct()
    stack = [outer]
    at = 0
    for found in _BRACES.finditer(source):
        stack[-1].add(source[at : found.start()])
        at = found.end()
        word = (found["statement"] or "").split(None, 1)[:1]
        if found["expression"] is not None:
            stack[-1].add(_sample(found["expression"]))
        elif word in (["if"], ["for"]):
            stack.append(_Construct())
        elif word in (["elif"], ["else"]):
            stack[-1].branches.append("")
        elif word in (["endif"], ["endfor"]) and len(stack) > 1:
            ended = stack.pop()
            stack[-1].add(max(ended.branches, key=len))
    stack[-1].add(source[at:])
    return "".join(max(construct.branches, key=len) for construct in stack)


@dataclass
class _Construct:
    branches: list[str] = field(default_factory=lambda: [""])

    def add(self, text: str) -> None:
        self.branches[-1] += text


def _shown(found: re.Match[str], source: str) -> str:
    lines = "\n" * found[0].count("\n")
    if found["expression"] is not None:
        return _sample(found["expression"]) + lines
    # Two branches of a condition inside a word are two words.
    before, after = source[found.start() - 1 : found.start()], source[found.end() : found.end() + 1]
    return lines or (" " if before.isalnum() and after.isalnum() else "")


def _sample(expression: str) -> str:
    """The author's own words after `or`, which are theirs to check, else a sample of the field."""
    otherwise = _OTHERWISE.search(expression)
    words = _WORDS.search(expression, otherwise.end()) if otherwise else None
    if words and words["words"].strip():
        return " ".join(words["words"].split())
    name = re.match(r"\s*(\w+)", expression)
    return SAMPLES.get(name[1], "sample") if name else "sample"
