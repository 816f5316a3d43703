"""Creating, changing and deleting tables, secondary indexes, defined columns and search indexes.

Called by `engine.py` within a transaction. A schema is checked whole before anything is made, and every change of one
raises the catalog's version in the same transaction. Options are kept and described, and `max_versions`, `deviation_s`
and `allow_update` have effect, but rows never expire: `time_to_live_s` is only checked against the other options.
Sources of limits and texts: TableStore's "General limits", its API reference, and its SDKs' test suites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from tsmem.engine import catalog as stored
from tsmem.engine.catalog import Catalog
from tsmem.engine.file.connections import Transaction
from tsmem.engine.indexes.maintenance import build_secondary_index
from tsmem.engine.indexes.search_index import SearchIndex, find_index
from tsmem.engine.service_errors import invalid, versions_not_positive, write_to_index
from tsmem.engine.tables import SQL_TYPES, Table, plan_index
from tsmem.errors import from_service
from tsmem.limits import check_column_name, check_name
from tsmem.port import FieldType, IndexSchema, KeySchema, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType

MAX_TABLES = 64
"""Tables of an instance, secondary indexes included."""
MAX_INDEXES = 5
"""Secondary indexes of one table."""
MAX_KEY_COLUMNS = 4
MAX_DEFINED_COLUMNS = 32
MIN_TIME_TO_LIVE_S = 86400
MAX_INT32 = 2**31 - 1
"""The largest time to live and number of versions that the wire can carry."""
MAX_DEVIATION_S = 2**63 - 1
_UPDATE_WITH_TTL = "Don't support allow update operation on table with index and ttl"
MAX_FIELDS = 1000
_ANALYZERS = ("single_word", "max_word", "min_word", "split", "fuzzy")
_MAX_DIFFERENCE = 6
"""Characters between the longest and the shortest n-gram of a fuzzy field."""
_KEY_FIELDS = {
    ColumnType.STRING: ("KEYWORD", "TEXT", "DATE", "GEO_POINT", "IP"),
    ColumnType.INTEGER: ("LONG", "DATE"),
    ColumnType.BINARY: ("VECTOR",),
}
"""Types of fields that may index a key column, by its type."""


class TableOptions(NamedTuple):
    """The options that UpdateTable may change; None leaves one as it is."""

    time_to_live_s: int | None = None
    max_versions: int | None = None
    deviation_s: int | None = None
    """Largest distance of an explicit version from now, in seconds."""
    allow_update: bool | None = None
    """True if UpdateRow is allowed."""


class SearchDescription(NamedTuple):
    """Facts about a search index beside its schema."""

    definition: bytes | None
    """The request of a client that created it; None where the port created it."""
    created_us: int
    """Microseconds since 1970 UTC; 0 where it was created by a tsmem that did not store it."""


def create_table(transaction: Transaction, schema: TableSchema) -> None:
    """Make a table with its secondary indexes. Raises AlreadyExists, InvalidInput."""
    catalog = transaction.catalog()
    _check_table(schema)
    main = Table(0, schema.name, schema.key, None, (), schema.defined_columns, schema.time_to_live_s,
                 schema.max_versions, schema.deviation_s, schema.allow_update)  # fmt: skip
    _check_options(main, indexed=bool(schema.indexes))
    tables = [main, *(_index_table(main, index) for index in schema.indexes)]
    _check_new(catalog, [table.name for table in tables], len(schema.indexes))
    for table in tables:
        stored.add_table(transaction.connection, table)
    transaction.schema_changed()


def update_table(transaction: Transaction, name: str, options: TableOptions) -> TableSchema:
    """Change some options. Fewer versions hide the older ones of rows there, and the next write of a column drops them.
    Raises TableNotFound, InvalidInput."""
    table = transaction.catalog().table(name)
    if table.main is not None:
        raise write_to_index()
    table = replace(table, **{option: value for option, value in options._asdict().items() if value is not None})
    _check_options(table, indexed=bool(table.indexes or table.searches))
    transaction.execute(
        "UPDATE tables SET time_to_live_s = ?, max_versions = ?, deviation_s = ?, allow_update = ? WHERE id = ?",
        (table.time_to_live_s, table.max_versions, table.deviation_s, table.allow_update, table.id),
    )
    transaction.schema_changed()
    return transaction.catalog().table(name).schema


def delete_table(transaction: Transaction, name: str) -> None:
    """Delete a table and its secondary indexes. Raises TableNotFound, and InvalidInput while it has a search index."""
    table = transaction.catalog().table(name)
    if table.main is not None:
        raise write_to_index()
    if table.searches:
        raise invalid(f"Table[{name}] who has at least one search index cannot be deleted")
    for each in (*(index.table for index in table.indexes), table):
        stored.remove_table(transaction.connection, each)
    transaction.schema_changed()


def create_index(
    transaction: Transaction, name: str, schema: IndexSchema, defined: KeySchema, include_base_data: bool
) -> None:
    """Add a secondary index to a table. Raises TableNotFound, AlreadyExists, InvalidInput."""
    catalog = transaction.catalog()
    table = catalog.main_table(name)
    _check_new(catalog, [schema.name], len(table.indexes) + 1)
    added = _new_defined(table, defined)
    main = replace(table, defined=table.defined + added)
    _check_table(main.schema)
    _check_options(table, indexed=True)
    index = stored.add_table(transaction.connection, _index_table(main, schema))
    stored.add_columns(transaction.connection, table.id, "defined", added)
    if include_base_data:
        build_secondary_index(transaction, table, plan_index(table.key, index))
    transaction.schema_changed()


def delete_index(transaction: Transaction, table: str, name: str) -> None:
    """Delete a secondary index. Raises TableNotFound."""
    for index in transaction.catalog().main_table(table).indexes:
        if index.table.name == name:
            stored.remove_table(transaction.connection, index.table)
            transaction.schema_changed()
            return
    raise from_service("OTSObjectNotExist", f"Requested index '{name}' does not exist.")


def add_defined_columns(transaction: Transaction, name: str, columns: KeySchema) -> None:
    """Declare columns; one that has the same type already is no error. Raises TableNotFound, InvalidInput."""
    table = transaction.catalog().main_table(name)
    added = _new_defined(table, columns)
    _check_table(replace(table, defined=table.defined + added).schema)
    stored.add_columns(transaction.connection, table.id, "defined", added)
    transaction.schema_changed()


def delete_defined_columns(transaction: Transaction, name: str, columns: Sequence[str]) -> None:
    """Remove the declaration of columns; the values in rows stay. Raises TableNotFound, InvalidInput."""
    table = transaction.catalog().main_table(name)
    declared = dict(table.defined)
    for column in columns:
        if column not in declared:
            raise invalid(f"Defined column '{column}' does not exist.")
        for index in table.indexes:
            if column in (*index.table.names, *index.table.columns):
                raise invalid(f"Defined column '{column}' is used by index '{index.table.name}'.")
    transaction.connection.executemany(
        "DELETE FROM table_columns WHERE table_id = ? AND part = 'defined' AND name = ?",
        [(table.id, column) for column in columns],
    )
    transaction.schema_changed()


def create_search_index(
    transaction: Transaction, schema: SearchIndexSchema, definition: bytes | None, created_us: int, time_to_live_s: int
) -> None:
    """Create a search index, which holds all rows from its first moment.

    A field of a type that the engine does not know is described as it was created; a search that names it is refused.
    `definition` is the request of a client of the server, stored as it came. Raises TableNotFound, AlreadyExists,
    InvalidInput."""
    table = transaction.catalog().main_table(schema.table)
    check_name("index", schema.name)
    if schema.name in [other.name for _, other in table.searches]:
        raise from_service("OTSObjectAlreadyExist", f"search index [{schema.name}] already exists")
    names = [name for name, _ in schema.fields]
    if not 1 <= len(names) <= MAX_FIELDS:
        raise invalid(f"The number of fields must be in range: [1, {MAX_FIELDS}].")
    if len(set(names)) < len(names):
        raise invalid("Duplicated field name in the search index.")
    for name, kind in schema.fields:
        _check_field(table, name, kind)
    if table.max_versions != 1:
        raise invalid("Max versions of a table with a search index must be 1.")
    # Rows of the index live as long as those of the table or less, and cannot be updated where they expire.
    if time_to_live_s == 0 or time_to_live_s < -1:
        raise invalid("TimeToLive cannot be 0 or less than -1.")
    if -1 < table.time_to_live_s < time_to_live_s:
        raise invalid("The time to live of a search index cannot be longer than that of its table.")
    if table.allow_update and (table.time_to_live_s, time_to_live_s) != (-1, -1):
        raise invalid(_UPDATE_WITH_TTL)
    index_id = stored.add_search(transaction.connection, schema, definition, created_us)
    SearchIndex(table, index_id, schema).create(transaction.connection)
    transaction.schema_changed()


def describe_search(transaction: Transaction, table: str, name: str) -> SearchDescription:
    """Return what is known of a search index beside its schema. Raises TableNotFound."""
    find_index(transaction, table, name)
    found = transaction.execute(
        "SELECT definition, created_us FROM search_indexes WHERE table_name = ? AND name = ?", (table, name)
    )
    return SearchDescription(*found.fetchone())


def delete_search_index(transaction: Transaction, table: str, name: str) -> None:
    """Delete a search index; the rows stay. Raises TableNotFound."""
    find_index(transaction, table, name).drop(transaction.connection)
    stored.remove_search(transaction.connection, table, name)
    transaction.schema_changed()


def _check_new(catalog: Catalog, names: Sequence[str], index_count: int) -> None:
    """Raise AlreadyExists for names in use or given twice, and InvalidInput or the quota's error for too many."""
    if any(name in catalog.tables for name in names) or len(set(names)) < len(names):
        raise from_service("OTSObjectAlreadyExist", "Requested table already exists.")
    if index_count > MAX_INDEXES:
        raise invalid(f"Number of index per table exceeds the quota:{MAX_INDEXES}.")
    if len(catalog.tables) + len(names) > MAX_TABLES:
        raise from_service("OTSQuotaExhausted", f"Number of tables exceeds the quota:{MAX_TABLES}.")


def _new_defined(table: Table, defined: KeySchema) -> KeySchema:
    """Return the columns that the table does not define yet. Raises InvalidInput for one of another type."""
    known = dict(table.defined)
    for name, kind in defined:
        if known.get(name, kind) is not kind:
            raise invalid(f"Defined column '{name}' is of type {known[name]}, not {kind}.")
    return tuple((name, kind) for name, kind in dict(defined).items() if name not in known)


def _check_table(schema: TableSchema) -> None:
    """Raise InvalidInput for a name, key or defined columns that the service refuses."""
    check_name("table", schema.name)
    if not 1 <= len(schema.key) <= MAX_KEY_COLUMNS:
        raise invalid(f"The number of primary key columns must be in range: [1, {MAX_KEY_COLUMNS}].")
    names = [name for name, _ in schema.key]
    for name in names:
        check_name("column", name)
    _check_distinct(names, "Duplicated primary key name: '{}'.")
    for name, kind in schema.key:
        if kind not in SQL_TYPES:
            raise invalid(f"{kind} is an invalid type for the primary key column '{name}'.")
    if len(schema.defined_columns) > MAX_DEFINED_COLUMNS:
        raise invalid(f"The number of defined columns must be in range: [0, {MAX_DEFINED_COLUMNS}].")
    _check_distinct([*names, *(name for name, _ in schema.defined_columns)], "Duplicated column name: '{}'.")


def _check_distinct(names: Sequence[str], text: str) -> None:
    for place, name in enumerate(names):
        check_column_name(name)
        if name in names[:place]:
            raise invalid(text.format(name))


def _check_options(table: Table, *, indexed: bool) -> None:
    """Raise InvalidInput unless a table, with or without secondary or search indexes, may have its options."""
    lasting = table.time_to_live_s == -1
    if not lasting and table.time_to_live_s < 1:
        raise invalid("TimeToLive cannot be 0 or less than -1.")
    if not lasting and table.time_to_live_s < MIN_TIME_TO_LIVE_S:
        raise invalid(f"TimeToLive cannot be less than {MIN_TIME_TO_LIVE_S}.")
    if table.time_to_live_s > MAX_INT32:
        raise invalid(f"TimeToLive cannot be greater than {MAX_INT32}.")
    if table.max_versions < 1:
        raise versions_not_positive()
    if table.max_versions > MAX_INT32:
        raise invalid(f"The maximum versions cannot be greater than {MAX_INT32}.")
    if not 1 <= table.deviation_s <= MAX_DEVIATION_S:
        raise invalid(f"The deviation of cell versions must be in range: [1, {MAX_DEVIATION_S}].")
    if indexed and not lasting and table.allow_update:
        raise invalid(_UPDATE_WITH_TTL)
    if indexed and table.max_versions != 1:
        raise invalid("Max versions of a table with index must be 1.")


def _index_table(main: Table, index: IndexSchema) -> Table:
    """Return a secondary index as a table: its key ends in the missing columns of its table's key. Raises
    InvalidInput."""
    check_name("index", index.name)
    types = {**dict(main.defined), **dict(main.key)}
    _check_distinct(index.key, "Duplicated primary key name: '{}'.")
    if not 1 <= len(index.key) <= MAX_KEY_COLUMNS:
        raise invalid(f"The number of primary key columns must be in range: [1, {MAX_KEY_COLUMNS}] in index.")
    for name in (*index.key, *index.columns):
        if name not in types:
            raise invalid(f"Index '{index.name}' uses column '{name}', which the table does not define.")
    for name in index.key:
        if types[name] not in SQL_TYPES:
            raise invalid(f"{types[name]} is an invalid type for the primary key column '{name}'.")
    if not index.is_global and index.key[0] != main.names[0]:
        raise invalid(f"Local index '{index.name}' must begin with primary key column '{main.names[0]}'.")
    _check_distinct(index.columns, "Duplicated column name: '{}'.")
    key = [*index.key, *(name for name in main.names if name not in index.key)]
    for name in index.columns:
        if name in key:
            raise invalid(f"Index '{index.name}' carries column '{name}', which is in its key.")
    whole = tuple((name, types[name]) for name in key)
    return Table(0, index.name, whole, main.name, index.columns, is_global=index.is_global, own_columns=len(index.key))


def _check_field(table: Table, name: str, kind: FieldType) -> None:
    check_column_name(name, "field")
    column = dict(table.key).get(name)
    if column is not None and kind.name not in _KEY_FIELDS[column]:
        raise invalid(f"field: {name} of type {kind.name} cannot hold the primary key column of type {column.value}")
    if kind.analyzer is None:
        return
    if kind.name != "TEXT":
        raise invalid(f"field: {name} of type {kind.name} cannot have an analyzer")
    if kind.analyzer not in _ANALYZERS:
        raise invalid(f"Unsupported operation: 'analyzer {kind.analyzer} of field {name}'.")
    shortest = 1 if kind.min_chars is None else kind.min_chars
    longest = shortest if kind.max_chars is None else kind.max_chars
    if not 1 <= shortest <= longest <= shortest + _MAX_DIFFERENCE:
        raise invalid(f"field: {name} cannot be cut into parts of {shortest} to {longest} characters")
