"""The schemas of tables and indexes, as the file keeps them.

Each change of a schema raises `catalog_version` in the same transaction (`Transaction.schema_changed`). Every
transaction compares that one number, so that schemas are not read for each request, and changes by other processes are
seen at once.

The rows of a table are in an SQL table of their own: a native column for each key column (k0, k1, ...) and one blob of
cells. A table is a rowid table with a unique index on its key; a secondary index is WITHOUT ROWID. Measured on SQLite
3.40 with 12,000 messages, batches of 200, one secondary index, 40 sessions written interleaved, pages of 4096 bytes:

    contents    layout            written/s   scanned/s   read singly/s   bytes of file a row
    300 bytes   rowid + unique       48,600     432,000         113,000     504
    300 bytes   WITHOUT ROWID        25,900     621,000         125,000     506
    6000 bytes  rowid + unique       26,200     230,000         123,000   6,279
    6000 bytes  WITHOUT ROWID         8,900     207,000          37,000   8,863

WITHOUT ROWID wins only scans of small rows, and decoding them costs more than the difference; it loses the rest,
because its inner pages hold whole rows. Pages of 8192 and 16384 write small rows some 5 % faster and waste a third of
the file with long ones. Entries of secondary indexes are small: there WITHOUT ROWID saves one tree of two.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import NamedTuple

from tsmem.engine.tables import SQL_TYPES, Table, plan_index
from tsmem.errors import from_service
from tsmem.port import FieldType, KeySchema, SearchIndexSchema
from tsmem.rows import ColumnType

SCHEMA = (
    "CREATE TABLE catalog_version (version INTEGER NOT NULL)",
    "INSERT INTO catalog_version VALUES (0)",
    """CREATE TABLE tables (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, main TEXT,
        time_to_live_s INTEGER NOT NULL, max_versions INTEGER NOT NULL, deviation_s INTEGER NOT NULL DEFAULT 86400,
        allow_update INTEGER NOT NULL DEFAULT 1, is_global INTEGER NOT NULL DEFAULT 0,
        own_columns INTEGER NOT NULL DEFAULT 0)""",
    """CREATE TABLE table_columns (
        table_id INTEGER NOT NULL REFERENCES tables (id), part TEXT NOT NULL, place INTEGER NOT NULL,
        name TEXT NOT NULL, type TEXT NOT NULL, PRIMARY KEY (table_id, part, place)) WITHOUT ROWID""",
    """CREATE TABLE search_indexes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, name TEXT NOT NULL,
        definition BLOB, created_us INTEGER NOT NULL DEFAULT 0, UNIQUE (table_name, name))""",
    """CREATE TABLE search_fields (
        index_id INTEGER NOT NULL REFERENCES search_indexes (id), place INTEGER NOT NULL, name TEXT NOT NULL,
        type TEXT NOT NULL, analyzer TEXT, min_chars INTEGER, max_chars INTEGER, delimiter TEXT, case_sensitive INTEGER,
        PRIMARY KEY (index_id, place)) WITHOUT ROWID""",
)
"""The SQL of a new file. `part` is key, defined, or carried (columns of an index). A secondary index has its table's
options: those in its own row of `tables` are not used."""


class Catalog(NamedTuple):
    """Every schema of the instance, at one version."""

    version: int
    tables: dict[str, Table]
    """Tables and secondary indexes by name."""

    def table(self, name: str) -> Table:
        """Return a table or secondary index. Raises TableNotFound."""
        if name not in self.tables:
            raise from_service("OTSObjectNotExist", "Requested table does not exist.")
        return self.tables[name]

    def main_table(self, name: str) -> Table:
        """Return a table that is no secondary index. Raises TableNotFound."""
        table = self.table(name)
        if table.main is not None:
            raise from_service("OTSObjectNotExist", "Requested table does not exist.")
        return table


def load_catalog(connection: sqlite3.Connection, version: int) -> Catalog:
    """Read all schemas from the file."""
    columns: dict[tuple[int, str], list[tuple[str, ColumnType]]] = {}
    for table_id, part, name, kind in connection.execute(
        "SELECT table_id, part, name, type FROM table_columns ORDER BY table_id, part, place"
    ):
        columns.setdefault((table_id, part), []).append((name, ColumnType(kind)))
    tables: dict[str, Table] = {}
    for table_id, name, main, *options in connection.execute(
        "SELECT id, name, main, time_to_live_s, max_versions, deviation_s, allow_update, is_global, own_columns "
        "FROM tables ORDER BY id"
    ):
        time_to_live_s, max_versions, deviation_s, allow_update, is_global, own_columns = options
        carried = tuple(each for each, _ in columns.get((table_id, "carried"), ()))
        defined = tuple(columns.get((table_id, "defined"), ()))
        key = tuple(columns[table_id, "key"])
        table = Table(table_id, name, key, main, carried, defined, time_to_live_s, max_versions, deviation_s,
                      bool(allow_update), bool(is_global), own_columns)  # fmt: skip
        if main is not None:
            owner = tables[main]
            table = replace(table, time_to_live_s=owner.time_to_live_s, deviation_s=owner.deviation_s,
                            allow_update=owner.allow_update)  # fmt: skip
            tables[main] = replace(owner, indexes=(*owner.indexes, plan_index(owner.key, table)))
        tables[name] = table
    _load_search_indexes(connection, tables)
    return Catalog(version, tables)


def _load_search_indexes(connection: sqlite3.Connection, tables: dict[str, Table]) -> None:
    fields: dict[int, list[tuple[str, FieldType]]] = {}
    for index_id, name, kind, analyzer, shortest, longest, delimiter, sensitive in connection.execute(
        "SELECT index_id, name, type, analyzer, min_chars, max_chars, delimiter, case_sensitive "
        "FROM search_fields ORDER BY index_id, place"
    ):
        sensitive = None if sensitive is None else bool(sensitive)
        field = FieldType(kind, analyzer, shortest, longest, delimiter, sensitive)
        fields.setdefault(index_id, []).append((name, field))
    for index_id, owner, name in connection.execute("SELECT id, table_name, name FROM search_indexes ORDER BY name"):
        schema = SearchIndexSchema(owner, name, tuple(fields.get(index_id, ())))
        tables[owner] = replace(tables[owner], searches=(*tables[owner].searches, (index_id, schema)))


def add_table(connection: sqlite3.Connection, table: Table) -> Table:
    """Store the schema of a table or index, and make its SQL table. Return it with its id."""
    table_id = connection.execute(
        "INSERT INTO tables (name, main, time_to_live_s, max_versions, deviation_s, allow_update, is_global, "
        "own_columns) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (table.name, table.main, table.time_to_live_s, table.max_versions, table.deviation_s, table.allow_update,
         table.is_global, table.own_columns),
    ).fetchone()[0]  # fmt: skip
    add_columns(connection, table_id, "key", table.key)
    add_columns(connection, table_id, "defined", table.defined)
    add_columns(connection, table_id, "carried", tuple((name, ColumnType.STRING) for name in table.columns))
    names = ", ".join(f"k{place}" for place in range(len(table.key)))
    declared = ", ".join(f"k{place} {SQL_TYPES[kind]} NOT NULL" for place, (_, kind) in enumerate(table.key))
    if table.main is None:
        connection.execute(f"CREATE TABLE t{table_id} ({declared}, cells BLOB NOT NULL)")
        connection.execute(f"CREATE UNIQUE INDEX t{table_id}_key ON t{table_id} ({names})")
    else:
        connection.execute(
            f"CREATE TABLE t{table_id} ({declared}, cells BLOB NOT NULL, PRIMARY KEY ({names})) WITHOUT ROWID"
        )
    return replace(table, id=table_id)


def add_columns(connection: sqlite3.Connection, table_id: int, part: str, columns: KeySchema) -> None:
    """Add columns to those of a table or index. `part` is as in SCHEMA."""
    first = connection.execute(
        "SELECT coalesce(max(place) + 1, 0) FROM table_columns WHERE table_id = ? AND part = ?", (table_id, part)
    ).fetchone()[0]
    connection.executemany(
        "INSERT INTO table_columns VALUES (?, ?, ?, ?, ?)",
        [(table_id, part, place, name, kind.value) for place, (name, kind) in enumerate(columns, first)],
    )


def remove_table(connection: sqlite3.Connection, table: Table) -> None:
    """Delete the schema of a table or index, and its rows."""
    connection.execute("DELETE FROM table_columns WHERE table_id = ?", (table.id,))
    connection.execute("DELETE FROM tables WHERE id = ?", (table.id,))
    connection.execute(f"DROP TABLE t{table.id}")


def add_search(
    connection: sqlite3.Connection, schema: SearchIndexSchema, definition: bytes | None, created_us: int
) -> int:
    """Store a search index's schema, and what a client sent beside it. Return its id."""
    index_id: int = connection.execute(
        "INSERT INTO search_indexes (table_name, name, definition, created_us) VALUES (?, ?, ?, ?) RETURNING id",
        (schema.table, schema.name, definition, created_us),
    ).fetchone()[0]
    connection.executemany(
        "INSERT INTO search_fields VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(index_id, place, name, *kind) for place, (name, kind) in enumerate(schema.fields)],
    )
    return index_id


def remove_search(connection: sqlite3.Connection, table: str, name: str) -> None:
    connection.execute(
        "DELETE FROM search_fields WHERE index_id = (SELECT id FROM search_indexes WHERE table_name = ? AND name = ?)",
        (table, name),
    )
    connection.execute("DELETE FROM search_indexes WHERE table_name = ? AND name = ?", (table, name))
