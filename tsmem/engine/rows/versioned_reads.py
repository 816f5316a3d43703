"""GetRow, BatchGetRow and GetRange with versions: which cells of a row a view leaves.

Its one rule: what `reads.py` says of keys, pages and sizes holds here too, by the same code; only what is taken from a
row differs. A row counts its key and the cells in view, before a filter and before columns are paged. A table shows no
more versions than its options allow, also those that were written when more were allowed. Loaded for the server alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice

from tsmem.engine import service_errors
from tsmem.engine.file.connections import Transaction
from tsmem.engine.requests import BatchGetRow, GetRange
from tsmem.engine.rows.cells import Cell, CellRow, unpack_cells
from tsmem.engine.rows.filters import Versions, needs_versions
from tsmem.engine.rows.reads import Selection, check_key_count, read_one, read_page
from tsmem.engine.service_requests import CellPageReply, CellRowsReply, View
from tsmem.engine.tables import Table
from tsmem.limits import capacity_units, name_bytes, value_bytes
from tsmem.port import Cost
from tsmem.rows import Filter, Key


def versioned_rows(transaction: Transaction, request: BatchGetRow, view: View) -> CellRowsReply:
    """Rows in the order of their keys, each with its cost. Raises TableNotFound, InvalidInput."""
    check_key_count(request.keys)
    table = transaction.catalog().table(request.table.name)
    projection = _ViewProjection(table, request.columns, request.filter, view)
    rows: list[CellRow | None] = []
    costs: list[Cost] = []
    for key in request.keys:
        cells, size = read_one(transaction, table, request.table, key, projection)
        rows.append(None if cells is None else CellRow(tuple(key), cells))
        costs.append(Cost(0, capacity_units(size), 0, 1 if size else 0))
    return CellRowsReply(rows, costs)


def read_range(transaction: Transaction, request: GetRange, view: View) -> CellPageReply:
    """One page of a range. Raises TableNotFound, InvalidInput."""
    table = transaction.catalog().table(request.table.name)
    projection = _ViewProjection(table, request.columns, request.filter, view)
    rows, next_start, cost = read_page(transaction, table, request, projection, CellRow)
    return CellPageReply(rows, next_start, cost)


class _ViewProjection(Selection):
    """The cells in view of the columns asked for."""

    whole = None

    def __init__(self, table: Table, columns: Sequence[str] | None, test: Filter | None, view: View) -> None:
        super().__init__(table, columns, test)
        _check(view)
        self._view = view
        self._max_versions = table.max_versions
        self._needs_versions = test is not None and needs_versions(test)

    def read(self, key: Key, blob: bytes) -> tuple[int, list[Cell] | None]:
        """The size that was read, and the cells; None for a row that is not given."""
        columns = [] if self.is_key else list(self._columns(unpack_cells(blob)))
        cells = [cell for versions in columns for cell in versions[: self._view.max_versions]]
        size = self._key_bytes(key) + sum(name_bytes(cell.name) + value_bytes(cell.name, cell.value) for cell in cells)
        if self._needs_column and not cells:
            return size, None
        if self._passes is not None:
            # A test of any version looks at those that max_versions hides.
            seen = [cell for versions in columns for cell in versions] if self._needs_versions else cells
            if not self._passes(key, Versions(seen, self._max_versions)):
                return size, None
        return size, cells if self._view.page is None else _paged(cells, *self._view.page)

    def _columns(self, cells: list[Cell]) -> Iterator[list[Cell]]:
        """Of each column that is in view, the versions in the range of times, newest first."""
        _, time_range, start, end, _ = self._view
        for name, versions in groupby(cells, lambda cell: cell.name):
            if self._wanted is not None and name not in self._wanted:
                continue
            if (start is not None and name < start) or (end is not None and name >= end):
                continue
            kept = list(islice(versions, self._max_versions))
            if time_range is not None:
                kept = [cell for cell in kept if time_range[0] <= cell.version_ms < time_range[1]]
            if kept:
                yield kept


def _paged(cells: list[Cell], offset: int, limit: int) -> list[Cell]:
    """The cells of some columns, counted by name."""
    names = list(dict.fromkeys(cell.name for cell in cells))
    kept = set(names[offset : offset + limit])
    return [cell for cell in cells if cell.name in kept]


def _check(view: View) -> None:
    if view.max_versions is not None and view.max_versions < 1:
        raise service_errors.versions_not_positive()
    if view.time_range is not None and not 0 <= view.time_range[0] < view.time_range[1]:
        raise service_errors.invalid("The start of a time range must be less than its end, and not negative.")
    if view.page is not None and min(view.page) < 0:
        raise service_errors.invalid("The offset and limit of column pagination must not be negative.")
