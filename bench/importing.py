"""Importing a CSV file of new people, against PostgreSQL's own COPY of the same file into a bare table.

    python -m bench.importing --database postgresql --people 1000000

COPY checks nothing, normalises nothing and writes no index; it is what reading the file costs at least.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from bench.office import office
from bench.sink import Sink
from config.database import engine, transaction
from subscribers.importing import import_file
from subscribers.lists import create_list
from subscribers.models import Basis

COLUMNS = ("email", "first_name", "last_name", "languages", "country", "time_zone", "role", "organisation", "topics")


def write_people(path: Path, people: int) -> None:
    """A file of invented people, each with all fields."""
    with path.open("w", encoding="utf-8") as file:
        print(",".join(COLUMNS), file=file)
        for number in range(people):
            role = "journalist" if number % 5 == 0 else "member"
            name = f"reader{number}@example{number % 50}.org,Zoë,Reader {number}"
            print(f"{name},fr;en,BE,Europe/Brussels,{role},Label {number % 999},streaming;AI", file=file)


def copy(path: Path) -> float:
    """Seconds that PostgreSQL's COPY of the file takes."""
    bare: Any = engine().raw_connection()
    with bare.cursor() as cursor, path.open("rb") as file:
        cursor.execute(f"CREATE TABLE bare ({', '.join(f'{name} text' for name in COLUMNS)})")
        began = time.perf_counter()
        with cursor.copy("COPY bare FROM STDIN (FORMAT csv, HEADER true)") as target:
            while piece := file.read(1 << 20):
                target.write(piece)
        bare.commit()
        seconds = time.perf_counter() - began
    bare.close()
    return seconds


def main() -> int:
    """Measure and print; 1 where it cannot be measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    parser.add_argument("--people", type=int, default=1_000_000)
    given = parser.parse_args()
    with office(given.database, Sink) as (folder, _):
        with transaction() as session:
            create_list(session, "members", "Members")
        path = folder / "people.csv"
        write_people(path, given.people)
        copying = copy(path) if given.database == "postgresql" else None
        began = time.perf_counter()
        counts = import_file(path, "members", Basis.membership, "benchmark")
        importing = time.perf_counter() - began
    if counts["created"] != given.people:
        print(f"cannot measure: {counts}", file=sys.stderr)
        return 1
    print(f"{given.database}, {given.people} new people")
    print(f"importing                 {given.people / importing:8.0f} rows a second")
    if copying:
        print(f"against COPY              {importing / copying:8.1f} times as long")
    return 0


if __name__ == "__main__":
    sys.exit(main())
