"""The write path: PutRow, UpdateRow, DeleteRow and BatchWriteRow. Each row is written with its entries in indexes.

A row can only fail before its first SQL change, so that no savepoint is needed. A batch is one transaction: after a
crash, all of its valid rows are there, or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from tsmem.engine.catalog import Catalog, SecondaryIndex, Table
from tsmem.engine.file.connections import MAX_ROWS_PER_TRANSACTION, Statement, Transaction, run_statements
from tsmem.engine.rows import changes
from tsmem.engine.rows.cells import Cell, CellRow, pack, pack_cells, size_of, unpack_cells, unpack_columns
from tsmem.engine.rows.changes import Change, Returned, RowChange
from tsmem.engine.rows.filters import Predicate, Versions, compile_filter
from tsmem.errors import InvalidInput, TsmemError, from_service, invalid
from tsmem.limits import capacity_units, check_batch
from tsmem.port import Cost
from tsmem.rows import UNCONDITIONAL, Existence, Key, Value, Write

if TYPE_CHECKING:
    from tsmem.engine.indexes.search_index import SearchIndex


class WriteReply(NamedTuple):
    error: TsmemError | None
    cost: Cost
    """A write whose condition failed has a cost, too."""
    row: CellRow | None = None


class NewRow(NamedTuple):
    blob: bytes
    """All its cells, packed."""
    columns: Mapping[str, Value]
    """The latest value of each column."""
    versions_ms: Mapping[str, int]
    cells: Sequence[Cell] = ()
    """The row's cells. They can be left out if the request does not ask for the row."""


class Draft(NamedTuple):
    """A write after the checks that do not need the old row."""

    change: RowChange
    table: Table
    size: int = 0
    passes: Predicate | None = None
    error: TsmemError | None = None


def write_batch(transaction: Transaction, writes: Sequence[Write | RowChange], version_ms: int) -> list[WriteReply]:
    """Write the rows of a batch in order. If a row fails, its reply has the error. An error that concerns the whole
    batch is raised."""
    drafts = _draft_batch(transaction.catalog(), writes)
    writer = _RowWriter(transaction)
    replies = [_write(transaction, writer, draft, version_ms) for draft in drafts]
    writer.finish()
    return replies


def _draft_batch(catalog: Catalog, writes: Sequence[Write | RowChange]) -> list[Draft]:
    check_batch(writes, (), MAX_ROWS_PER_TRANSACTION)  # type: ignore[arg-type] # it uses only their number
    tables = {name: catalog.writable(name) for name in dict.fromkeys(write.table.name for write in writes)}
    drafts = [_draft(tables[write.table.name], changes.as_change(write)) for write in writes]
    check_batch(writes, [draft.size for draft in drafts], MAX_ROWS_PER_TRANSACTION)  # type: ignore[arg-type]
    valid = [draft.change for draft in drafts if draft.error is None]  # an invalid key can equal a valid one: True == 1
    distinct = len({(change.table.name, change.key) for change in valid})
    if distinct < len(valid) and any(write.condition.existence is not Existence.IGNORE for write in writes):
        raise invalid("Repeated rows do not support row exist expectation check in BatchModify.")
    return drafts


def _draft(table: Table, change: RowChange) -> Draft:
    try:
        table.check_key(change.table, change.key)
        size = changes.check_change(table, change)
        condition = change.condition.filter
        return Draft(change, table, size, None if condition is None else compile_filter(condition, table.key_names))
    except TsmemError as error:
        return Draft(change, table, error=error)


def _write(transaction: Transaction, writer: _RowWriter, draft: Draft, version_ms: int) -> WriteReply:
    if draft.error is not None:
        return WriteReply(draft.error, Cost())
    change, table, condition = draft.change, draft.table, draft.change.condition
    old: bytes | None = None
    row: NewRow | None = None
    try:
        changes.check_deviation(table, change.cells, version_ms)
        if (
            change.change is Change.PUT
            and table.search_descriptions
            and draft.passes is None
            and condition.existence is not Existence.EXPECT_EXIST
        ):
            # Most rows are new, so try an insert before reading the old row: this makes an import a tenth faster
            # (measured).
            row = _row_after(table, change, None, version_ms)
            if row is not None and writer.write(table, change.key, None, row, only_new=True):
                return WriteReply(None, _cost(draft, None), changes.returned_row(change, row.cells))
        if change.change is Change.UPDATE or table.needs_old_row or condition is not UNCONDITIONAL:
            found = transaction.execute(table.read_sql, change.key).fetchone()
            old = None if found is None else found[0]
        if not _is_condition_met(draft, old):
            return WriteReply(from_service("OTSConditionCheckFail", "Condition check failed."), Cost(0, 1, 1))
        row = _row_after(table, change, old, version_ms)
        writer.write(table, change.key, old, row)
    except InvalidInput as error:
        return WriteReply(error, Cost())
    return WriteReply(None, _cost(draft, old), changes.returned_row(change, () if row is None else row.cells))


def _row_after(table: Table, change: RowChange, old: bytes | None, version_ms: int) -> NewRow | None:
    """Return None after a deletion, and if an update of a missing row writes nothing."""
    if change.change is Change.DELETE:
        return None
    size = table.key_bytes(change.key)
    if change.is_plain_put and change.returned is Returned.NOTHING:
        versions_ms = dict.fromkeys(change.columns, version_ms)
        return NewRow(pack(size, change.columns, version_ms), change.columns, versions_ms)
    cells = changes.cells_after(table, change, old, version_ms)
    if old is None and not cells and change.change is Change.UPDATE:
        return None
    return _new_row(pack_cells(size, cells), cells)


def _is_condition_met(draft: Draft, old: bytes | None) -> bool:
    condition = draft.change.condition
    if condition.existence is (Existence.EXPECT_EXIST if old is None else Existence.EXPECT_NOT_EXIST):
        return False
    if draft.passes is None:
        return True
    cells = () if old is None else unpack_cells(old)
    return draft.passes(draft.change.key, Versions(cells, draft.table.schema.max_versions))


def _cost(draft: Draft, old: bytes | None) -> Cost:
    read = 0
    if draft.passes is not None:
        read = capacity_units(0 if old is None else size_of(old))
    elif draft.change.condition.existence is not Existence.IGNORE:
        read = 1
    return Cost(0, read, capacity_units(draft.size))


def _new_row(blob: bytes, cells: Sequence[Cell]) -> NewRow:
    """The versions of one column must be newest first."""
    latest = {cell.name: cell for cell in reversed(cells)}
    values = {name: cell.value for name, cell in latest.items()}
    return NewRow(blob, values, {name: cell.version_ms for name, cell in latest.items()}, cells)


class _RowWriter:
    """Writes the rows of one batch. The caller must call `finish` after the last row."""

    def __init__(self, transaction: Transaction) -> None:
        self._connection = transaction.connection
        self._trigram_changes: list[Statement] = []
        """Run together by `finish`: they take a third longer if other statements run in between (measured)."""

    def write(self, table: Table, key: Key, old: bytes | None, row: NewRow | None, *, only_new: bool = False) -> bool:
        """Insert or replace a row, or delete it if `row` is None. `old` are the packed cells of the existing row; it
        can be None if there is none, or if the table does not need the old row. With `only_new`, an
        existing row is left alone, and False is returned. Raises LimitExceeded for a text that is too long for the key
        of an index."""
        connection = self._connection
        entries = _entry_changes(table, key, old, row)
        if row is None:
            if old is not None:
                for search in _search_indexes(table):  # before the row, because the index looks up its rowid
                    self._trigram_changes += search.delete(connection, key, old)
            connection.execute(table.delete_sql, key)
        else:
            written = connection.execute(table.insert_sql if only_new else table.upsert_sql, (*key, row.blob))
            if not written.rowcount:
                return False
            for search in _search_indexes(table):
                if old is not None:
                    self._trigram_changes += search.replace(connection, key, old, row.columns)
                elif written.lastrowid is not None:
                    self._trigram_changes += search.insert(connection, written.lastrowid, key, row.columns)
        for statement in entries:
            connection.execute(*statement)
        return True

    def finish(self) -> None:
        run_statements(self._connection, self._trigram_changes)


def _entry_changes(table: Table, key: Key, old: bytes | None, row: NewRow | None) -> list[Statement]:
    entry_changes: list[Statement] = []
    for index in table.indexes:
        old_key = None
        if index.attribute_columns and old is not None:
            old_key = index.entry_key(key, unpack_columns(old, index.attribute_columns)[1])
        elif not index.attribute_columns and (old is not None or row is None):
            old_key = index.entry_key(key, {})
        entry = None if row is None else index.entry(key, row.columns, row.versions_ms)
        new_key = None if entry is None else entry[:-1]
        if old_key is not None and old_key != new_key:
            entry_changes.append((index.delete_sql, old_key))
        if entry is not None and (old_key != new_key or index.index.columns):
            entry_changes.append((index.upsert_sql, entry))
    return entry_changes


def _search_indexes(table: Table) -> Sequence[SearchIndex]:
    if not table.search_descriptions:
        return ()
    from tsmem.engine.indexes.search_index import search_indexes

    return search_indexes(table)


def build_secondary_index(transaction: Transaction, table: Table, index: SecondaryIndex) -> None:
    for *values, blob in transaction.execute(f"SELECT * FROM t{table.id}"):  # noqa: S608 - an id only
        row = _new_row(blob, unpack_cells(blob))
        entry = index.entry(tuple(values), row.columns, row.versions_ms)
        if entry is not None:
            transaction.execute(index.upsert_sql, entry)
