"""The catalog: the schemas of all tables and indexes, and the SQL tables that keep them in the file.

Each change of a schema increases `catalog_version`. A connection keeps its catalog until that number changes.

Each table of the catalog has an SQL table t<id> with its rows: an SQL column for each key column (k0, k1, ...), and a
blob with all attribute columns (`rows/cells.py`). For a table it is a rowid table with a unique index on the key; for a
secondary index it is WITHOUT ROWID. Measured on SQLite 3.40 with 12,000 messages, batches of 200, one secondary index,
40 sessions written interleaved, pages of 4096 bytes:

    contents    layout            written/s   scanned/s   read singly/s   bytes of file a row
    300 bytes   rowid + unique       48,600     432,000         113,000     504
    300 bytes   WITHOUT ROWID        25,900     621,000         125,000     506
    6000 bytes  rowid + unique       26,200     230,000         123,000   6,279
    6000 bytes  WITHOUT ROWID         8,900     207,000          37,000   8,863

WITHOUT ROWID is faster only for reading small rows, because its inner pages hold whole rows. Entries of secondary
indexes are small, and WITHOUT ROWID needs one B-tree instead of two for them. Pages of 8192 and 16384 bytes write small
rows about 5 % faster, but waste a third of the file if rows are long.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from tsmem.engine.requests import invalid
from tsmem.engine.tables import SearchDescription, SecondaryIndex, Table
from tsmem.errors import from_service
from tsmem.port import FieldType, IndexSchema, SearchIndexSchema, TableSchema
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
"""`tables` also has a row for each secondary index, which names its table in `main`, and whose options are not used.
`own_columns` is the number of key columns that a secondary index was created with; the others were added from the key
of its table. `part` is `key`, `defined` (an attribute column with a declared type) or `carried` (an attribute column
that a secondary index copies)."""


class Catalog(NamedTuple):
    version: int
    tables: dict[str, Table]
    """Tables and secondary indexes by name."""

    def table(self, name: str, *, main_only: bool = False) -> Table:
        """Return a table or, unless `main_only`, a secondary index. Raises TableNotFound."""
        table = self.tables.get(name)
        if table is None or (main_only and isinstance(table, SecondaryIndex)):
            raise from_service("OTSObjectNotExist", "Requested table does not exist.")
        return table

    def writable(self, name: str) -> Table:
        """Return a table. Raises TableNotFound, and InvalidInput for a secondary index."""
        table = self.table(name)
        if isinstance(table, SecondaryIndex):
            raise invalid("Can't write index table directly")
        return table


def load_catalog(connection: sqlite3.Connection, version: int) -> Catalog:
    columns: dict[tuple[int, str], list[tuple[str, ColumnType]]] = {}
    for table_id, part, name, kind in connection.execute(
        "SELECT table_id, part, name, type FROM table_columns ORDER BY table_id, part, place"
    ):
        columns.setdefault((table_id, part), []).append((name, ColumnType(kind)))
    descriptions = _load_search_indexes(connection)
    indexes: dict[str, list[tuple[int, IndexSchema]]] = {}
    tables: dict[str, Table] = {}
    for table_id, name, main, is_global, own_columns, *options in connection.execute(
        "SELECT id, name, main, is_global, own_columns, time_to_live_s, max_versions, allow_update, deviation_s "
        "FROM tables ORDER BY main IS NULL, id"  # secondary indexes first
    ):
        key, defined, carried = (tuple(columns.get((table_id, part), ())) for part in ("key", "defined", "carried"))
        if main is not None:
            own_key = tuple(column for column, _ in key[:own_columns])
            index = IndexSchema(name, own_key, tuple(column for column, _ in carried), bool(is_global))
            indexes.setdefault(main, []).append((table_id, index))
            continue
        time_to_live_s, max_versions, allow_update, deviation_s = options
        table_indexes = indexes.get(name, [])
        schema = TableSchema(name, key, tuple(index for _, index in table_indexes), defined, time_to_live_s,
                             max_versions, bool(allow_update), deviation_s)  # fmt: skip
        secondary = [SecondaryIndex(index_id, schema, index) for index_id, index in table_indexes]
        tables.update({index.schema.name: index for index in secondary})
        tables[name] = Table(table_id, schema, secondary, descriptions.get(name, ()))
    return Catalog(version, tables)


def _load_search_indexes(connection: sqlite3.Connection) -> dict[str, list[SearchDescription]]:
    fields: dict[int, list[tuple[str, FieldType]]] = {}
    for index_id, name, *kind, sensitive in connection.execute(
        "SELECT index_id, name, type, analyzer, min_chars, max_chars, delimiter, case_sensitive "
        "FROM search_fields ORDER BY index_id, place"
    ):
        field = FieldType._make((*kind, None if sensitive is None else bool(sensitive)))
        fields.setdefault(index_id, []).append((name, field))
    found: dict[str, list[SearchDescription]] = {}
    for index_id, table, name, definition, created_us in connection.execute(
        "SELECT id, table_name, name, definition, created_us FROM search_indexes ORDER BY name"
    ):
        schema = SearchIndexSchema(table, name, tuple(fields.get(index_id, ())))
        found.setdefault(table, []).append(SearchDescription(index_id, schema, definition, created_us))
    return found
