"""What a check found, for the screen: file by file, errors first, what to do on a line of its own."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby

from rich.padding import Padding
from rich.table import Table
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
        if console.is_terminal:
            console.print(Padding(_laid_out(findings), (0, 0, 0, 2)))
        else:
            for finding in findings:
                console.print(Text.assemble(f"  {finding.level} ", *_said(finding)), soft_wrap=True)
                console.print(f"      {plain(finding.remedy)}", soft_wrap=True)
        console.print()
    found = Counter(finding.level for finding in report.findings)
    console.print(Text(", ").join(Text(count(found[level], level), STYLES[level]) for level in Level if found[level]))


def _laid_out(findings: Iterable[Finding]) -> Table:
    """A column of levels, and beside it what is wrong and, on a line of its own, what to do."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, min_width=len(Level.warning))
    grid.add_column(overflow="fold")
    for finding in findings:
        grid.add_row(Text(str(finding.level), STYLES[finding.level]), Text.assemble(*_said(finding)))
        grid.add_row("", Text(f"→ {plain(finding.remedy)}", "italic"))
    return grid


def _said(finding: Finding) -> list[str | tuple[str, str]]:
    """The place in the file, what is wrong there, and the rule's name."""
    place = ", ".join(part for part in (f"line {finding.at.line}" if finding.at.line else "", finding.at.field) if part)
    return [(f"{place}: " if place else "", "bold"), f"{plain(finding.message)} ", (f"[{finding.rule}]", "dim")]
