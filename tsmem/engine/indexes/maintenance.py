"""Writes and deletes rows, together with their entries in secondary and search indexes.

`rows/writes.py` calls a `RowWriter` with each row of a batch, and `definitions.py` calls `build_secondary_index` for a
new index. The entries of a row are computed before any SQL runs, so that a row that cannot be indexed changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tsmem.engine.file.connections import Statement, Transaction, run_statements
from tsmem.engine.rows.cells import Cell, unpack_cells, unpack_columns
from tsmem.engine.tables import SecondaryIndex, Table
from tsmem.rows import Key, Value

if TYPE_CHECKING:
    from tsmem.engine.indexes.search_index import SearchIndex


class NewRow(NamedTuple):
    """A row to write."""

    blob: bytes
    """Its packed cells."""
    columns: Mapping[str, Value]
    """The latest values of its columns."""
    versions_ms: Mapping[str, int]
    """The versions of those values."""
    cells: Sequence[Cell] = ()
    """All its cells; empty if the write returns none of them."""


def new_row(blob: bytes, cells: Sequence[Cell]) -> NewRow:
    """Return a row to write. The versions of one column are newest first."""
    latest = {cell.name: cell for cell in reversed(cells)}
    values = {name: cell.value for name, cell in latest.items()}
    return NewRow(blob, values, {name: cell.version_ms for name, cell in latest.items()}, cells)


class RowWriter:
    """Writes the rows of one batch. The caller must call `finish` after the last row."""

    def __init__(self, transaction: Transaction) -> None:
        self._connection = transaction.connection
        self._trigram_changes: list[Statement] = []
        """Changes of the trigram tables. `finish` runs them together, because they take a third longer if other
        statements run in between (measured)."""

    def write(self, table: Table, key: Key, old: bytes | None, row: NewRow | None, *, only_new: bool = False) -> bool:
        """Insert or replace a row, or delete it if `row` is None. `old` are the packed cells of the existing row. It is
        None if the row does not exist, and can be None if the table does not need the old row. With `only_new`, change
        nothing and return False if the row exists. Raises LimitExceeded for a text that is too long for the key of an
        index."""
        execute = self._connection.execute
        entries = _entry_changes(table, key, old, row)
        if row is None:
            if old is not None:
                for search in _search_indexes(table):  # before the row, because the index looks up its rowid
                    self._trigram_changes += search.delete(execute, key, old)
            execute(table.delete_sql, key)
        else:
            written = execute(table.insert_sql if only_new else table.upsert_sql, (*key, row.blob))
            if not written.rowcount:
                return False
            for search in _search_indexes(table):
                if old is not None:
                    self._trigram_changes += search.replace(execute, key, old, row.columns)
                elif written.lastrowid is not None:
                    self._trigram_changes += search.insert(execute, written.lastrowid, key, row.columns)
        for statement in entries:
            execute(*statement)
        return True

    def finish(self) -> None:
        run_statements(self._connection, self._trigram_changes)


def _entry_changes(table: Table, key: Key, old: bytes | None, row: NewRow | None) -> list[Statement]:
    """Return the changes of a row's entries in secondary indexes. `row` is None for a deletion."""
    changes: list[Statement] = []
    for index in table.indexes:
        old_key = None
        if index.attribute_columns and old is not None:
            old_key = index.entry_key(key, unpack_columns(old, index.attribute_columns)[1])
        elif not index.attribute_columns and (old is not None or row is None):
            old_key = index.entry_key(key, {})
        entry = None if row is None else index.entry(key, row.columns, row.versions_ms)
        new_key = None if entry is None else entry[:-1]
        if old_key is not None and old_key != new_key:
            changes.append((index.delete_sql, old_key))
        if entry is not None and (old_key != new_key or index.index.columns):
            changes.append((index.upsert_sql, entry))
    return changes


def _search_indexes(table: Table) -> Sequence[SearchIndex]:
    if not table.search_descriptions:
        return ()
    from tsmem.engine.indexes.search_index import search_indexes

    return search_indexes(table)


def build_secondary_index(transaction: Transaction, table: Table, index: SecondaryIndex) -> None:
    """Write the entries of all rows into a new index."""
    for *values, blob in transaction.connection.execute(f"SELECT * FROM t{table.id}"):  # noqa: S608 - an id only
        row = new_row(blob, unpack_cells(blob))
        entry = index.entry(tuple(values), row.columns, row.versions_ms)
        if entry is not None:
            transaction.execute(index.upsert_sql, entry)
