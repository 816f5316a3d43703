"""The SQL that writes and deletes rows, and keeps their entries in secondary and search indexes in step.

Called by `rows/writes.py` for each row. What cannot be indexed is found before any SQL runs, so that a row that fails
changes nothing. A row has an entry in a secondary index if it has every key column of the index in the declared type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tsmem.engine.file.connections import Statement, Transaction, run_statements
from tsmem.engine.rows.cells import Cell, unpack_cells, unpack_some
from tsmem.engine.tables import SecondaryIndex, Table
from tsmem.rows import Key, Value

if TYPE_CHECKING:
    from tsmem.engine.indexes.search_index import SearchIndex


class NewRow(NamedTuple):
    blob: bytes
    columns: Mapping[str, Value]
    stamps: Mapping[str, int]
    cells: Sequence[Cell] = ()
    """All cells, if the write returns some of them."""


def row_of_cells(blob: bytes, cells: Sequence[Cell]) -> NewRow:
    """Return a row from its cells, versions newest first."""
    latest = {cell.name: cell for cell in reversed(cells)}
    values = {name: cell.value for name, cell in latest.items()}
    return NewRow(blob, values, {name: cell.version_ms for name, cell in latest.items()}, cells)


class RowWriter:
    """Writes the rows of one batch. `finish` must be called at its end."""

    def __init__(self, transaction: Transaction) -> None:
        self._connection = transaction.connection
        self._texts: list[Statement] = []
        """Changes of the trigram tables. All run together: between other statements FTS5 takes a third longer
        (measured)."""

    def write(self, table: Table, key: Key, old: bytes | None, row: NewRow | None, *, only_new: bool = False) -> bool:
        """Insert or replace a row; without `row`, delete it if it exists. `old` are the cells that it has, None for a
        new row, or for any row if the table needs no old row. With `only_new`, change nothing and return False if the
        row exists. Raises LimitExceeded for a text that is too long for the key of an index."""
        execute = self._connection.execute
        entries = _entry_changes(table, key, old, row)
        if row is None:
            if old is not None:
                for search in _searches(table):  # a search index finds the row by its rowid
                    self._texts += search.delete(execute, key, old)
            execute(table.delete_sql, key)
        else:
            written = execute(table.insert_sql if only_new else table.write_sql, (*key, row.blob))
            if not written.rowcount:
                return False
            for search in _searches(table):
                if old is not None:
                    self._texts += search.replace(execute, key, old, row.columns)
                elif written.lastrowid is not None:
                    self._texts += search.insert(execute, written.lastrowid, key, row.columns)
        for statement in entries:
            execute(*statement)
        return True

    def finish(self) -> None:
        run_statements(self._connection, self._texts)


def _entry_changes(table: Table, key: Key, old: bytes | None, row: NewRow | None) -> list[Statement]:
    """Return the SQL for a row's entries in secondary indexes. A deletion has no `row`."""
    changes: list[Statement] = []
    for index in table.indexes:
        before = None
        if index.wanted and old is not None:
            before = index.entry_key(key, unpack_some(old, index.wanted)[1])
        elif not index.wanted and (old is not None or row is None):
            before = index.entry_key(key, {})
        entry = None if row is None else index.entry_key(key, row.columns)
        if before is not None and before != entry:
            changes.append((index.delete_sql, before))
        if row is not None and entry is not None and (before != entry or index.index.columns):
            changes.append((index.write_sql, (*entry, index.entry_blob(entry, row.columns, row.stamps))))
    return changes


def _searches(table: Table) -> Sequence[SearchIndex]:
    if not table.searches:
        return ()
    from tsmem.engine.indexes.search_index import search_indexes

    return search_indexes(table)


def build_secondary_index(transaction: Transaction, table: Table, index: SecondaryIndex) -> None:
    for *values, blob in transaction.connection.execute(f"SELECT * FROM t{table.id}"):  # noqa: S608 - an id only
        row = row_of_cells(blob, unpack_cells(blob))
        entry = index.entry_key(tuple(values), row.columns)
        if entry is not None:
            transaction.execute(index.write_sql, (*entry, index.entry_blob(entry, row.columns, row.stamps)))
