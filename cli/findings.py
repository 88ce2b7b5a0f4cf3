"""What a check found, for the screen."""

from collections import Counter

from cli.output import count, err, out, plain, say
from mailer.findings import Level, Report

STYLES = {Level.error: "bold red", Level.warning: "yellow"}


def show_findings(report: Report, *, on_error_stream: bool = False) -> None:
    """Each finding with its place and what to do, errors first, then how many there are."""
    console = err if on_error_stream else out
    for finding in report.findings:
        console.print(f"{finding.level}: ", style=STYLES[finding.level], end="")
        console.print(plain(finding), soft_wrap=not console.is_terminal)
    if report.findings:
        found = Counter(finding.level for finding in report.findings)
        parts = [count(found[level], str(level)) for level in Level if found[level]]
        console.print(", ".join(parts))
    elif not on_error_stream:
        say("nothing found", "green")
