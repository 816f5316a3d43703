"""PutRow, UpdateRow, DeleteRow and BatchWriteRow.

Its one rule: whether a row is written is decided before its first SQL change, so that a failed row needs no savepoint
and a batch is one transaction: after a crash all of its good rows are there, or none is. All cells of a batch carry one
version, the clock's millisecond when the transaction began.
"""

from __future__ import annotations

from collections.abc import Sequence

from tsmem.engine import service_errors
from tsmem.engine.catalog import Catalog
from tsmem.engine.file.connections import Transaction
from tsmem.engine.file.statements import Statement, run_statements
from tsmem.engine.indexes import maintenance
from tsmem.engine.requests import MAX_ROWS_PER_TRANSACTION, WriteReply
from tsmem.engine.rows.cells import pack, pack_cells
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
from tsmem.engine.rows.checked_writes import CONDITION_FAILED, CheckedWrite, cost, holds, old_row
from tsmem.engine.rows.filters import compile_filter
from tsmem.engine.tables import Table
from tsmem.errors import InvalidInput, TsmemError
from tsmem.limits import check_batch
from tsmem.port import Cost
from tsmem.rows import Existence, Write


def draft_batch(catalog: Catalog, writes: Sequence[Write | RowChange]) -> list[CheckedWrite]:
    """Check a batch. Raises what is wrong with it as a whole; what is wrong with one row is in its draft."""
    if not 0 < len(writes) <= MAX_ROWS_PER_TRANSACTION:
        check_batch(writes, (), MAX_ROWS_PER_TRANSACTION)  # type: ignore[arg-type] # it only counts them
    tables = {name: _writable(catalog, name) for name in dict.fromkeys(write.table.name for write in writes)}
    drafts = [_draft(tables[write.table.name], write) for write in writes]
    check_batch(writes, [draft.size for draft in drafts], MAX_ROWS_PER_TRANSACTION)  # type: ignore[arg-type]
    sound = [draft.write for draft in drafts if draft.error is None]  # a wrong key may equal a right one: True == 1
    distinct = len({(write.table.name, write.key) for write in sound})
    if distinct < len(sound) and any(write.condition.existence is not Existence.IGNORE for write in writes):
        raise service_errors.repeated_rows()
    return drafts


def _writable(catalog: Catalog, name: str) -> Table:
    table = catalog.table(name)
    if table.main is not None:
        raise service_errors.write_to_index()
    return table


def _draft(table: Table, write: Write | RowChange) -> CheckedWrite:
    try:
        table.check_key(write.table, write.key)
        change, size = check_change(table, write)
        test = change.condition.filter
        return CheckedWrite(change, table, size, None if test is None else compile_filter(test, table.names), None)
    except TsmemError as error:
        return CheckedWrite(as_change(write), table, 0, None, error)


def write_batch(transaction: Transaction, drafts: Sequence[CheckedWrite], version_ms: int) -> list[WriteReply]:
    """Write the rows of a batch in their order, each with its index entries."""
    texts: list[Statement] = []
    replies = [_apply(transaction, draft, version_ms, texts) for draft in drafts]
    run_statements(
        transaction.connection, texts
    )  # together: between other statements FTS5 takes a third longer (measured)
    return replies


def _apply(transaction: Transaction, draft: CheckedWrite, version_ms: int, texts: list[Statement]) -> WriteReply:
    """Write one row and its index entries, and add to `texts` what remains to be done. A condition that does not hold,
    and an index key that is too long, are in the reply, and nothing was changed."""
    if draft.error is not None:
        return WriteReply(draft.error, Cost())
    change, table = draft.write, draft.table
    try:
        check_deviation(table, change.cells, version_ms)
        planned = _insert(transaction, draft, version_ms, texts) if change.change is Change.PUT else None
        old = None
        if planned is None:
            old = old_row(transaction, draft, always=change.change is Change.UPDATE)
            if not holds(draft, old):
                return WriteReply(service_errors.condition_failed(), CONDITION_FAILED)
            planned = _planned(table, change, old, version_ms)
            maintenance.apply_planned(transaction, table, change.key, planned, texts)
    except InvalidInput as error:
        return WriteReply(error, Cost())
    return WriteReply(None, cost(draft, old), returned_row(change, planned.cells))


def _insert(
    transaction: Transaction, draft: CheckedWrite, version_ms: int, texts: list[Statement]
) -> maintenance.Planned | None:
    """Write a row that is not there yet. None if it may be there: nothing was changed. Most rows are new, and this
    spares the read of each."""
    put, table = draft.write, draft.table
    if not table.searches or draft.passes is not None or put.condition.existence is Existence.EXPECT_EXIST:
        return None
    planned = _planned(table, put, None, version_ms)
    return planned if maintenance.insert_planned(transaction, table, put.key, planned, texts) else None


def _planned(table: Table, change: RowChange, old: bytes | None, version_ms: int) -> maintenance.Planned:
    """The SQL of a change: its index entries, and the row itself."""
    if change.change is Change.DELETE:
        of_indexes = maintenance.of_delete(table, change.key, old)
        return maintenance.Planned((table.delete_sql, change.key), of_indexes, [], None, old)
    size = table.key_bytes(change.key)
    if change.is_plain_put and change.returned is Returned.NOTHING:
        stamps = dict.fromkeys(change.columns, version_ms)
        of_indexes = maintenance.of_write(table, change.key, old, change.columns, stamps)
        row = (table.write_sql, (*change.key, pack(size, change.columns, version_ms)))
        return maintenance.Planned(row, of_indexes, [], change.columns, old)
    cells = cells_after(table, change, old, version_ms)
    if old is None and not cells and change.change is Change.UPDATE:
        return maintenance.Planned(None, [], [], None, None)
    latest = {cell.name: cell for cell in reversed(cells)}
    values = {name: cell.value for name, cell in latest.items()}
    stamps = {name: cell.version_ms for name, cell in latest.items()}
    of_indexes = maintenance.of_write(table, change.key, old, values, stamps)
    row = (table.write_sql, (*change.key, pack_cells(size, cells)))
    return maintenance.Planned(row, of_indexes, cells, values, old)
