"""Reads versions of cells, which a client of the server can ask for. The local adapter does not load this module.

The size of a row is that of its key and of the cells in the view, before the filter and before columns are paged. A
table never shows more versions than its current options allow, although a row can still contain more.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, groupby, islice
from typing import NamedTuple

from tsmem.engine.rows.cells import Cell, CellRow, unpack_cells
from tsmem.engine.rows.filters import Versions
from tsmem.engine.rows.reads import Reader
from tsmem.engine.tables import Table
from tsmem.limits import name_bytes, value_bytes
from tsmem.rows import Filter, Key


class View(NamedTuple):
    """The cells that a request wants of each row."""

    max_versions: int | None = 1
    """None for all."""
    time_range_ms: tuple[int, int] | None = None
    """Start inclusive, end exclusive."""
    start_column: str | None = None
    """Inclusive."""
    end_column: str | None = None
    """Exclusive."""
    page: tuple[int, int] | None = None
    """The number of columns to skip, and the largest number to return."""


class CellReader(Reader[CellRow]):
    def __init__(self, view: View, table: Table, columns: Sequence[str] | None, row_filter: Filter | None) -> None:
        super().__init__(table, columns, row_filter)
        self._view = view
        self._max_versions = table.schema.max_versions

    def read(self, key: Key, blob: bytes) -> tuple[int, CellRow | None]:
        columns = [] if self.reads_key_only else self._columns(unpack_cells(blob))
        cells = [cell for versions in columns for cell in versions[: self._view.max_versions]]
        size = self._key_bytes(key) + sum(name_bytes(cell.name) + value_bytes(cell.name, cell.value) for cell in cells)
        if self._needs_column and not cells:
            return size, None
        if self._passes is not None:
            all_cells = chain.from_iterable(columns)  # AnyVersion also tests versions beyond the view's max_versions
            if not self._passes(key, Versions(all_cells, self._max_versions)):
                return size, None
        if self._view.page is not None:
            offset, limit = self._view.page
            names = set(list(dict.fromkeys(cell.name for cell in cells))[offset : offset + limit])
            cells = [cell for cell in cells if cell.name in names]
        return size, CellRow(key, cells)

    def _columns(self, cells: list[Cell]) -> list[list[Cell]]:
        """Return the columns in the view, each as a list of its versions in the time range, newest first."""
        _, time_range_ms, start, end, _ = self._view
        columns = []
        for name, versions in groupby(cells, lambda cell: cell.name):
            if self._wanted is not None and name not in self._wanted:
                continue
            if (start is not None and name < start) or (end is not None and name >= end):
                continue
            kept = list(islice(versions, self._max_versions))
            if time_range_ms is not None:
                kept = [cell for cell in kept if time_range_ms[0] <= cell.version_ms < time_range_ms[1]]
            if kept:
                columns.append(kept)
        return columns
