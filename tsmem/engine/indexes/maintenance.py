"""The entries of secondary and search indexes, kept in step with their table.

Its one rule: a change of a row is planned here as SQL before any of it runs, and an old entry's deletion stands before
the new one's insertion. A row has an entry where it has every key column of the index in the declared type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tsmem.engine.file.connections import Transaction
from tsmem.engine.file.statements import Statement
from tsmem.engine.rows.cells import Cell, unpack_cells, unpack_some
from tsmem.engine.tables import SecondaryIndex, Table
from tsmem.rows import Key, Value

if TYPE_CHECKING:
    from tsmem.engine.indexes.search_index import SearchIndex

_NO_STAMPS: Mapping[str, int] = {}


def of_write(
    table: Table, key: Key, old: bytes | None, columns: Mapping[str, Value], stamps: Mapping[str, int]
) -> list[Statement]:
    """What a row that is written with these columns changes in its table's secondary indexes. `old` may be unread where
    every index follows the key."""
    changes: list[Statement] = []
    for index in table.indexes:
        entry = index.entry_key(key, columns)
        before = _entry_before(index, key, old)
        if before is not None and before != entry:
            changes.append((index.table.delete_sql, before))
        if entry is not None and (before != entry or index.table.columns):
            changes.append((index.table.write_sql, (*entry, index.entry_blob(entry, columns, stamps))))
    return changes


class Planned(NamedTuple):
    """A change of a row before any of it is done."""

    row: Statement | None
    """Of the row itself; None where nothing is changed."""
    of_indexes: list[Statement]
    """Of its secondary indexes."""
    cells: list[Cell]
    """The row's after it."""
    columns: Mapping[str, Value] | None
    """The row's after it; None where it goes, or never was."""
    old: bytes | None
    """The row's cells before it; None where there was none."""


def of_delete(table: Table, key: Key, old: bytes | None) -> list[Statement]:
    """What the deletion of a row changes in its table's secondary indexes, before the row itself goes."""
    changes: list[Statement] = []
    for index in table.indexes:
        before = index.entry_key(key, {}) if index.follows_key else _entry_before(index, key, old)
        if before is not None:
            changes.append((index.table.delete_sql, before))
    return changes


def apply_planned(transaction: Transaction, table: Table, key: Key, planned: Planned, texts: list[Statement]) -> None:
    """Do it, and what it changes in the table's search indexes: those know a row by where it stands. What it changes in
    their trigram tables is added to `texts`."""
    if planned.row is None:
        return
    searches = _searches(table)
    if planned.columns is None and planned.old is not None:
        for search in searches:
            texts += search.delete(transaction.execute, key, planned.old)
    doc = transaction.execute(*planned.row).lastrowid
    for statement in planned.of_indexes:
        transaction.execute(*statement)
    if planned.columns is not None:
        for search in searches:
            if planned.old is not None:
                texts += search.replace(transaction.execute, key, planned.old, planned.columns)
            elif doc is not None:
                texts += search.insert(transaction.execute, doc, key, planned.columns)


def insert_planned(transaction: Transaction, table: Table, key: Key, planned: Planned, texts: list[Statement]) -> bool:
    """Write a row as `apply_planned` does, if it is not there yet. False if it is: nothing was changed."""
    assert planned.row is not None
    assert planned.columns is not None
    inserted = transaction.execute(table.insert_sql, planned.row[1])
    if not inserted.rowcount:
        return False
    for statement in planned.of_indexes:
        transaction.execute(*statement)
    for search in _searches(table):
        texts += search.insert(transaction.execute, inserted.lastrowid or 0, key, planned.columns)
    return True


def _searches(table: Table) -> Sequence[SearchIndex]:
    if not table.searches:
        return ()
    from tsmem.engine.indexes.search_index import search_indexes

    return search_indexes(table)


def _entry_before(index: SecondaryIndex, key: Key, old: bytes | None) -> Key | None:
    return None if old is None else index.entry_key(key, unpack_some(old, index.wanted)[1])


def build_secondary_index(transaction: Transaction, table: Table, index: SecondaryIndex) -> None:
    """Make the entries of all rows that are there."""
    cursor = transaction.connection.execute(f"SELECT * FROM t{table.id}")  # noqa: S608 - an id only
    for *values, blob in cursor:
        key: Key = tuple(values)
        latest = {cell.name: cell for cell in reversed(unpack_cells(blob))}
        columns = {name: cell.value for name, cell in latest.items()}
        entry = index.entry_key(key, columns)
        if entry is not None:
            stamps = {name: cell.version_ms for name, cell in latest.items()} if index.table.columns else _NO_STAMPS
            transaction.execute(index.table.write_sql, (*entry, index.entry_blob(entry, columns, stamps)))
