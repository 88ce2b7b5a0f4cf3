"""What is wrong in an author's text, with its place."""

from config.errors import Refused


class SourceError(Refused):
    """The author's text cannot be used as it stands.

    `file` and `line` (1-based, or None) say where, `field` names the front matter's field ("" in the body), `problem`
    says what is wrong and `remedy` what to do.
    """

    def __init__(self, problem: str, *, file: str, line: int | None = None, field: str = "", remedy: str = "") -> None:
        self.problem, self.file, self.line, self.field, self.remedy = problem, file, line, field, remedy
        super().__init__(f"{self.where}: {problem}{f'; {remedy}' if remedy else ''}")

    @property
    def where(self) -> str:
        """`en.md, line 12` or `en.md, subject`."""
        parts = [self.file]
        if self.field:
            parts.append(self.field)
        if self.line:
            parts.append(f"line {self.line}")
        return ", ".join(parts)
