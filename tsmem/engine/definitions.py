"""Creates, changes and deletes tables, secondary indexes, defined columns and search indexes.

Rows never expire: `time_to_live_s` is stored, described, and checked against the other options, but nothing else.
Sources of limits and texts: TableStore's "General limits", its API reference, and its SDKs' test suites.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tsmem.clock import Clock
from tsmem.engine.catalog import SQL_TYPES, Catalog, SearchDescription, SecondaryIndex, Table, index_as_table
from tsmem.engine.file.connections import Connections, Transaction
from tsmem.engine.indexes.search_index import SearchIndex, find_index
from tsmem.engine.rows.writes import build_secondary_index
from tsmem.errors import from_service, invalid
from tsmem.limits import check_column_name, check_name
from tsmem.port import FieldType, IndexSchema, KeySchema, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType

MAX_TABLES = 64  # secondary indexes included
MAX_INDEXES = 5  # secondary indexes of one table
MAX_KEY_COLUMNS = 4
MAX_DEFINED_COLUMNS = 32
MIN_TIME_TO_LIVE_S = 86400
MAX_INT32 = 2**31 - 1  # the largest time to live and number of versions in the wire protocol
MAX_DEVIATION_S = 2**63 - 1
_UPDATE_WITH_TTL = "Don't support allow update operation on table with index and ttl"
MAX_FIELDS = 1000
_ANALYZERS = ("single_word", "max_word", "min_word", "split", "fuzzy")
_MAX_NGRAM_DIFFERENCE = 6  # characters by which the longest n-gram of a fuzzy field exceeds the shortest
_FIELD_TYPES_OF_KEY = {
    ColumnType.STRING: ("KEYWORD", "TEXT", "DATE", "GEO_POINT", "IP"),
    ColumnType.INTEGER: ("LONG", "DATE"),
    ColumnType.BINARY: ("VECTOR",),
}


class TableOptions(NamedTuple):
    """The options that UpdateTable can change. None leaves an option unchanged."""

    time_to_live_s: int | None = None
    max_versions: int | None = None
    deviation_s: int | None = None
    """Maximum difference between an explicit version and the current time."""
    allow_update: bool | None = None


class Definitions:
    """Each method runs in one write transaction, and an invalid request changes nothing."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock

    @contextmanager
    def _transaction(self) -> Iterator[Transaction]:
        with self._connections.write() as transaction:
            yield transaction
            transaction.execute("UPDATE catalog_version SET version = version + 1")

    def create_table(self, schema: TableSchema) -> None:
        _check_table(schema)
        _check_options(schema, is_indexed=bool(schema.indexes))
        for index in schema.indexes:
            _check_index(schema, index)
        with self._transaction() as transaction:
            names = [schema.name, *(index.name for index in schema.indexes)]
            _check_new(transaction.catalog(), names, len(schema.indexes))
            _add(transaction, schema)
            for index in schema.indexes:
                _add(transaction, schema, index)

    def update_table(self, name: str, options: TableOptions) -> TableSchema:
        """Return the new schema. After `max_versions` is lowered, reads hide the older versions of a column, and its
        next write deletes them."""
        with self._transaction() as transaction:
            table = transaction.catalog().writable(name)
            changes = {option: value for option, value in options._asdict().items() if value is not None}
            schema = table.schema._replace(**changes)
            _check_options(schema, is_indexed=bool(table.indexes or table.search_descriptions))
            transaction.execute(
                "UPDATE tables SET time_to_live_s = ?, max_versions = ?, deviation_s = ?, allow_update = ? "
                "WHERE id = ?",
                (schema.time_to_live_s, schema.max_versions, schema.deviation_s, schema.allow_update, table.id),
            )
            return schema

    def delete_table(self, name: str) -> None:
        with self._transaction() as transaction:
            table = transaction.catalog().writable(name)
            if table.search_descriptions:
                raise invalid(f"Table[{name}] who has at least one search index cannot be deleted")
            for each in (*table.indexes, table):
                _remove(transaction, each)

    def create_index(
        self, name: str, index: IndexSchema, defined: KeySchema = (), *, include_base_data: bool = True
    ) -> None:
        """Create a secondary index, and define those columns in `defined` that the table does not define yet. Existing
        rows get entries if `include_base_data`."""
        with self._transaction() as transaction:
            table = transaction.catalog().table(name, main_only=True)
            _check_new(transaction.catalog(), [index.name], len(table.indexes) + 1)
            schema = _define(transaction, table, defined)
            _check_options(schema, is_indexed=True)
            _check_index(schema, index)
            index_id = _add(transaction, schema, index)
            if include_base_data:
                build_secondary_index(transaction, table, SecondaryIndex(index_id, schema, index))

    def delete_index(self, table: str, name: str) -> None:
        with self._transaction() as transaction:
            indexes = {index.schema.name: index for index in transaction.catalog().table(table, main_only=True).indexes}
            if name not in indexes:
                raise from_service("OTSObjectNotExist", f"Requested index '{name}' does not exist.")
            _remove(transaction, indexes[name])

    def add_defined_columns(self, name: str, columns: KeySchema) -> None:
        with self._transaction() as transaction:
            _define(transaction, transaction.catalog().table(name, main_only=True), columns)

    def delete_defined_columns(self, name: str, columns: Sequence[str]) -> None:
        """Remove the definitions of columns, not their values in rows."""
        with self._transaction() as transaction:
            table = transaction.catalog().table(name, main_only=True)
            defined = dict(table.schema.defined_columns)
            for column in columns:
                if column not in defined:
                    raise invalid(f"Defined column '{column}' does not exist.")
                for index in table.indexes:
                    if column in index.attribute_columns:
                        raise invalid(f"Defined column '{column}' is used by index '{index.schema.name}'.")
                transaction.execute(
                    "DELETE FROM table_columns WHERE table_id = ? AND part = 'defined' AND name = ?", (table.id, column)
                )

    def create_search_index(
        self, schema: SearchIndexSchema, definition: bytes | None = None, time_to_live_s: int = -1
    ) -> None:
        """Index all existing rows, too. `definition` is only stored, for describing the index."""
        with self._transaction() as transaction:
            table = transaction.catalog().table(schema.table, main_only=True)
            _check_search_index(table, schema, time_to_live_s)
            created_us = self._clock.now_us()
            index_id: int = transaction.execute(
                "INSERT INTO search_indexes (table_name, name, definition, created_us) VALUES (?, ?, ?, ?) "
                "RETURNING id",
                (schema.table, schema.name, definition, created_us),
            ).fetchone()[0]
            transaction.connection.executemany(
                "INSERT INTO search_fields VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(index_id, place, name, *kind) for place, (name, kind) in enumerate(schema.fields)],
            )
            description = SearchDescription(index_id, schema, definition, created_us)
            SearchIndex(table, description).create(transaction.connection)

    def delete_search_index(self, table: str, name: str) -> None:
        with self._transaction() as transaction:
            index = find_index(transaction, table, name)
            index.drop(transaction.connection)
            transaction.execute("DELETE FROM search_fields WHERE index_id = ?", (index.description.id,))
            transaction.execute("DELETE FROM search_indexes WHERE id = ?", (index.description.id,))


def _check_new(catalog: Catalog, names: Sequence[str], index_count: int) -> None:
    if any(name in catalog.tables for name in names) or len(set(names)) < len(names):
        raise from_service("OTSObjectAlreadyExist", "Requested table already exists.")
    if index_count > MAX_INDEXES:
        raise invalid(f"Number of index per table exceeds the quota:{MAX_INDEXES}.")
    if len(catalog.tables) + len(names) > MAX_TABLES:
        raise from_service("OTSQuotaExhausted", f"Number of tables exceeds the quota:{MAX_TABLES}.")


def _add(transaction: Transaction, table: TableSchema, index: IndexSchema | None = None) -> int:
    """Store a table or, if given, a secondary index of this table. Create its SQL table, and return its id."""
    schema = table if index is None else index_as_table(table, index)
    table_id: int = transaction.execute(
        "INSERT INTO tables (name, main, time_to_live_s, max_versions, deviation_s, allow_update, is_global, "
        "own_columns) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (schema.name, None if index is None else table.name, schema.time_to_live_s, schema.max_versions,
         schema.deviation_s, schema.allow_update, index is not None and index.is_global,
         0 if index is None else len(index.key)),
    ).fetchone()[0]  # fmt: skip
    _add_columns(transaction, table_id, "key", schema.key)
    names = ", ".join(f"k{place}" for place in range(len(schema.key)))
    declared = ", ".join(f"k{place} {SQL_TYPES[kind]} NOT NULL" for place, (_, kind) in enumerate(schema.key))
    declared += ", cells BLOB NOT NULL"
    if index is None:
        _add_columns(transaction, table_id, "defined", schema.defined_columns)
        transaction.execute(f"CREATE TABLE t{table_id} ({declared})")
        transaction.execute(f"CREATE UNIQUE INDEX t{table_id}_key ON t{table_id} ({names})")
    else:
        _add_columns(transaction, table_id, "carried", [(name, ColumnType.STRING) for name in index.columns])
        transaction.execute(f"CREATE TABLE t{table_id} ({declared}, PRIMARY KEY ({names})) WITHOUT ROWID")
    return table_id


def _add_columns(transaction: Transaction, table_id: int, part: str, columns: Iterable[tuple[str, ColumnType]]) -> None:
    transaction.connection.executemany(
        "INSERT INTO table_columns SELECT ?, ?, coalesce(max(place) + 1, 0), ?, ? FROM table_columns "
        "WHERE table_id = ? AND part = ?",
        [(table_id, part, name, kind.value, table_id, part) for name, kind in columns],
    )


def _remove(transaction: Transaction, table: Table) -> None:
    transaction.execute("DELETE FROM table_columns WHERE table_id = ?", (table.id,))
    transaction.execute("DELETE FROM tables WHERE id = ?", (table.id,))
    transaction.execute(f"DROP TABLE t{table.id}")


def _define(transaction: Transaction, table: Table, columns: KeySchema) -> TableSchema:
    defined = dict(table.schema.defined_columns)
    for name, kind in columns:
        if defined.get(name, kind) is not kind:
            raise invalid(f"Defined column '{name}' is of type {defined[name]}, not {kind}.")
    added = tuple((name, kind) for name, kind in dict(columns).items() if name not in defined)
    schema = table.schema._replace(defined_columns=table.schema.defined_columns + added)
    _check_table(schema)
    _add_columns(transaction, table.id, "defined", added)
    return schema


def _check_table(schema: TableSchema) -> None:
    check_name("table", schema.name)
    names = schema.ref.key
    for name in names:
        check_name("column", name)
    _check_key(names, dict(schema.key))
    if len(schema.defined_columns) > MAX_DEFINED_COLUMNS:
        raise invalid(f"The number of defined columns must be in range: [0, {MAX_DEFINED_COLUMNS}].")
    _check_distinct([*names, *(name for name, _ in schema.defined_columns)], "column")


def _check_key(names: Sequence[str], types: Mapping[str, ColumnType], where: str = "") -> None:
    if not 1 <= len(names) <= MAX_KEY_COLUMNS:
        raise invalid(f"The number of primary key columns must be in range: [1, {MAX_KEY_COLUMNS}]{where}.")
    _check_distinct(names, "primary key")
    for name in names:
        if types[name] not in SQL_TYPES:
            raise invalid(f"{types[name]} is an invalid type for the primary key column '{name}'.")


def _check_distinct(names: Sequence[str], kind: str) -> None:
    for place, name in enumerate(names):
        check_column_name(name)
        if name in names[:place]:
            raise invalid(f"Duplicated {kind} name: '{name}'.")


def _check_options(schema: TableSchema, *, is_indexed: bool) -> None:
    time_to_live_s = schema.time_to_live_s
    expires = time_to_live_s != -1
    _refuse(
        (time_to_live_s < 1 and expires, "TimeToLive cannot be 0 or less than -1."),
        (time_to_live_s < MIN_TIME_TO_LIVE_S and expires, f"TimeToLive cannot be less than {MIN_TIME_TO_LIVE_S}."),
        (time_to_live_s > MAX_INT32, f"TimeToLive cannot be greater than {MAX_INT32}."),
        (schema.max_versions < 1, "The maximum versions cannot be less than or equal to 0."),
        (schema.max_versions > MAX_INT32, f"The maximum versions cannot be greater than {MAX_INT32}."),
        (
            not 1 <= schema.deviation_s <= MAX_DEVIATION_S,
            f"The deviation of cell versions must be in range: [1, {MAX_DEVIATION_S}].",
        ),
        (is_indexed and expires and schema.allow_update, _UPDATE_WITH_TTL),
        (is_indexed and schema.max_versions != 1, "Max versions of a table with index must be 1."),
    )


def _refuse(*checks: tuple[bool, str]) -> None:
    for is_wrong, text in checks:
        if is_wrong:
            raise invalid(text)


def _check_index(main: TableSchema, index: IndexSchema) -> None:
    check_name("index", index.name)
    types = {**dict(main.defined_columns), **dict(main.key)}
    for name in (*index.key, *index.columns):
        if name not in types:
            raise invalid(f"Index '{index.name}' uses column '{name}', which the table does not define.")
    _check_key(index.key, types, " in index")
    partition_key = main.ref.key[0]
    if not index.is_global and index.key[0] != partition_key:
        raise invalid(f"Local index '{index.name}' must begin with primary key column '{partition_key}'.")
    _check_distinct(index.columns, "column")
    for name in index.columns:
        if name in (*index.key, *main.ref.key):
            raise invalid(f"Index '{index.name}' carries column '{name}', which is in its key.")


def _check_search_index(table: Table, schema: SearchIndexSchema, time_to_live_s: int) -> None:
    check_name("index", schema.name)
    if schema.name in [description.schema.name for description in table.search_descriptions]:
        raise from_service("OTSObjectAlreadyExist", f"search index [{schema.name}] already exists")
    _refuse(
        (not 1 <= len(schema.fields) <= MAX_FIELDS, f"The number of fields must be in range: [1, {MAX_FIELDS}]."),
        (len(dict(schema.fields)) < len(schema.fields), "Duplicated field name in the search index."),
    )
    for name, kind in schema.fields:
        _check_field(table.schema, name, kind)
    table_ttl_s = table.schema.time_to_live_s
    expires = (table_ttl_s, time_to_live_s) != (-1, -1)
    _refuse(
        (table.schema.max_versions != 1, "Max versions of a table with a search index must be 1."),
        (time_to_live_s == 0 or time_to_live_s < -1, "TimeToLive cannot be 0 or less than -1."),
        (
            -1 < table_ttl_s < time_to_live_s,
            "The time to live of a search index cannot be longer than that of its table.",
        ),
        (expires and table.schema.allow_update, _UPDATE_WITH_TTL),
    )


def _check_field(table: TableSchema, name: str, kind: FieldType) -> None:
    check_column_name(name, "field")
    key_type = dict(table.key).get(name)
    if key_type is not None and kind.name not in _FIELD_TYPES_OF_KEY[key_type]:
        raise invalid(f"field: {name} of type {kind.name} cannot hold the primary key column of type {key_type.value}")
    if kind.analyzer is None:
        return
    if kind.name != "TEXT":
        raise invalid(f"field: {name} of type {kind.name} cannot have an analyzer")
    if kind.analyzer not in _ANALYZERS:
        raise invalid(f"Unsupported operation: 'analyzer {kind.analyzer} of field {name}'.")
    shortest = 1 if kind.min_chars is None else kind.min_chars
    longest = shortest if kind.max_chars is None else kind.max_chars
    if not 1 <= shortest <= longest <= shortest + _MAX_NGRAM_DIFFERENCE:
        raise invalid(f"field: {name} cannot be cut into parts of {shortest} to {longest} characters")
