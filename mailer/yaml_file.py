"""YAML as people write it, with the line of each key for error messages."""

import re
from typing import Any

import yaml

from config.errors import Refused


class _Loader(yaml.SafeLoader):
    """YAML 1.2's idea of true, false and numbers: `no` is Norwegian, 12:30 a time of day, 2026-05-31 a text."""


_TAG = "tag:yaml.org,2002:"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag in {f"{_TAG}null", f"{_TAG}merge"}]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(f"{_TAG}bool", re.compile(r"(?:true|false|True|False)\Z"), list("tfTF"))
_Loader.add_implicit_resolver(f"{_TAG}int", re.compile(r"(?:0|[-+]?[1-9][0-9]{0,17})\Z"), list("-+0123456789"))
_Loader.add_implicit_resolver(f"{_TAG}float", re.compile(r"[-+]?[0-9]{1,17}\.[0-9]{1,17}\Z"), list("-+0123456789"))


class YamlFile:
    """The keys and values of a YAML text; `file` and `first` (its line in that file) are for errors.

    Raises Refused, with file and line, for what is no YAML, a list or bare text instead of keys, or a key that
    stands twice.
    """

    def __init__(self, text: str, file: str, first: int = 1) -> None:
        self.file = file
        self._first = first
        self._lines: dict[tuple[str, ...], int] = {}
        self._texts: dict[tuple[str, ...], int] = {}
        try:
            root = yaml.compose(text, Loader=_Loader)
            data = yaml.load(text, Loader=_Loader)  # noqa: S506 -- a SafeLoader
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f", line {first + mark.line}" if mark else ""
            raise Refused(
                f"{file}{line}: this is not YAML: {error.problem or error.context}; a text with a colon or a quotation "
                "mark in it must stand in quotation marks"
            ) from None
        except yaml.YAMLError as error:
            raise Refused(f"{file}: this is not YAML: {' '.join(str(error).split())}") from None
        if root is not None and not isinstance(root, yaml.MappingNode):
            raise Refused(f"{file}, line {first}: write one `key: value` a line")
        self.data: dict[str, Any] = data or {}
        if root is not None:
            self._read_lines(root, ())

    @property
    def text_lines(self) -> dict[str, int]:
        """The file's line on which each value's text begins, by path with list items from 1: `dates.1.what`."""
        return {_dotted(path): line for path, line in self._texts.items() if path}

    def where(self, *path: str | int) -> str:
        """`en.md, line 3` for a key by its path, or the nearest key above it that there is."""
        line = self.line(*path)
        return f"{self.file}, line {line}" if line else self.file

    def line(self, *path: str | int) -> int:
        """The line alone, 0 where no key leads there."""
        steps = tuple(str(step) for step in path)
        while steps and steps not in self._lines:
            steps = steps[:-1]
        return self._lines.get(steps, 0)

    def _read_lines(self, node: yaml.Node, path: tuple[str, ...]) -> None:
        # The text of `key: |` begins on the next line.
        block = isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}
        self._texts[path] = self._lines.get(path, self._first) + block
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                step = (*path, str(key.value))
                line = self._first + key.start_mark.line
                if step in self._lines:
                    raise Refused(f"{self.file}, line {line}: {key.value!r} stands here a second time; remove one")
                self._lines[step] = line
                self._read_lines(value, step)
        elif isinstance(node, yaml.SequenceNode):
            for at, item in enumerate(node.value):
                self._lines[(*path, str(at))] = self._first + item.start_mark.line
                self._read_lines(item, (*path, str(at)))


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(str(int(step) + 1) if step.isdecimal() else step for step in path)
