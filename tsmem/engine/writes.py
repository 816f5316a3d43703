"""PutRow, UpdateRow, DeleteRow and BatchWriteRow.

Its one rule: whether a row is written is decided before its first SQL change, so that a failed row needs no savepoint
and a batch is one transaction: after a crash all of its good rows are there, or none is. All cells of a batch carry one
version, the clock's millisecond when the transaction began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from tsmem.engine import messages, upkeep
from tsmem.engine.catalog import Catalog
from tsmem.engine.cells import Cell, pack, pack_cells, unpack, unpack_cells
from tsmem.engine.connections import Session
from tsmem.engine.filters import Predicate, compile_filter
from tsmem.engine.requests import WriteReply
from tsmem.engine.tables import Table
from tsmem.errors import InvalidInput, TsmemError
from tsmem.limits import MAX_ROWS_PER_WRITE, capacity_units, check_batch, check_write
from tsmem.port import Cost
from tsmem.rows import UNCONDITIONAL, Delete, Existence, Put, Update, Value, Write

_CONDITION_FAILED = Cost(0, 1, 1)


class Draft(NamedTuple):
    """One row's write, checked as far as that goes without the row."""

    write: Write
    table: Table
    size: int
    """Of what is written, in bytes."""
    passes: Predicate | None
    """The column condition."""
    error: TsmemError | None
    """Why it will not be done."""


def draft_batch(catalog: Catalog, writes: Sequence[Write]) -> list[Draft]:
    """Check a batch. Raises what is wrong with it as a whole; what is wrong with one row is in its draft."""
    if not 0 < len(writes) <= MAX_ROWS_PER_WRITE:
        check_batch(writes, ())
    tables = {name: _writable(catalog, name) for name in dict.fromkeys(write.table.name for write in writes)}
    drafts = [_draft(tables[write.table.name], write) for write in writes]
    check_batch(writes, [draft.size for draft in drafts])
    distinct = len({(write.table.name, write.key) for write in writes})
    if distinct < len(writes) and any(write.condition.existence is not Existence.IGNORE for write in writes):
        raise messages.repeated_rows()
    return drafts


def _writable(catalog: Catalog, name: str) -> Table:
    table = catalog.table(name)
    if table.main is not None:
        raise messages.write_to_index()
    return table


def _draft(table: Table, write: Write) -> Draft:
    size = 0
    try:
        table.check_key(write.table, write.key)
        size = check_write(write)
        if not isinstance(write, Delete):
            _check_columns(table, write)
        test = write.condition.filter
        return Draft(write, table, size, None if test is None else compile_filter(test, table.names), None)
    except TsmemError as error:
        return Draft(write, table, size, None, error)


def _check_columns(table: Table, write: Put | Update) -> None:
    deleted = write.delete if isinstance(write, Update) else ()
    for name in table.names:
        if name in write.columns or name in deleted:
            raise messages.invalid(f"Column '{name}' is a primary key column and cannot be an attribute column.")
    if isinstance(write, Update) and not write.columns and not deleted:
        raise messages.no_cells()
    for name in deleted:
        if name in write.columns:
            raise messages.invalid(f"Column '{name}' is both written and deleted.")


def apply(session: Session, draft: Draft, stamp_ms: int) -> WriteReply:
    """Write one row and its index entries. A condition that does not hold, and an index key that is too long, are in
    the reply, and nothing was changed."""
    if draft.error is not None:
        return WriteReply(draft.error, Cost())
    old = _old_row(session, draft)
    if not _holds(draft, old):
        return WriteReply(messages.condition_failed(), _CONDITION_FAILED)
    try:
        changes = _changes(draft, old, stamp_ms)
    except InvalidInput as error:
        return WriteReply(error, Cost())
    for sql, parameters in changes:
        session.execute(sql, parameters)
    return WriteReply(None, _cost(draft, old))


def _changes(draft: Draft, old: bytes | None, stamp_ms: int) -> list[upkeep.Change]:
    """The SQL of a write: its index entries, then the row itself."""
    write, table = draft.write, draft.table
    if isinstance(write, Delete):
        return [*upkeep.of_delete(table, write.key, old), (table.delete_sql, write.key)]
    size = table.key_bytes(write.key)
    if isinstance(write, Put):
        changes = upkeep.of_write(table, write.key, old, write.columns, dict.fromkeys(write.columns, stamp_ms))
        blob = pack(size, write.columns, stamp_ms)
    elif old is None and not write.columns:
        return []
    else:
        cells = _merged(old, write, stamp_ms, table.max_versions)
        latest = {cell.name: cell for cell in reversed(cells)}
        values = {name: cell.value for name, cell in latest.items()}
        stamps = {name: cell.stamp_ms for name, cell in latest.items()}
        changes = upkeep.of_write(table, write.key, old, values, stamps)
        blob = pack_cells(size, cells)
    changes.append((table.write_sql, (*write.key, blob)))
    return changes


def _old_row(session: Session, draft: Draft) -> bytes | None:
    """The row as it is, where it matters."""
    write, table = draft.write, draft.table
    if not (table.needs_old_row or write.condition is not UNCONDITIONAL or isinstance(write, Update)):
        return None
    found = session.execute(table.read_sql, write.key).fetchone()
    return None if found is None else found[0]


def _holds(draft: Draft, old: bytes | None) -> bool:
    condition = draft.write.condition
    if condition is UNCONDITIONAL:
        return True
    if condition.existence is Existence.EXPECT_EXIST and old is None:
        return False
    if condition.existence is Existence.EXPECT_NOT_EXIST and old is not None:
        return False
    if draft.passes is None:
        return True
    columns: Mapping[str, Value] = {} if old is None else unpack(old)[1]
    return draft.passes(draft.write.key, columns)


def _cost(draft: Draft, old: bytes | None) -> Cost:
    condition = draft.write.condition
    if condition is UNCONDITIONAL:
        return Cost(0, 0, capacity_units(draft.size))
    read = 0
    if draft.passes is not None:
        read = capacity_units(0 if old is None else unpack(old)[0])
    elif condition.existence is not Existence.IGNORE:
        read = 1
    return Cost(0, read, capacity_units(draft.size))


def _merged(old: bytes | None, update: Update, stamp_ms: int, max_versions: int) -> list[Cell]:
    """A row's cells after an update: a column's new version stands before its older ones, also when the clock was set
    back meanwhile."""
    kept: dict[str, list[Cell]] = {}
    for name, cells in groupby(unpack_cells(old) if old is not None else (), lambda cell: cell.name):
        if name not in update.delete:
            kept[name] = list(cells)
    for name, value in update.columns.items():
        older = kept.get(name, [])
        stamp = max([stamp_ms, *(cell.stamp_ms for cell in older)])
        kept[name] = [Cell(name, value, stamp), *(cell for cell in older if cell.stamp_ms != stamp)][:max_versions]
    return [cell for name in sorted(kept) for cell in kept[name]]
