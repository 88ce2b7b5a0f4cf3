"""A file of people, whatever wrote it: looked at, recognised, and understood, before anybody in it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from subscribers import reading
from subscribers.columns import Columns
from subscribers.reading import Table
from subscribers.sources.address_list import begins_with_address, open_address_list
from subscribers.sources.meanings import understood
from subscribers.sources.statuses import file_name_says, meaning
from subscribers.sources.table import Tool, recognise, status_kind
from subscribers.sources.vcards import ADDRESS_BOOK, CardTable, is_vcard, open_vcards

REASON = "reason"
"""The last column of a file of rejected rows; a corrected file may be imported with it."""


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """A file of people: its rows, whose it is, and what its columns mean."""

    table: Table
    tool: Tool | None
    columns: Columns


def open_people(
    path: Path,
    *,
    mapping: Mapping[str, str] | None = None,
    encoding: str = "",
    statuses: Mapping[str, str] | None = None,
    everybody: str = "",
) -> PeopleFile:
    """Look at a file: CSV of any kind, vCards, or a list of addresses.

    `mapping` says what columns mean ({"Courriel": "email", "Beat": "attributes.beat", "Notes": ""}, empty to leave
    one out), `statuses` what words of its status columns mean and `everybody` how all in it stand, in the words of
    `subscribers.sources.statuses.MEANINGS`; without `everybody` the file's name may say so.

    Raises Refused for a file that cannot be read and Unknown for a column or field that does not exist.
    """
    mapping = mapping or {}
    table = _table(path, mapping, encoding)
    tool = ADDRESS_BOOK if isinstance(table, CardTable) else recognise(table.columns)
    again = path.name.endswith(".rejected.csv") and table.columns[-1] == REASON
    if everybody:
        all_are = meaning(everybody, f"all in {path.name}")
    else:
        all_are = file_name_says(path, columns_say=any(map(status_kind, table.columns)))
    columns = Columns(
        table.columns,
        mapping,
        path.name,
        REASON if again else "",
        tool=tool,
        decided=statuses,
        everybody=all_are,
    )
    return PeopleFile(table, tool, columns)


def _table(path: Path, mapping: Mapping[str, str], encoding: str) -> Table:
    if is_vcard(path):
        return open_vcards(path, encoding)
    encoding = encoding or reading.guess_encoding(path)
    if begins_with_address(path, encoding):
        return open_address_list(path, encoding)
    return reading.open_table(path, lambda name: understood(name, mapping), encoding)
