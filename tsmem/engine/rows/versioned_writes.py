"""Row writes in the service's full vocabulary: explicit versions, increments, deleted versions, returned rows.

Its one rule: a change is decided whole before any SQL runs, as in `writes.py`, which it shares all but the cells with.
A cell without a version gets the transaction's, or that of the newest one there where that is later: the last write
counts, as it does for Update. Loaded when a batch holds a RowChange.

An update deletes first, increments then and writes last, so that one change may replace a version. The service's own
texts for versions out of range and for increments that cannot be done are not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import groupby, islice

from tsmem.engine import service_errors
from tsmem.engine.file.connections import Transaction
from tsmem.engine.file.statements import Statement
from tsmem.engine.indexes import maintenance
from tsmem.engine.requests import WriteReply
from tsmem.engine.rows.cells import Cell, pack_cells, unpack_cells
from tsmem.engine.rows.checked_writes import CONDITION_FAILED, CheckedWrite, cost, holds, old_row
from tsmem.engine.rows.filters import compile_filter
from tsmem.engine.service_requests import CellRow, Change, NewCell, Returned, RowChange
from tsmem.engine.tables import Table
from tsmem.errors import InvalidInput, TsmemError
from tsmem.limits import (
    MAX_COLUMNS_PER_WRITE,
    MAX_INTEGER,
    MAX_ROW_BYTES,
    MIN_INTEGER,
    check_column_name,
    check_columns,
    check_key,
)
from tsmem.port import Cost
from tsmem.rows import Value

MAX_STAMP_MS = MAX_INTEGER // 1000
"""Exclusive. Source: the documentation of PutRow."""
_STAMP_BYTES = 8
"""What an explicit version adds to the size of what is written."""

_Columns = dict[str, dict[int, Value]]
"""A row's values by column and version."""


def check_versioned(table: Table, write: RowChange) -> CheckedWrite:
    """Check a change as far as that goes without the row and the time."""
    size = 0
    try:
        table.check_key(write.table, write.key)
        size = _size(write)
        _check(table, write)
        test = write.condition.filter
        return CheckedWrite(write, table, size, None if test is None else compile_filter(test, table.names), None)
    except TsmemError as error:
        return CheckedWrite(write, table, size, None, error)


def _size(write: RowChange) -> int:
    """Of all that the change says, in bytes. Raises LimitExceeded or InvalidInput."""
    size = check_key(write.table.key, write.key)
    for cell in write.cells:
        size += check_columns({cell.name: cell.value}) + (0 if cell.version_ms is None else _STAMP_BYTES)
    for name, amount in write.increments:
        if type(amount) not in (int, float):
            raise service_errors.invalid(f"Column '{name}' can only be incremented by a number.")
        size += check_columns({name: amount})
    for name in write.delete:
        size += check_column_name(name)
    for name, _ in write.delete_versions:
        size += check_column_name(name) + _STAMP_BYTES
    count = len(write.cells) + len(write.increments) + len(write.delete) + len(write.delete_versions)
    if count > MAX_COLUMNS_PER_WRITE:
        raise service_errors.too_many_columns(MAX_COLUMNS_PER_WRITE, count)
    if size > MAX_ROW_BYTES:
        raise service_errors.row_too_large(MAX_ROW_BYTES, size)
    return size


def _check(table: Table, write: RowChange) -> None:
    deleted = {*write.delete}
    written = {cell.name for cell in write.cells}
    incremented = {name for name, _ in write.increments}
    named = deleted | written | incremented | {name for name, _ in write.delete_versions}
    for name in table.names:
        if name in named:
            raise service_errors.column_is_key(name)
    if write.change is Change.UPDATE:
        if not table.allow_update:
            raise service_errors.update_not_allowed()
        if not named:
            raise service_errors.no_cells()
    elif len(named) > (len(written) if write.change is Change.PUT else 0):
        raise service_errors.invalid(f"Columns cannot be deleted, incremented or written in a {write.change} of a row.")
    for name in sorted((deleted & (written | incremented)) | (written & incremented)):
        raise service_errors.invalid(f"Column '{name}' is written, deleted or incremented at once.")
    for stamp in [*(cell.version_ms for cell in write.cells), *(stamp for _, stamp in write.delete_versions)]:
        if stamp is not None and not 0 <= stamp < MAX_STAMP_MS:
            raise service_errors.invalid(f"The version {stamp} of a cell must be in range: [0, {MAX_STAMP_MS}).")
    if table.indexes and any(cell.version_ms is not None for cell in write.cells):
        raise service_errors.invalid("Versions of cells cannot be given for a table with a secondary index.")


def apply_versioned(
    session: Transaction, draft: CheckedWrite, write: RowChange, version_ms: int, texts: list[Statement]
) -> WriteReply:
    """Write one row and its index entries, and add to `texts` what remains to be done. Why that was not done is in the
    reply, and nothing was changed."""
    table = draft.table
    try:
        _check_deviation(table, write.cells, version_ms)
        old = old_row(session, draft, always=write.change is Change.UPDATE)
        if not holds(draft, old):
            return WriteReply(service_errors.condition_failed(), CONDITION_FAILED)
        cells = None if write.change is Change.DELETE else _cells_after(table, write, old, version_ms)
        planned = _planned(table, write, old, cells)
    except InvalidInput as error:
        return WriteReply(error, Cost())
    maintenance.apply_planned(session, table, write.key, planned, texts)
    return WriteReply(None, cost(draft, old), _returned(write, cells or ()))


def _check_deviation(table: Table, cells: Iterable[NewCell], now_ms: int) -> None:
    for cell in cells:
        if cell.version_ms is not None and abs(cell.version_ms - now_ms) > table.deviation_s * 1000:
            raise service_errors.invalid(
                f"The version {cell.version_ms} of column '{cell.name}' is more than {table.deviation_s} s from now."
            )


def _planned(table: Table, write: RowChange, old: bytes | None, cells: list[Cell] | None) -> maintenance.Planned:
    """The SQL of a change: its index entries, and then the row itself. Without cells the row goes."""
    if cells is None:
        of_indexes = maintenance.of_delete(table, write.key, old)
        return maintenance.Planned((table.delete_sql, write.key), of_indexes, None, old)
    if old is None and not cells and write.change is Change.UPDATE:
        return maintenance.Planned(None, [], None, None)
    latest = {cell.name: cell for cell in reversed(cells)}
    values = {name: cell.value for name, cell in latest.items()}
    stamps = {name: cell.version_ms for name, cell in latest.items()}
    of_indexes = maintenance.of_write(table, write.key, old, values, stamps)
    row = (table.write_sql, (*write.key, pack_cells(table.key_bytes(write.key), cells)))
    return maintenance.Planned(row, of_indexes, values, old)


def _cells_after(table: Table, write: RowChange, old: bytes | None, now_ms: int) -> list[Cell]:
    """The row's cells after a put or an update, no more versions of each column than the table keeps."""
    columns = _kept(table, write, old)
    # What is later than now was given so, or the clock was set back: a new cell must not stand behind it.
    stamps = {name: max(now_ms, *versions) for name, versions in columns.items() if versions}
    for name, amount in write.increments:
        versions = columns.setdefault(name, {})
        versions[stamps.get(name, now_ms)] = _sum(name, versions, amount)
    for cell in write.cells:
        stamp = stamps.get(cell.name, now_ms) if cell.version_ms is None else cell.version_ms
        columns.setdefault(cell.name, {})[stamp] = cell.value
    return [
        Cell(name, columns[name][stamp], stamp)
        for name in sorted(columns)
        for stamp in sorted(columns[name], reverse=True)[: table.max_versions]
    ]


def _kept(table: Table, write: RowChange, old: bytes | None) -> _Columns:
    """What the change leaves of the row that is there."""
    if old is None or write.change is Change.PUT:
        return {}
    kept: _Columns = {}
    for name, cells in groupby(unpack_cells(old), lambda cell: cell.name):
        if name not in write.delete:
            kept[name] = {cell.version_ms: cell.value for cell in islice(cells, table.max_versions)}
    for name, stamp in write.delete_versions:
        kept.get(name, {}).pop(stamp, None)
    return kept


def _sum(name: str, versions: Mapping[int, Value], amount: int | float) -> int | float:
    """A column's latest value and the amount. Raises InvalidInput for another type, and past 64 bits."""
    value = versions[max(versions)] if versions else type(amount)(0)
    if type(value) is not type(amount):
        raise service_errors.invalid(f"Column '{name}' cannot be incremented: its type is not that of the increment.")
    total: int | float = value + amount
    if not (math.isfinite(total) if isinstance(total, float) else MIN_INTEGER <= total <= MAX_INTEGER):
        raise service_errors.invalid(f"Column '{name}' cannot be incremented: the sum does not fit in 64 bits.")
    return total


def _returned(write: RowChange, cells: Iterable[Cell]) -> CellRow | None:
    if write.returned is Returned.NOTHING:
        return None
    if write.returned is Returned.KEY:
        return CellRow(tuple(write.key), [])
    latest = [next(versions) for _, versions in groupby(cells, lambda cell: cell.name)]
    return CellRow(tuple(write.key), [cell for cell in latest if cell.name in write.returned_columns])
