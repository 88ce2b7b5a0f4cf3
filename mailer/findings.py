"""What the check of a mailing found: each finding with its place and what to do."""

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """An error stops a send, a warning does not."""

    error = "error"
    warning = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is or may be wrong."""

    level: Level
    rule: str
    """text, template, attribute, placeholder, alt-text, size, audience, language, rendering or house."""
    where: str
    """`en.md, line 12`, `en.md, subject` or `mailing.yaml`."""
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}{f'; {self.remedy}' if self.remedy else ''}"


@dataclass
class Report:
    """All findings about one mailing, errors first once it is complete."""

    mailing: str
    findings: list[Finding] = field(default_factory=list)
    recipients: int = 0
    """Who would get an edition now."""
    languages: dict[str, int] = field(default_factory=dict)
    """How many would get each edition."""
    rendered: int = 0
    """For how many the message was made to see whether it can be."""

    def error(self, rule: str, where: str, message: str, remedy: str = "") -> None:
        """Add a finding that stops a send."""
        self.findings.append(Finding(Level.error, rule, where, message, remedy))

    def warning(self, rule: str, where: str, message: str, remedy: str = "") -> None:
        """Add a finding that a person should look at."""
        self.findings.append(Finding(Level.warning, rule, where, message, remedy))

    @property
    def errors(self) -> list[Finding]:
        """The findings that stop a send."""
        return [finding for finding in self.findings if finding.level == Level.error]

    @property
    def ok(self) -> bool:
        """Whether the mailing may be sent."""
        return not self.errors

    def as_json(self) -> dict[str, Any]:
        """{"mailing", "ok", "recipients", "languages": {language: n}, "rendered", "findings": [{...}]}."""
        return {
            "mailing": self.mailing,
            "ok": self.ok,
            "recipients": self.recipients,
            "languages": dict(self.languages),
            "rendered": self.rendered,
            "findings": [asdict(finding) for finding in self.findings],
        }
