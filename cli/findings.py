"""What a check found, for the screen: file by file, errors first, what to do on a line of its own."""

from collections import Counter
from itertools import groupby

from rich.padding import Padding
from rich.text import Text

from cli.output import count, err, out, plain, say
from mailer.findings import Finding, Level, Report

STYLES = {Level.error: "bold red", Level.warning: "yellow"}


def show_findings(report: Report, *, on_error_stream: bool = False) -> None:
    """Each finding under its file, and how many there are; files with errors come first, and errors in a file."""
    console = err if on_error_stream else out
    if not report.findings:
        if not on_error_stream:
            say("nothing found", "green")
        return
    worst = {finding.at.file for finding in report.errors}
    in_order = sorted(
        report.findings,
        key=lambda one: (one.at.file not in worst, one.at.file, one.level != Level.error, one.at.line or 0),
    )
    for file, findings in groupby(in_order, key=lambda finding: finding.at.file):
        console.print(Text(plain(file), "bold"))
        for finding in findings:
            console.print(Padding(_head(finding), (0, 0, 0, 2)), soft_wrap=not console.is_terminal)
            if finding.remedy:
                console.print(Padding(Text(plain(finding.remedy)), (0, 0, 0, 6)), soft_wrap=not console.is_terminal)
        console.print()
    found = Counter(finding.level for finding in report.findings)
    console.print(Text(", ").join(Text(count(found[level], level), STYLES[level]) for level in Level if found[level]))


def _head(finding: Finding) -> Text:
    place = ", ".join(part for part in (f"line {finding.at.line}" if finding.at.line else "", finding.at.field) if part)
    return Text.assemble(
        (f"{finding.level}", STYLES[finding.level]),
        f" {place}" if place else "",
        f": {plain(finding.message)} ",
        (f"[{finding.rule}]", "dim"),
    )
