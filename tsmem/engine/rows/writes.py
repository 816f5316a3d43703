"""PutRow, UpdateRow, DeleteRow and BatchWriteRow.

Its one rule: whether a row is written is decided before its first SQL change, so that a failed row needs no savepoint
and a batch is one transaction: after a crash all of its good rows are there, or none is. All cells of a batch carry one
version, the clock's millisecond when the transaction began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from tsmem.engine import service_errors
from tsmem.engine.catalog import Catalog
from tsmem.engine.file.connections import Transaction
from tsmem.engine.file.statements import Statement, run_statements
from tsmem.engine.indexes import maintenance
from tsmem.engine.requests import MAX_ROWS_PER_TRANSACTION, WriteReply
from tsmem.engine.rows.cells import Cell, pack, pack_cells, unpack_cells
from tsmem.engine.rows.checked_writes import CONDITION_FAILED, CheckedWrite, cost, holds, old_row
from tsmem.engine.rows.filters import compile_filter
from tsmem.engine.tables import Table
from tsmem.errors import InvalidInput, TsmemError
from tsmem.limits import check_batch, check_write
from tsmem.port import Cost
from tsmem.rows import Delete, Existence, Put, Update, Value, Write

if TYPE_CHECKING:
    from tsmem.engine.service_requests import RowChange

_PLAIN = (Put, Update, Delete)


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
    if not isinstance(write, _PLAIN):
        from tsmem.engine.rows import versioned_writes

        return versioned_writes.check_versioned(table, write)
    size = 0
    try:
        table.check_key(write.table, write.key)
        size = check_write(write)
        if not isinstance(write, Delete):
            _check_columns(table, write)
        test = write.condition.filter
        return CheckedWrite(write, table, size, None if test is None else compile_filter(test, table.names), None)
    except TsmemError as error:
        return CheckedWrite(write, table, size, None, error)


def _check_columns(table: Table, write: Put | Update) -> None:
    deleted = write.delete if isinstance(write, Update) else ()
    for name in table.names:
        if name in write.columns or name in deleted:
            raise service_errors.column_is_key(name)
    if isinstance(write, Update):
        if not table.allow_update:
            raise service_errors.update_not_allowed()
        if not write.columns and not deleted:
            raise service_errors.no_cells()
    for name in deleted:
        if name in write.columns:
            raise service_errors.invalid(f"Column '{name}' is both written and deleted.")


def write_batch(session: Transaction, drafts: Sequence[CheckedWrite], version_ms: int) -> list[WriteReply]:
    """Write the rows of a batch in their order, each with its index entries."""
    texts: list[Statement] = []
    replies = [_apply(session, draft, version_ms, texts) for draft in drafts]
    run_statements(session.connection, texts)  # together: between other statements FTS5 takes a third longer (measured)
    return replies


def _apply(session: Transaction, draft: CheckedWrite, version_ms: int, texts: list[Statement]) -> WriteReply:
    """Write one row and its index entries, and add to `texts` what remains to be done. A condition that does not hold,
    and an index key that is too long, are in the reply, and nothing was changed."""
    write = draft.write
    if draft.error is not None:
        return WriteReply(draft.error, Cost())
    if not isinstance(write, _PLAIN):
        from tsmem.engine.rows import versioned_writes as full

        return full.apply_versioned(session, draft, write, version_ms, texts)
    try:
        if isinstance(write, Put) and _insert(session, draft, write, version_ms, texts):
            return WriteReply(None, cost(draft, None))
        old = old_row(session, draft, always=isinstance(write, Update))
        if not holds(draft, old):
            return WriteReply(service_errors.condition_failed(), CONDITION_FAILED)
        planned = _planned(draft.table, write, old, version_ms)
    except InvalidInput as error:
        return WriteReply(error, Cost())
    maintenance.apply_planned(session, draft.table, write.key, planned, texts)
    return WriteReply(None, cost(draft, old))


def _insert(session: Transaction, draft: CheckedWrite, put: Put, version_ms: int, texts: list[Statement]) -> bool:
    """Write a row that is not there yet. False if it may be there: nothing was changed. Most rows are new, and this
    spares the read of each."""
    if not draft.table.searches or draft.passes is not None or put.condition.existence is Existence.EXPECT_EXIST:
        return False
    planned = _planned(draft.table, put, None, version_ms)
    return maintenance.insert_planned(session, draft.table, put, planned, texts)


def _planned(table: Table, write: Write, old: bytes | None, version_ms: int) -> maintenance.Planned:
    """The SQL of a write: its index entries, and then the row itself."""
    if isinstance(write, Delete):
        of_indexes = maintenance.of_delete(table, write.key, old)
        return maintenance.Planned((table.delete_sql, write.key), of_indexes, None, old)
    size = table.key_bytes(write.key)
    values: Mapping[str, Value]
    if isinstance(write, Put):
        values = write.columns
        of_indexes = maintenance.of_write(table, write.key, old, values, dict.fromkeys(values, version_ms))
        blob = pack(size, write.columns, version_ms)
    elif old is None and not write.columns:
        return maintenance.Planned(None, [], None, None)
    else:
        cells = _merged(old, write, version_ms, table.max_versions)
        latest = {cell.name: cell for cell in reversed(cells)}
        values = {name: cell.value for name, cell in latest.items()}
        stamps = {name: cell.version_ms for name, cell in latest.items()}
        of_indexes = maintenance.of_write(table, write.key, old, values, stamps)
        blob = pack_cells(size, cells)
    return maintenance.Planned((table.write_sql, (*write.key, blob)), of_indexes, values, old)


def _merged(old: bytes | None, update: Update, version_ms: int, max_versions: int) -> list[Cell]:
    """A row's cells after an update: a column's new version stands before its older ones, also when the clock was set
    back meanwhile."""
    kept: dict[str, list[Cell]] = {}
    for name, cells in groupby(unpack_cells(old) if old is not None else (), lambda cell: cell.name):
        if name not in update.delete:
            kept[name] = list(cells)
    for name, value in update.columns.items():
        older = kept.get(name, [])
        stamp = max([version_ms, *(cell.version_ms for cell in older)])
        kept[name] = [Cell(name, value, stamp), *(cell for cell in older if cell.version_ms != stamp)][:max_versions]
    return [cell for name in sorted(kept) for cell in kept[name]]
