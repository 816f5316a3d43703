"""Reading the versions of a row's cells, which clients of the server may ask for and the port does not.

A row counts its key and the cells in view, before a filter and before columns are paged. A table shows no more versions
than its options allow, even where more were written before the options changed. Loaded for the server alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, islice
from typing import NamedTuple

from tsmem.engine.rows.cells import Cell, CellRow, unpack_cells
from tsmem.engine.rows.filters import Versions, needs_versions
from tsmem.engine.rows.reads import Reader
from tsmem.engine.tables import Table
from tsmem.limits import name_bytes, value_bytes
from tsmem.rows import Filter, Key


class View(NamedTuple):
    """The cells of a row that are read. The server has checked its numbers."""

    max_versions: int | None = 1
    """Newest versions of each column; None: all."""
    time_range: tuple[int, int] | None = None
    """Epoch milliseconds, start inclusive, end exclusive."""
    start_column: str | None = None
    end_column: str | None = None
    """The first column after the view."""
    page: tuple[int, int] | None = None
    """Number of columns to skip, and largest number to return."""


class CellReader(Reader[CellRow]):
    def __init__(self, view: View, table: Table, columns: Sequence[str] | None, test: Filter | None) -> None:
        super().__init__(table, columns, test)
        self._view = view
        self._max_versions = table.schema.max_versions
        self._needs_versions = test is not None and needs_versions(test)

    def read(self, key: Key, blob: bytes) -> tuple[int, CellRow | None]:
        columns = [] if self.key_only else self._columns(unpack_cells(blob))
        cells = [cell for versions in columns for cell in versions[: self._view.max_versions]]
        size = self._key_bytes(key) + sum(name_bytes(cell.name) + value_bytes(cell.name, cell.value) for cell in cells)
        if self._needs_column and not cells:
            return size, None
        if self._passes is not None:
            # A test of any version looks at those that max_versions hides.
            seen = [cell for versions in columns for cell in versions] if self._needs_versions else cells
            if not self._passes(key, Versions(seen, self._max_versions)):
                return size, None
        if self._view.page is not None:
            offset, limit = self._view.page
            names = set(list(dict.fromkeys(cell.name for cell in cells))[offset : offset + limit])
            cells = [cell for cell in cells if cell.name in names]
        return size, CellRow(key, cells)

    def _columns(self, cells: list[Cell]) -> list[list[Cell]]:
        """Return the columns in view: of each, its versions in the time range, newest first."""
        _, time_range, start, end, _ = self._view
        columns = []
        for name, versions in groupby(cells, lambda cell: cell.name):
            if self._wanted is not None and name not in self._wanted:
                continue
            if (start is not None and name < start) or (end is not None and name >= end):
                continue
            kept = list(islice(versions, self._max_versions))
            if time_range is not None:
                kept = [cell for cell in kept if time_range[0] <= cell.version_ms < time_range[1]]
            if kept:
                columns.append(kept)
        return columns
