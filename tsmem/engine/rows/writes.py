"""The one path on which rows are written: PutRow, UpdateRow, DeleteRow and BatchWriteRow.

`engine.py` calls `write_batch`, which first checks each write without its row. Then, one after the other, it reads the
old row if it must, tests the condition, computes the new row (`changes.py`), and writes it with its index entries
(`indexes/maintenance.py`).

A row fails before its first SQL change or not at all, so that it needs no savepoint, and a batch is one transaction:
after a crash all of its good rows are there, or nothing of it. All cells of a batch carry one version, the clock's
millisecond when the transaction began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tsmem.engine.catalog import Catalog
from tsmem.engine.file.connections import Transaction
from tsmem.engine.indexes.maintenance import NewRow, RowWriter, row_of_cells
from tsmem.engine.requests import MAX_ROWS_PER_TRANSACTION, WriteReply, invalid
from tsmem.engine.rows.cells import pack, pack_cells, unpack, unpack_cells
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
from tsmem.engine.rows.filters import Predicate, Versions, compile_filter, needs_versions
from tsmem.engine.tables import Table
from tsmem.errors import InvalidInput, TsmemError, from_service
from tsmem.limits import capacity_units, check_batch
from tsmem.port import Cost
from tsmem.rows import UNCONDITIONAL, Existence, Value, Write


class Draft(NamedTuple):
    """The write of one row, checked as far as that is possible without the row."""

    change: RowChange
    table: Table
    size: int = 0
    passes: Predicate | None = None
    error: TsmemError | None = None
    """The reason why the row is not written."""


def write_batch(transaction: Transaction, writes: Sequence[Write | RowChange], version_ms: int) -> list[WriteReply]:
    """Write the rows of a batch in their order, each with its index entries. Raises TableNotFound, and InvalidInput for
    a batch that is wrong as a whole; the error of one row is in its reply."""
    drafts = _draft_batch(transaction.catalog(), writes)
    writer = RowWriter(transaction)
    replies = [_write(transaction, writer, draft, version_ms) for draft in drafts]
    writer.finish()
    return replies


def _draft_batch(catalog: Catalog, writes: Sequence[Write | RowChange]) -> list[Draft]:
    check_batch(writes, (), MAX_ROWS_PER_TRANSACTION)  # type: ignore[arg-type] # it only counts them
    tables = {name: catalog.writable(name) for name in dict.fromkeys(write.table.name for write in writes)}
    drafts = [_draft(tables[write.table.name], as_change(write)) for write in writes]
    check_batch(writes, [draft.size for draft in drafts], MAX_ROWS_PER_TRANSACTION)  # type: ignore[arg-type]
    sound = [draft.change for draft in drafts if draft.error is None]  # a wrong key may equal a right one: True == 1
    distinct = len({(change.table.name, change.key) for change in sound})
    if distinct < len(sound) and any(write.condition.existence is not Existence.IGNORE for write in writes):
        raise invalid("Repeated rows do not support row exist expectation check in BatchModify.")
    return drafts


def _draft(table: Table, change: RowChange) -> Draft:
    try:
        table.check_key(change.table, change.key)
        size = check_change(table, change)
        test = change.condition.filter
        return Draft(change, table, size, None if test is None else compile_filter(test, table.names))
    except TsmemError as error:
        return Draft(change, table, error=error)


def _write(transaction: Transaction, writer: RowWriter, draft: Draft, version_ms: int) -> WriteReply:
    """Write one row. A condition that does not hold, or a key of an index that is too long, is in the reply."""
    if draft.error is not None:
        return WriteReply(draft.error, Cost())
    change, table, condition = draft.change, draft.table, draft.change.condition
    old: bytes | None = None
    row: NewRow | None = None
    try:
        check_deviation(table, change.cells, version_ms)
        if (
            change.change is Change.PUT
            and table.searches
            and draft.passes is None
            and condition.existence is not Existence.EXPECT_EXIST
        ):
            # Most rows are new. An insert that succeeds saves reading the old row: a tenth of an import (measured).
            row = _row_after(table, change, None, version_ms)
            if row is not None and writer.write(table, change.key, None, row, only_new=True):
                return WriteReply(None, _cost(draft, None), returned_row(change, row.cells))
        if change.change is Change.UPDATE or table.needs_old_row or condition is not UNCONDITIONAL:
            found = transaction.execute(table.read_sql, change.key).fetchone()
            old = None if found is None else found[0]
        if not _holds(draft, old):
            return WriteReply(from_service("OTSConditionCheckFail", "Condition check failed."), Cost(0, 1, 1))
        row = _row_after(table, change, old, version_ms)
        writer.write(table, change.key, old, row)
    except InvalidInput as error:
        return WriteReply(error, Cost())
    return WriteReply(None, _cost(draft, old), returned_row(change, () if row is None else row.cells))


def _row_after(table: Table, change: RowChange, old: bytes | None, version_ms: int) -> NewRow | None:
    """Return the row after a write; None after a deletion, and if an update leaves no row where there was none."""
    if change.change is Change.DELETE:
        return None
    size = table.key_bytes(change.key)
    if change.is_plain_put and change.returned is Returned.NOTHING:
        stamps = dict.fromkeys(change.columns, version_ms)
        return NewRow(pack(size, change.columns, version_ms), change.columns, stamps)
    cells = cells_after(table, change, old, version_ms)
    if old is None and not cells and change.change is Change.UPDATE:
        return None
    return row_of_cells(pack_cells(size, cells), cells)


def _holds(draft: Draft, old: bytes | None) -> bool:
    condition = draft.change.condition
    if condition.existence is (Existence.EXPECT_EXIST if old is None else Existence.EXPECT_NOT_EXIST):
        return False
    if draft.passes is None or condition.filter is None:
        return True
    columns: Mapping[str, Value]
    if needs_versions(condition.filter):
        columns = Versions(() if old is None else unpack_cells(old), draft.table.schema.max_versions)
    else:
        columns = {} if old is None else unpack(old)[1]
    return draft.passes(draft.change.key, columns)


def _cost(draft: Draft, old: bytes | None) -> Cost:
    read = 0
    if draft.passes is not None:
        read = capacity_units(0 if old is None else unpack(old)[0])
    elif draft.change.condition.existence is not Existence.IGNORE:
        read = 1
    return Cost(0, read, capacity_units(draft.size))
