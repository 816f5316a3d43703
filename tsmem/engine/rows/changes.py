"""Changes of rows: the service's full vocabulary of a write, its checks, and the cells that the row has afterwards.

`writes.py` calls `check_change` before the row is read, and `cells_after` with its old cells. A cell without a version
gets the transaction's, or that of the newest one there if that is later: the last write counts. An update deletes
versions first, then increments, and writes last, so that one change may replace a version. The service's own texts for
versions out of range and for increments that cannot be done are not known.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from itertools import groupby, islice
from types import MappingProxyType
from typing import NamedTuple

from tsmem.engine.requests import invalid
from tsmem.engine.rows.cells import Cell, CellRow, unpack_cells
from tsmem.engine.tables import Table
from tsmem.limits import MAX_INTEGER, MIN_INTEGER, check_column_name, check_columns, check_key, check_row_size
from tsmem.rows import UNCONDITIONAL, Condition, Delete, Key, Put, TableRef, Value, Write

MAX_STAMP_MS = MAX_INTEGER // 1000  # exclusive. Source: the documentation of PutRow.
_STAMP_BYTES = 8  # size of an explicit version in a write


class Change(StrEnum):
    """The kind of a write."""

    PUT = "PUT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


class Returned(StrEnum):
    """The part of its row that a write returns."""

    NOTHING = "NOTHING"
    KEY = "KEY"
    AFTER_MODIFY = "AFTER_MODIFY"


class NewCell(NamedTuple):
    """One version of a column, to be written."""

    name: str
    value: Value
    version_ms: int | None = None
    """Epoch milliseconds; None: now."""


class RowChange(NamedTuple):
    """The write of one row. The port's Put, Update and Delete can say less. The server has checked that a put deletes
    and increments nothing, and that a deletion names no columns."""

    change: Change
    table: TableRef
    key: Key
    cells: tuple[NewCell, ...] = ()
    """The cells that a put or an update writes. A name may come several times, with different versions."""
    delete: tuple[str, ...] = ()
    delete_versions: tuple[tuple[str, int], ...] = ()
    """Columns of which an update deletes one version."""
    increments: tuple[tuple[str, int | float], ...] = ()
    """Numbers that an update adds to columns of the same type; a missing column counts as 0."""
    condition: Condition = UNCONDITIONAL
    returned: Returned = Returned.NOTHING
    returned_columns: tuple[str, ...] = ()
    columns: Mapping[str, Value] = MappingProxyType({})
    """More cells to write, with the version of now. The columns of a Put or an Update stay as they are, because turning
    them into cells takes half the time of a write again (measured)."""

    @property
    def is_plain_put(self) -> bool:
        return self.change is Change.PUT and not (self.cells or self.delete or self.delete_versions or self.increments)


def as_change(write: Write | RowChange) -> RowChange:
    if isinstance(write, RowChange):
        return write
    if isinstance(write, Delete):
        return RowChange(Change.DELETE, write.table, write.key, condition=write.condition)
    if isinstance(write, Put):
        return RowChange(Change.PUT, write.table, write.key, condition=write.condition, columns=write.columns)
    return RowChange(Change.UPDATE, write.table, write.key, delete=write.delete, condition=write.condition,
                     columns=write.columns)  # fmt: skip


def check_change(table: Table, write: RowChange) -> int:
    """Check a write without the row and the time, and return its size in bytes. Raises LimitExceeded, InvalidInput."""
    size = check_key(write.table.key, write.key) + check_columns(write.columns)
    if write.is_plain_put:
        check_row_size(len(write.columns), size)
        _refuse_key_columns(table, write.columns)
        return size
    for cell in write.cells:
        size += check_columns({cell.name: cell.value}) + (0 if cell.version_ms is None else _STAMP_BYTES)
    for name, amount in write.increments:
        size += check_columns({name: amount})
    for name in write.delete:
        size += check_column_name(name)
    for name, _ in write.delete_versions:
        size += check_column_name(name) + _STAMP_BYTES
    parts = (write.columns, write.cells, write.increments, write.delete, write.delete_versions)
    check_row_size(sum(map(len, parts)), size)
    _check(table, write)
    return size


def _refuse_key_columns(table: Table, named: Collection[str]) -> None:
    for name in table.names:
        if name in named:
            raise invalid(f"Column '{name}' is a primary key column and cannot be an attribute column.")


def _check(table: Table, write: RowChange) -> None:
    deleted = {*write.delete}
    written = {*write.columns, *(cell.name for cell in write.cells)}
    incremented = {name for name, _ in write.increments}
    named = deleted | written | incremented | {name for name, _ in write.delete_versions}
    _refuse_key_columns(table, named)
    if write.change is Change.UPDATE:
        if not table.schema.allow_update:  # the service's own text is not known
            raise invalid("UpdateRow is not supported on a table whose allow_update is false.")
        if not named:
            raise invalid("Invalid update row request: missing cells in request.")
    for name in sorted(incremented & (written | deleted)):
        raise invalid(f"Column '{name}' is written, deleted or incremented at once.")
    for stamp in [*(cell.version_ms for cell in write.cells), *(stamp for _, stamp in write.delete_versions)]:
        if stamp is not None and not 0 <= stamp < MAX_STAMP_MS:
            raise invalid(f"The version {stamp} of a cell must be in range: [0, {MAX_STAMP_MS}).")
    if table.indexes and any(cell.version_ms is not None for cell in write.cells):
        raise invalid("Versions of cells cannot be given for a table with a secondary index.")


def check_deviation(table: Table, cells: Iterable[NewCell], now_ms: int) -> None:
    most_s = table.schema.deviation_s
    for cell in cells:
        if cell.version_ms is not None and abs(cell.version_ms - now_ms) > most_s * 1000:
            raise invalid(f"The version {cell.version_ms} of column '{cell.name}' is more than {most_s} s from now.")


def cells_after(table: Table, write: RowChange, old: bytes | None, now_ms: int) -> list[Cell]:
    """Return the row's cells after a put or an update, with the versions that the table keeps. Raises InvalidInput for
    an increment that cannot be done."""
    columns: dict[str, dict[int, Value]] = {}  # values by column and version
    if old is not None and write.change is not Change.PUT:
        for name, cells in groupby(unpack_cells(old), lambda cell: cell.name):
            columns[name] = {cell.version_ms: cell.value for cell in islice(cells, table.schema.max_versions)}
        for name, stamp in write.delete_versions:
            columns.get(name, {}).pop(stamp, None)
    # A version may be later than now, because a client gave it or the clock was set back. A new cell must not be older.
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
        if name not in write.delete  # a deletion wins over a write. Source: the Java SDK's UpdateRowTest.
        for stamp in sorted(columns[name], reverse=True)[: table.schema.max_versions]
    ]


def _sum(name: str, versions: Mapping[int, Value], amount: int | float) -> int | float:
    """Add to a column's latest value. Raises InvalidInput for another type, and for a sum past 64 bits."""
    value = versions[max(versions)] if versions else type(amount)(0)
    if type(value) is not type(amount):
        raise invalid(f"Column '{name}' cannot be incremented: its type is not that of the increment.")
    total: int | float = value + amount
    if not (math.isfinite(total) if isinstance(total, float) else MIN_INTEGER <= total <= MAX_INTEGER):
        raise invalid(f"Column '{name}' cannot be incremented: the sum does not fit in 64 bits.")
    return total


def returned_row(write: RowChange, cells: Iterable[Cell]) -> CellRow | None:
    if write.returned is Returned.NOTHING:
        return None
    if write.returned is Returned.KEY:
        return CellRow(tuple(write.key), [])
    latest = [next(versions) for _, versions in groupby(cells, lambda cell: cell.name)]
    return CellRow(tuple(write.key), [cell for cell in latest if cell.name in write.returned_columns])
