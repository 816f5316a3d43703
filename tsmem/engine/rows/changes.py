"""Changes of rows: what a write says, whether it may be said, and which cells the row has afterwards.

A change is decided whole before any SQL runs. A cell without a version gets the transaction's, or that of the newest
one there where that is later: the last write counts.

An update deletes first, increments then and writes last, so that one change may replace a version. The service's own
texts for versions out of range and for increments that cannot be done are not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import groupby, islice
from types import MappingProxyType
from typing import NamedTuple

from tsmem.engine import service_errors
from tsmem.engine.rows.cells import Cell, CellRow, unpack_cells
from tsmem.engine.tables import Table
from tsmem.limits import (
    MAX_COLUMNS_PER_WRITE,
    MAX_INTEGER,
    MAX_ROW_BYTES,
    MIN_INTEGER,
    check_column_name,
    check_columns,
    check_key,
    check_write,
)
from tsmem.rows import UNCONDITIONAL, Condition, Delete, Key, Put, TableRef, Value, Write

MAX_STAMP_MS = MAX_INTEGER // 1000
"""Exclusive. Source: the documentation of PutRow."""
_STAMP_BYTES = 8
"""What an explicit version adds to the size of what is written."""

_Columns = dict[str, dict[int, Value]]
"""A row's values by column and version."""


class Change(StrEnum):
    """What a RowChange does with the row."""

    PUT = "PUT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


class Returned(StrEnum):
    """What a write answers of its row."""

    NOTHING = "NOTHING"
    KEY = "KEY"
    AFTER_MODIFY = "AFTER_MODIFY"


class NewCell(NamedTuple):
    """One version of a column, to be written."""

    name: str
    value: Value
    version_ms: int | None = None
    """Its version, epoch milliseconds; None: now."""


class RowChange(NamedTuple):
    """One row's write in the service's full vocabulary. The port's Put, Update and Delete say less."""

    change: Change
    table: TableRef
    key: Key
    cells: tuple[NewCell, ...] = ()
    """Of PUT and UPDATE. A name may come several times, with different versions."""
    delete: tuple[str, ...] = ()
    """Of UPDATE: columns of which all versions go."""
    delete_versions: tuple[tuple[str, int], ...] = ()
    """Of UPDATE: columns with the one version that goes."""
    increments: tuple[tuple[str, int | float], ...] = ()
    """Of UPDATE: what is added to columns of numbers of the same type; a missing one counts as 0."""
    condition: Condition = UNCONDITIONAL
    returned: Returned = Returned.NOTHING
    returned_columns: tuple[str, ...] = ()
    """Of AFTER_MODIFY: the columns wanted, as they are after the write."""
    columns: Mapping[str, Value] = MappingProxyType({})
    """Of PUT and UPDATE: more cells to write, in the version of now. A write of the port has its columns here, as they
    are: to make cells of them makes a write half as slow again (measured)."""

    @property
    def is_plain_put(self) -> bool:
        """True if it does nothing but write its columns."""
        return self.change is Change.PUT and not (self.cells or self.delete or self.delete_versions or self.increments)


def check_change(table: Table, write: Write | RowChange) -> tuple[RowChange, int]:
    """Check a write as far as that goes without the row and the time. Return it as a change, and its size in bytes.

    Raises LimitExceeded or InvalidInput."""
    if isinstance(write, RowChange):
        size = _bytes_of(write)
        change = write
    else:
        size = check_write(write)
        change = as_change(write)
    _check(table, change)
    return change, size


def as_change(write: Write | RowChange) -> RowChange:
    """Return a write of the port as a change."""
    if isinstance(write, RowChange):
        return write
    if isinstance(write, Delete):
        return RowChange(Change.DELETE, write.table, write.key, condition=write.condition)
    if isinstance(write, Put):
        return RowChange(Change.PUT, write.table, write.key, condition=write.condition, columns=write.columns)
    return RowChange(
        Change.UPDATE,
        write.table,
        write.key,
        delete=write.delete,
        condition=write.condition,
        columns=write.columns,
    )


def _bytes_of(write: RowChange) -> int:
    """Return the size in bytes of all that a change says. Raises LimitExceeded or InvalidInput."""
    size = check_key(write.table.key, write.key) + check_columns(write.columns)
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
    count = len(write.columns) + len(write.cells) + len(write.increments)
    count += len(write.delete) + len(write.delete_versions)
    if count > MAX_COLUMNS_PER_WRITE:
        raise service_errors.too_many_columns(MAX_COLUMNS_PER_WRITE, count)
    if size > MAX_ROW_BYTES:
        raise service_errors.row_too_large(MAX_ROW_BYTES, size)
    return size


def _check(table: Table, write: RowChange) -> None:
    if write.is_plain_put:
        for name in table.names:
            if name in write.columns:
                raise service_errors.column_is_key(name)
        return
    deleted = {*write.delete}
    written = {*write.columns, *(cell.name for cell in write.cells)}
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


def check_deviation(table: Table, cells: Iterable[NewCell], now_ms: int) -> None:
    """Raise InvalidInput for a version that is too far from now."""
    for cell in cells:
        if cell.version_ms is not None and abs(cell.version_ms - now_ms) > table.deviation_s * 1000:
            raise service_errors.invalid(
                f"The version {cell.version_ms} of column '{cell.name}' is more than {table.deviation_s} s from now."
            )


def cells_after(table: Table, write: RowChange, old: bytes | None, now_ms: int) -> list[Cell]:
    """The row's cells after a put or an update, no more versions of each column than the table keeps."""
    columns = _kept(table, write, old)
    # What is later than now was given so, or the clock was set back: a new cell must not stand behind it.
    stamps = {name: max(now_ms, *versions) for name, versions in columns.items() if versions}
    for name, amount in write.increments:
        versions = columns.setdefault(name, {})
        versions[stamps.get(name, now_ms)] = _sum(name, versions, amount)
    for name, value in write.columns.items():
        columns.setdefault(name, {})[stamps.get(name, now_ms)] = value
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


def returned_row(write: RowChange, cells: Iterable[Cell]) -> CellRow | None:
    """Return what the write is to answer of the row."""
    if write.returned is Returned.NOTHING:
        return None
    if write.returned is Returned.KEY:
        return CellRow(tuple(write.key), [])
    latest = [next(versions) for _, versions in groupby(cells, lambda cell: cell.name)]
    return CellRow(tuple(write.key), [cell for cell in latest if cell.name in write.returned_columns])
