"""What the check of a mailing found: each finding with its place and what to do."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mailer.render.errors import Where


class Level(StrEnum):
    """An error stops a send, a warning does not."""

    error = "error"
    warning = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is or may be wrong; `rule` is the stable name of what found it."""

    level: Level
    rule: str
    at: Where
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.at}: {self.message}{f'; {self.remedy}' if self.remedy else ''}"

    def as_json(self) -> dict[str, Any]:
        """{"level", "rule", "file", "line" or null, "field" or "", "message", "remedy"}."""
        return {
            "level": str(self.level),
            "rule": self.rule,
            "file": self.at.file,
            "line": self.at.line,
            "field": self.at.field,
            "message": self.message,
            "remedy": self.remedy,
        }


@dataclass
class Report:
    """All findings about one mailing, errors first."""

    mailing: str
    findings: list[Finding] = field(default_factory=list)
    recipients: int = 0
    """Who would get an edition now."""
    languages: dict[str, int] = field(default_factory=dict)
    """How many would get each edition."""
    left_out: dict[str, int] = field(default_factory=dict)
    """How many in the audience would get none, by reason."""
    rendered: int = 0
    """For how many the message was made to see whether it can be."""

    @property
    def errors(self) -> list[Finding]:
        """The findings that stop a send."""
        return [finding for finding in self.findings if finding.level == Level.error]

    @property
    def ok(self) -> bool:
        """Whether the mailing may be sent."""
        return not self.errors

    def as_json(self) -> dict[str, Any]:
        """{"mailing", "ok", "recipients", "languages": {language: n}, "left_out": {reason: n}, "rendered", "findings"}.

        Each finding as Finding.as_json has it.
        """
        return {
            "mailing": self.mailing,
            "ok": self.ok,
            "recipients": self.recipients,
            "languages": dict(self.languages),
            "left_out": dict(self.left_out),
            "rendered": self.rendered,
            "findings": [finding.as_json() for finding in self.findings],
        }
