"""Create, list, describe and delete search indexes.

An index holds all rows of its table from its first moment. A field of a type that the engine does not know is described
as it was created, and refused by a search that names it; one that contradicts itself is refused when it is created.
"""

from __future__ import annotations

from typing import NamedTuple

from tsmem.engine import catalog as stored
from tsmem.engine.definitions import schema_changed
from tsmem.engine.file.connections import Transaction
from tsmem.engine.indexes.search_index import SearchIndex, search_indexes
from tsmem.engine.service_errors import invalid, update_with_ttl
from tsmem.engine.tables import Table
from tsmem.errors import from_service
from tsmem.limits import check_column_name, check_name
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.rows import ColumnType

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


class SearchDescription(NamedTuple):
    """What is known of a search index beside its schema."""

    definition: bytes | None
    """The request of a client that created it; None where the port created it."""
    created_us: int
    """Microseconds since 1970 UTC; 0 where it was created by a tsmem that did not store it."""


def create_search_index(
    transaction: Transaction,
    schema: SearchIndexSchema,
    definition: bytes | None,
    created_us: int,
    time_to_live_s: int = -1,
) -> None:
    """Create a search index. `definition` is the request of a client of the server, stored as it came. Raises
    TableNotFound, AlreadyExists, InvalidInput."""
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
        check_column_name(name, "field")
        _check_key_column(table, name, kind)
        _check_analyzer(name, kind)
    if table.max_versions != 1:
        raise invalid("Max versions of a table with a search index must be 1.")
    # Rows of the index live as long as those of the table or less, and cannot be updated where they expire.
    if time_to_live_s == 0 or time_to_live_s < -1:
        raise invalid("TimeToLive cannot be 0 or less than -1.")
    if -1 < table.time_to_live_s < time_to_live_s:
        raise invalid("The time to live of a search index cannot be longer than that of its table.")
    if table.allow_update and (table.time_to_live_s, time_to_live_s) != (-1, -1):
        raise update_with_ttl()
    index_id = stored.add_search(transaction.connection, schema, definition, created_us)
    SearchIndex(table, index_id, schema).create(transaction.connection)
    schema_changed(transaction)


def _check_key_column(table: Table, name: str, kind: FieldType) -> None:
    column = dict(table.key).get(name)
    if column is not None and kind.name not in _KEY_FIELDS[column]:
        what = f"the primary key column of type {column.value}"
        raise invalid(f"field: {name} of type {kind.name} cannot hold {what}")


def _check_analyzer(name: str, kind: FieldType) -> None:
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


def describe_search(transaction: Transaction, table: str, name: str) -> SearchDescription:
    """Return what is known of a search index beside its schema. Raises TableNotFound."""
    find_index(transaction, table, name)
    found = transaction.execute(
        "SELECT definition, created_us FROM search_indexes WHERE table_name = ? AND name = ?", (table, name)
    )
    return SearchDescription(*found.fetchone())


def find_index(transaction: Transaction, table: str, name: str) -> SearchIndex:
    """Return a search index. Raises TableNotFound."""
    for index in search_indexes(transaction.catalog().main_table(table)):
        if index.schema.name == name:
            return index
    raise from_service("OTSObjectNotExist", f"search index [{name}] does not exist")


def delete_search_index(transaction: Transaction, table: str, name: str) -> None:
    """Delete a search index; the rows stay. Raises TableNotFound."""
    find_index(transaction, table, name).drop(transaction.connection)
    stored.remove_search(transaction.connection, table, name)
    schema_changed(transaction)
