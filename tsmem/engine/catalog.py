"""The catalog: all tables and indexes with their schemas, and the SQL tables that keep the schemas in the file.

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
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tsmem.engine.rows.cells import Cell, pack_cells
from tsmem.errors import TsmemError, from_service, invalid
from tsmem.limits import check_key, name_bytes
from tsmem.port import FieldType, IndexSchema, SearchIndexSchema, TableSchema
from tsmem.rows import PYTHON_TYPES, Bound, ColumnType, Key, KeyValue, TableRef, Value

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

SQL_TYPES = {ColumnType.STRING: "TEXT", ColumnType.INTEGER: "INTEGER", ColumnType.BINARY: "BLOB"}
_SERVICE_TYPES = {str: "STRING", int: "INTEGER", float: "DOUBLE", bool: "BOOLEAN", bytes: "BLOB"}


class SearchDescription(NamedTuple):
    id: int
    schema: SearchIndexSchema
    definition: bytes | None
    """The request of the server's client that created the index; None if the local adapter created it."""
    created_us: int


class Table:
    """A table or a secondary index: its schema, with all that can be prepared for requests. Immutable: a changed schema
    makes a new Table."""

    def __init__(
        self,
        table_id: int,
        schema: TableSchema,
        indexes: Sequence[SecondaryIndex] = (),
        search_descriptions: Sequence[SearchDescription] = (),
    ) -> None:
        self.id = table_id
        self.schema = schema
        self.indexes = indexes
        self.search_descriptions = search_descriptions
        self.key_names = schema.ref.key
        self.key_types = tuple(PYTHON_TYPES[kind] for _, kind in schema.key)
        self._names_bytes = sum(map(name_bytes, self.key_names))
        self.needs_old_row = bool(search_descriptions) or any(index.attribute_columns for index in indexes)
        """True if a write must read the row that it replaces, because an index depends on its attribute columns."""
        columns = [f"k{place}" for place in range(len(schema.key))]
        where = " AND ".join(f"{column} = ?" for column in columns)
        self.insert_sql = f"INSERT INTO t{table_id} VALUES ({'?, ' * len(columns)}?) ON CONFLICT DO NOTHING"  # noqa: S608 - ids and places only
        self.upsert_sql = self.insert_sql.replace(
            "DO NOTHING", f"({', '.join(columns)}) DO UPDATE SET cells = excluded.cells"
        )
        self.read_sql = f"SELECT cells FROM t{table_id} WHERE {where}"  # noqa: S608
        self.delete_sql = f"DELETE FROM t{table_id} WHERE {where}"  # noqa: S608

    def check_key(self, ref: TableRef, key: Sequence[object], *, is_bound: bool = False) -> None:
        """Raise the service's error unless a key has this table's columns and types. With `is_bound`, columns after MIN
        or MAX are not checked."""
        if ref.key == self.key_names and tuple(map(type, key)) == self.key_types:
            return
        for size in (len(key), len(ref.key)):
            if size != len(self.key_names):
                raise _invalid_key("size", size, len(self.key_names))
        for given_name, name in zip(ref.key, self.key_names, strict=True):
            if given_name != name:
                raise _invalid_key("name", given_name, name)
        for value, kind in zip(key, self.key_types, strict=True):
            if isinstance(value, Bound):
                if is_bound:
                    return
                raise invalid(f"VT_INF_{value.name} is an invalid type for the primary key.")
            if type(value) is not kind:
                given = _SERVICE_TYPES.get(type(value), type(value).__name__.upper())
                raise _invalid_key("type", f"VT_{given}", f"VT_{_SERVICE_TYPES[kind]}")

    def key_bytes(self, key: Key) -> int:
        """Return the size of a valid key by TableStore's rule, which includes the names of its columns."""
        size = self._names_bytes
        for value in key:
            if type(value) is int:
                size += 8
            elif type(value) is bytes or value.isascii():  # type: ignore[union-attr]
                size += len(value)  # type: ignore[arg-type]
            else:
                size += len(value.encode())  # type: ignore[union-attr]
        return size


def _invalid_key(what: str, given: object, expected: object) -> TsmemError:
    return from_service("OTSInvalidPK", f"Validate PK {what} fail. Input: {given}, Meta: {expected}.")


class SecondaryIndex(Table):
    """A table with entries for the rows of its main table. Its key is the index's own key columns, followed by the
    missing ones of the main table. A row has an entry if it has all of them in the declared types."""

    def __init__(self, table_id: int, main: TableSchema, index: IndexSchema) -> None:
        super().__init__(table_id, index_as_table(main, index))
        self.index = index
        names = main.ref.key
        self._key_places = tuple(names.index(name) if name in names else None for name in self.key_names)
        self.attribute_columns = frozenset((*self.key_names, *index.columns)).difference(names)
        """The attribute columns that an entry takes from its row, for its key or to carry them."""

    def entry_key(self, key: Key, columns: Mapping[str, Value]) -> Key | None:
        """Return None if the row has no entry. Raises LimitExceeded for a text that is too long for a key."""
        if not self.attribute_columns:
            return tuple([key[place] for place in self._key_places])  # type: ignore[index]
        values: list[KeyValue] = []
        for place, name, kind in zip(self._key_places, self.key_names, self.key_types, strict=True):
            value = columns.get(name) if place is None else key[place]
            if type(value) is not kind:
                return None
            values.append(value)  # type: ignore[arg-type]
        check_key(self.key_names, tuple(values))
        return tuple(values)

    def entry(
        self, key: Key, columns: Mapping[str, Value], versions_ms: Mapping[str, int]
    ) -> tuple[object, ...] | None:
        """Return a row's entry: its key, and its packed cells, which have the same versions as in the row. Return None
        if it has none. Raises LimitExceeded."""
        entry_key = self.entry_key(key, columns)
        if entry_key is None:
            return None
        names = [name for name in sorted(self.index.columns) if name in columns]
        carried = [Cell(name, columns[name], versions_ms[name]) for name in names]
        return (*entry_key, pack_cells(self.key_bytes(entry_key), carried))


def index_as_table(main: TableSchema, index: IndexSchema) -> TableSchema:
    types = {**dict(main.defined_columns), **dict(main.key)}
    names = (*index.key, *(name for name in main.ref.key if name not in index.key))
    key = tuple((name, types[name]) for name in names)
    return main._replace(name=index.name, key=key, indexes=(), defined_columns=())


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
