"""The write path: PutRow, UpdateRow, DeleteRow and BatchWriteRow.

`engine.py` calls `write_batch`. It first checks each write as far as that is possible without the old row. Then it
takes one write after the other: it reads the old row if necessary, tests the condition, computes the new row
(`changes.py`), and writes it with its index entries (`indexes/maintenance.py`).

A row can only fail before its first SQL change, so that no savepoint is needed. A batch is one transaction: after a
crash, all of its valid rows are there, or none. The version of its cells is the time at which it began.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tsmem.engine.catalog import Catalog
from tsmem.engine.file.connections import Transaction
from tsmem.engine.indexes.maintenance import NewRow, RowWriter, new_row
from tsmem.engine.requests import MAX_ROWS_PER_TRANSACTION, WriteReply, invalid
from tsmem.engine.rows.cells import pack, pack_cells, size_of, unpack_cells
from tsmem.engine.rows.changes import (
    Change,
    Returned,
    RowChange,
    as_change,
    cells_after,
    check_change,
    check_deviation,
    returned_row,
)
from tsmem.engine.rows.filters import Predicate, Versions, compile_filter
from tsmem.engine.tables import Table
from tsmem.errors import InvalidInput, TsmemError, from_service
from tsmem.limits import capacity_units, check_batch
from tsmem.port import Cost
from tsmem.rows import UNCONDITIONAL, Existence, Write


class Draft(NamedTuple):
    """A write after the checks that do not need the old row."""

    change: RowChange
    table: Table
    size: int = 0
    """The size of the write in bytes."""
    passes: Predicate | None = None
    """The compiled column condition, if the write has one."""
    error: TsmemError | None = None
    """The reason why the row cannot be written."""


def write_batch(transaction: Transaction, writes: Sequence[Write | RowChange], version_ms: int) -> list[WriteReply]:
    """Write the rows of a batch in order. If a row fails, its reply has the error. Raises TableNotFound, and
    InvalidInput for an error that concerns the whole batch."""
    drafts = _draft_batch(transaction.catalog(), writes)
    writer = RowWriter(transaction)
    replies = [_write(transaction, writer, draft, version_ms) for draft in drafts]
    writer.finish()
    return replies


def _draft_batch(catalog: Catalog, writes: Sequence[Write | RowChange]) -> list[Draft]:
    check_batch(writes, (), MAX_ROWS_PER_TRANSACTION)  # type: ignore[arg-type] # it uses only their number
    tables = {name: catalog.writable(name) for name in dict.fromkeys(write.table.name for write in writes)}
    drafts = [_draft(tables[write.table.name], as_change(write)) for write in writes]
    check_batch(writes, [draft.size for draft in drafts], MAX_ROWS_PER_TRANSACTION)  # type: ignore[arg-type]
    valid = [draft.change for draft in drafts if draft.error is None]  # an invalid key can equal a valid one: True == 1
    distinct = len({(change.table.name, change.key) for change in valid})
    if distinct < len(valid) and any(write.condition.existence is not Existence.IGNORE for write in writes):
        raise invalid("Repeated rows do not support row exist expectation check in BatchModify.")
    return drafts


def _draft(table: Table, change: RowChange) -> Draft:
    try:
        table.check_key(change.table, change.key)
        size = check_change(table, change)
        condition = change.condition.filter
        return Draft(change, table, size, None if condition is None else compile_filter(condition, table.key_names))
    except TsmemError as error:
        return Draft(change, table, error=error)


def _write(transaction: Transaction, writer: RowWriter, draft: Draft, version_ms: int) -> WriteReply:
    """Write one row. A failed condition, and text too long for the key of an index, are errors in the reply."""
    if draft.error is not None:
        return WriteReply(draft.error, Cost())
    change, table, condition = draft.change, draft.table, draft.change.condition
    old: bytes | None = None
    row: NewRow | None = None
    try:
        check_deviation(table, change.cells, version_ms)
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
                return WriteReply(None, _cost(draft, None), returned_row(change, row.cells))
        if change.change is Change.UPDATE or table.needs_old_row or condition is not UNCONDITIONAL:
            found = transaction.execute(table.read_sql, change.key).fetchone()
            old = None if found is None else found[0]
        if not _is_condition_met(draft, old):
            return WriteReply(from_service("OTSConditionCheckFail", "Condition check failed."), Cost(0, 1, 1))
        row = _row_after(table, change, old, version_ms)
        writer.write(table, change.key, old, row)
    except InvalidInput as error:
        return WriteReply(error, Cost())
    return WriteReply(None, _cost(draft, old), returned_row(change, () if row is None else row.cells))


def _row_after(table: Table, change: RowChange, old: bytes | None, version_ms: int) -> NewRow | None:
    """Return the row after a write. Return None after a deletion, and if an update of a missing row writes nothing."""
    if change.change is Change.DELETE:
        return None
    size = table.key_bytes(change.key)
    if change.is_plain_put and change.returned is Returned.NOTHING:
        versions_ms = dict.fromkeys(change.columns, version_ms)
        return NewRow(pack(size, change.columns, version_ms), change.columns, versions_ms)
    cells = cells_after(table, change, old, version_ms)
    if old is None and not cells and change.change is Change.UPDATE:
        return None
    return new_row(pack_cells(size, cells), cells)


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
