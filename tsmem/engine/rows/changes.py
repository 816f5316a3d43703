"""A change to one row: a put, an update or a delete, with all options of the service's write requests.

- A cell without an explicit version gets the time of the transaction, or the version of the column's newest cell if
  that is later, so that the last write always wins.
- An update first deletes single versions, then increments, then writes. A version that is both deleted and written has
  the new value. A column that is deleted as a whole stays deleted even if the update writes it, too.

The service's error messages for versions out of range and for impossible increments are not known; these are ours.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from itertools import groupby, islice
from types import MappingProxyType
from typing import NamedTuple

from tsmem.engine.catalog import Table
from tsmem.engine.rows.cells import Cell, CellRow, unpack_cells
from tsmem.errors import invalid
from tsmem.limits import MAX_INTEGER, MIN_INTEGER, check_column_name, check_columns, check_key, check_row_limits
from tsmem.rows import UNCONDITIONAL, Condition, Delete, Key, Put, TableRef, Value, Write

MAX_VERSION_MS = MAX_INTEGER // 1000  # exclusive. Source: the documentation of PutRow.
_VERSION_BYTES = 8  # what an explicit version adds to the size of a write


class Change(StrEnum):
    PUT = "PUT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


class Returned(StrEnum):
    """The part of the written row that the reply has."""

    NOTHING = "NOTHING"
    KEY = "KEY"
    AFTER_MODIFY = "AFTER_MODIFY"


class NewCell(NamedTuple):
    name: str
    value: Value
    version_ms: int | None = None
    """The version that the request gives; None for the time of the write."""


class RowChange(NamedTuple):
    """The server builds no put with deletions or increments, and no delete with columns."""

    change: Change
    table: TableRef
    key: Key
    cells: tuple[NewCell, ...] = ()
    """A column can have several, with different versions."""
    delete: tuple[str, ...] = ()
    """The columns that an update deletes, with all their versions."""
    delete_versions: tuple[tuple[str, int], ...] = ()
    increments: tuple[tuple[str, int | float], ...] = ()
    """Added to columns of the same type. A missing column counts as 0."""
    condition: Condition = UNCONDITIONAL
    returned: Returned = Returned.NOTHING
    returned_columns: tuple[str, ...] = ()
    """The columns that AFTER_MODIFY returns."""
    columns: Mapping[str, Value] = MappingProxyType({})
    """Further columns to write, without explicit versions. A `Write` uses these instead of `cells`, because building
    cells makes a write take 50 % longer (measured)."""

    @property
    def is_plain_put(self) -> bool:
        return self.change is Change.PUT and not self.cells


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
    """Check everything that depends neither on the old row nor on the current time. Return the size of the write."""
    size = check_key(write.table.key, write.key) + check_columns(write.columns)
    if write.is_plain_put:
        check_row_limits(len(write.columns), size)
        _refuse_key_columns(table, write.columns)
        return size
    for cell in write.cells:
        size += check_columns({cell.name: cell.value}) + (0 if cell.version_ms is None else _VERSION_BYTES)
    for name, amount in write.increments:
        size += check_columns({name: amount})
    for name in write.delete:
        size += check_column_name(name)
    for name, _ in write.delete_versions:
        size += check_column_name(name) + _VERSION_BYTES
    parts = (write.columns, write.cells, write.increments, write.delete, write.delete_versions)
    check_row_limits(sum(map(len, parts)), size)
    _check_columns_and_versions(table, write)
    return size


def _refuse_key_columns(table: Table, changed: Collection[str]) -> None:
    for name in table.key_names:
        if name in changed:
            raise invalid(f"Column '{name}' is a primary key column and cannot be an attribute column.")


def _check_columns_and_versions(table: Table, write: RowChange) -> None:
    deleted = {*write.delete}
    written = {*write.columns, *(cell.name for cell in write.cells)}
    incremented = {name for name, _ in write.increments}
    changed = deleted | written | incremented | {name for name, _ in write.delete_versions}
    _refuse_key_columns(table, changed)
    if write.change is Change.UPDATE:
        if not table.schema.allow_update:  # the service's message is not known
            raise invalid("UpdateRow is not supported on a table whose allow_update is false.")
        if not changed:
            raise invalid("Invalid update row request: missing cells in request.")
    for name in sorted(incremented & (written | deleted)):
        raise invalid(f"Column '{name}' cannot be incremented and also written or deleted in one update.")
    written_versions_ms = [cell.version_ms for cell in write.cells if cell.version_ms is not None]
    for version_ms in [*written_versions_ms, *(version_ms for _, version_ms in write.delete_versions)]:
        if not 0 <= version_ms < MAX_VERSION_MS:
            raise invalid(f"The version {version_ms} of a cell must be in range: [0, {MAX_VERSION_MS}).")
    if table.indexes and written_versions_ms:
        raise invalid("Versions of cells cannot be given for a table with a secondary index.")


def check_deviation(table: Table, cells: Iterable[NewCell], now_ms: int) -> None:
    max_s = table.schema.deviation_s
    for cell in cells:
        if cell.version_ms is not None and abs(cell.version_ms - now_ms) > max_s * 1000:
            version = f"The version {cell.version_ms} of column '{cell.name}'"
            raise invalid(f"{version} differs by more than {max_s} s from the current time.")


def cells_after(table: Table, write: RowChange, old: bytes | None, now_ms: int) -> list[Cell]:
    """Return the row's cells after a put or an update. `old` are its packed cells before; None if there is no row."""
    columns: dict[str, dict[int, Value]] = {}  # values by column and version
    if old is not None and write.change is not Change.PUT:
        for name, cells in groupby(unpack_cells(old), lambda cell: cell.name):
            columns[name] = {cell.version_ms: cell.value for cell in islice(cells, table.schema.max_versions)}
        for name, version_ms in write.delete_versions:
            columns.get(name, {}).pop(version_ms, None)
    # An existing version can be later than now: a client can have given it, or the clock was set back. A new cell
    # without an explicit version must not get an earlier one.
    default_versions_ms = {name: max(now_ms, *versions) for name, versions in columns.items() if versions}
    for name, amount in write.increments:
        versions = columns.setdefault(name, {})
        versions[default_versions_ms.get(name, now_ms)] = _increment(name, versions, amount)
    for name, value in write.columns.items():
        columns.setdefault(name, {})[default_versions_ms.get(name, now_ms)] = value
    for cell in write.cells:
        version_ms = default_versions_ms.get(cell.name, now_ms) if cell.version_ms is None else cell.version_ms
        columns.setdefault(cell.name, {})[version_ms] = cell.value
    return [
        Cell(name, columns[name][version_ms], version_ms)
        for name in sorted(columns)
        if name not in write.delete  # deletion takes precedence over a write. Source: the Java SDK's UpdateRowTest.
        for version_ms in sorted(columns[name], reverse=True)[: table.schema.max_versions]
    ]


def _increment(name: str, versions: Mapping[int, Value], amount: int | float) -> int | float:
    value = versions[max(versions)] if versions else type(amount)(0)
    if type(value) is not type(amount):
        raise invalid(f"Column '{name}' cannot be incremented: its type is not that of the increment.")
    total: int | float = value + amount
    if not (math.isfinite(total) if isinstance(total, float) else MIN_INTEGER <= total <= MAX_INTEGER):
        raise invalid(f"Column '{name}' cannot be incremented: the sum does not fit in a signed 64-bit integer.")
    return total


def returned_row(write: RowChange, cells: Iterable[Cell]) -> CellRow | None:
    if write.returned is Returned.NOTHING:
        return None
    if write.returned is Returned.KEY:
        return CellRow(tuple(write.key), [])
    latest = [next(versions) for _, versions in groupby(cells, lambda cell: cell.name)]
    return CellRow(tuple(write.key), [cell for cell in latest if cell.name in write.returned_columns])
