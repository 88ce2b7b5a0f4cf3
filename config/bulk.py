"""Many rows in one statement, on either database.

Sent one by one, rows cost PostgreSQL a round of parsing and planning each; as one text a column, or by COPY where
nothing can be in their way, they are one statement. SQLite's statements are calls within the process, so there they go
one by one through one plan.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import repeat
from typing import Any

import psycopg
from sqlalchemy import (
    JSON,
    BindParameter,
    ColumnElement,
    FromClause,
    Row,
    String,
    Text,
    any_,
    bindparam,
    cast,
    column,
    func,
    literal,
    schema,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import InstrumentedAttribute, Session

from config.database import Base

Rows = Sequence[Mapping[str, Any]]
"""Rows that all have the same keys, the names of columns."""
_COPY_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
_as_json = json.JSONEncoder(ensure_ascii=False).encode


def on_sqlite(session: Session) -> bool:
    """True on SQLite, False on PostgreSQL."""
    return session.get_bind().dialect.name == "sqlite"


def insert(session: Session, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that knows ON CONFLICT, of the session's database."""
    return sqlite.insert(table) if on_sqlite(session) else postgresql.insert(table)


def among(session: Session, attribute: InstrumentedAttribute[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """`attribute IN (values)` as one parameter, so that five thousand values are no longer a statement than one."""
    if on_sqlite(session):
        return attribute.in_(select(column("value")).select_from(func.json_each(json.dumps(list(values)))))
    items = func.json_array_elements_text(cast(_json(list(values)), JSON)).column_valued("item")
    return attribute == any_(func.array(select(cast(items, attribute.type)).scalar_subquery()))


def insert_rows(
    session: Session, table: type[Base], rows: Rows, *, returning: Sequence[InstrumentedAttribute[Any]], **same: Any
) -> list[Row[Any]]:
    """Insert `rows`, each completed by the columns of `same`, and return the columns `returning` of those inserted.

    A row whose key exists already is left out, and so is not among those returned.
    """
    if not rows:
        return []
    statement = insert(session, table)
    if on_sqlite(session):
        careful = statement.on_conflict_do_nothing().returning(*returning)
        return list(session.execute(careful, [{**row, **same} for row in rows]))
    names = list(rows[0])
    source = _as_table(session, table, names, rows)
    columns = table.__table__.c
    constants = [literal(value, columns[name].type) for name, value in same.items()]
    filled = statement.from_select(
        [*names, *same], select(*(source.c[name] for name in names), *constants), include_defaults=False
    )
    return list(session.execute(filled.on_conflict_do_nothing().returning(*returning)))


def new_ids(session: Session, table: type[Base], number: int) -> Sequence[int]:
    """Ids for so many new rows of a table whose key is `id`. On SQLite they are good within the transaction."""
    if on_sqlite(session):
        taken = session.scalar(select(func.max(table.__table__.c.id))) or 0
        return range(taken + 1, taken + 1 + number)
    next_id = schema.Sequence(f"{table.__tablename__}_id_seq").next_value()
    return session.scalars(select(next_id).select_from(func.generate_series(1, number))).all()


def refresh_statistics(session: Session, *tables: type[Base]) -> None:
    """Let PostgreSQL's planner look at these tables now: by itself it does so within minutes, and guesses till then."""
    if not on_sqlite(session):
        session.execute(text(f"ANALYZE {', '.join(table.__tablename__ for table in tables)}"))


def append_columns(session: Session, table: type[Base], columns: Mapping[str, Sequence[Any]], **same: Any) -> None:
    """Add rows, given as equally long columns, each completed by what is `same` in all; other columns stay empty.

    PostgreSQL gets them by COPY, at half of what an INSERT costs it; its text is joined here by the column, which
    takes less of us than handing each row to the driver.
    Raises IntegrityError for a key that exists already.
    """
    if not any(columns.values()):
        return
    names = [*columns, *same]
    given = [_written(session, table, name, values) for name, values in columns.items()]
    constants = [_written(session, table, name, [value]) for name, value in same.items()]
    into = f"{table.__tablename__} ({', '.join(names)})"
    connection = session.connection()
    if on_sqlite(session):
        values = ", ".join("?" * len(names))
        rows = zip(*given, *(repeat(value) for (value,) in constants), strict=False)
        connection.exec_driver_sql(f"INSERT INTO {into} VALUES ({values})", list(rows))  # noqa: S608 -- our own names
        return
    copied = zip(*map(_copied, given), *(repeat(text) for (text,) in map(_copied, constants)), strict=False)
    try:
        with connection.connection.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:  # type: ignore[attr-defined]
            copy.write("\n".join(map("\t".join, copied)) + "\n")
    except psycopg.Error as error:  # as SQLAlchemy would have raised it
        raise DBAPIError.instance(f"COPY {into}", None, error, psycopg.Error, hide_parameters=True) from error


def update_rows(session: Session, table: type[Base], rows: Rows, *, key: str, **same: Any) -> int:
    """Update the rows of `table` that the column `key` names, from `rows` and, alike in all, from `same`.

    How many these were.
    """
    if not rows:
        return 0
    names = [name for name in rows[0] if name != key]
    columns = table.__table__.c
    if on_sqlite(session):
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        statement = update(table.__table__).where(columns[key] == bindparam("this")).values({**values, **same})  # type: ignore[arg-type]
        given = [{"this": row[key], **{f"new_{name}": row[name] for name in names}} for row in rows]
        return session.connection().execute(statement, given).rowcount
    source = _as_table(session, table, [key, *names], rows)
    statement = update(table.__table__).where(columns[key] == source.c[key])  # type: ignore[arg-type]
    values = {**{name: source.c[name] for name in names}, **same}
    return session.connection().execute(statement.values(values)).rowcount


def update_texts(
    session: Session,
    of: InstrumentedAttribute[str | None],
    texts: Mapping[int, str | None],
    *,
    key: InstrumentedAttribute[int],
    where: Sequence[ColumnElement[bool]],
    **same: Any,
) -> int:
    """Set the column `of` to the text that `texts` has for a row's `key`, and columns of `same` alike in all.

    Only in those rows for which all of `where` is true; how many these were. It is for a run of rows that `where`
    finds by an index: PostgreSQL looks each one's text up. Joined with a table of texts, a run whose length it
    cannot know would be compared with each of them.
    """
    row = update(of.class_).where(*where)
    if on_sqlite(session):
        statement = row.where(key == bindparam("this")).values({of: bindparam("text"), **same})
        given = [{"this": this, "text": text} for this, text in texts.items()]
        return session.connection().execute(statement, given).rowcount
    known = bindparam("known", texts, type_=postgresql.JSONB)
    name = cast(key, Text)
    statement = row.where(known.has_key(name)).values({of: known[name].astext, **same})
    return session.connection().execute(statement).rowcount


def _written(session: Session, table: type[Base], name: str, values: Iterable[Any]) -> Iterable[Any]:
    """The values of a column as the database's driver takes them."""
    of = table.__table__.c[name].type
    if isinstance(of, JSON):
        return ("{}" if value == {} else _as_json(value) for value in values)
    dialect = session.get_bind().dialect
    process = of.dialect_impl(dialect).bind_processor(dialect)
    return map(cache(process), values) if process else values  # nearly all of them repeat


def _copied(values: Iterable[Any]) -> Sequence[str]:
    """A column in the text format of COPY (PostgreSQL's manual, COPY, "Text Format")."""
    texts = list(values)
    kinds = {*map(type, texts)}
    if kinds == {int}:
        return [*map(str, texts)]
    if all(issubclass(kind, str) for kind in kinds):
        together = "".join(texts)
        if not any(special in together for special in _COPY_ESCAPES):  # as almost all columns are
            return texts
    escapes = str.maketrans(_COPY_ESCAPES)
    return [r"\N" if text is None else str(text).translate(escapes) for text in texts]


def _as_table(session: Session, table: type[Base], names: Sequence[str], rows: Rows) -> FromClause:
    """The rows as a table of PostgreSQL's, out of an array for each column."""
    types = {name: table.__table__.c[name].type for name in names}
    # As text of any length: a cast to a shorter one would cut it off, the column itself refuses it.
    types = {name: Text() if isinstance(of, String) else of for name, of in types.items()}
    arrays = [
        cast(_array(_written(session, table, name, [row[name] for row in rows])), postgresql.ARRAY(of))
        for name, of in types.items()
    ]
    return func.unnest(*arrays).table_valued(*(column(name, of) for name, of in types.items())).render_derived("given")


def _array(values: Iterable[Any]) -> BindParameter[str]:
    """An array of PostgreSQL's as one text: drivers, which write it value by value, take five times as long."""
    written = (
        "NULL" if value is None else '"' + str(value).replace("\\", r"\\").replace('"', r"\"") + '"' for value in values
    )
    return bindparam(None, f"{{{','.join(written)}}}", type_=Text)


def _json(value: object) -> BindParameter[str]:
    return bindparam(None, json.dumps(value, ensure_ascii=False, default=str), type_=Text)
