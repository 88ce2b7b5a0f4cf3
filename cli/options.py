"""Arguments and options that several commands have."""

from typing import Annotated

import typer

BY_HAND = "broadside command"
"""The source that a consent event, a suppression or a merge names."""

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="The person's email address.")]
MailingName = Annotated[str, typer.Argument(metavar="NAME", help="The mailing's short name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Write all as CSV.")]
