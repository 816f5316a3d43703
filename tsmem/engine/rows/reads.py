"""The read path: GetRow, BatchGetRow and GetRange, with their requests and replies.

Capacity units and the end of a page (5,000 rows or 4 MB) count every row that is read, before the filter. The size of a
row is that of its key and the requested columns. Only the limit of GetRange counts the returned rows.

A client of the server can ask for versions of cells. The size of such a row is that of its key and of the cells in the
view, before the filter and before columns are paged. A table never shows more versions than its current options allow,
although a row can still contain more.

Each named tuple here adds 70 microseconds to the start of every command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, groupby, islice
from typing import Generic, NamedTuple, TypeVar

from tsmem import limits
from tsmem.engine.catalog import Table
from tsmem.engine.file.connections import Transaction
from tsmem.engine.rows.cells import Cell, CellRow, size_of, unpack, unpack_cells, unpack_columns
from tsmem.engine.rows.filters import Prefilter, Versions, compile_filter, compile_prefilter
from tsmem.errors import StorageFailure, invalid
from tsmem.port import Cost
from tsmem.rows import Bound, Filter, Key, KeyBound, KeyValue, Range, Row, TableRef

R = TypeVar("R")
"""Row, or CellRow if the request asked for versions of cells."""


class BatchGetRow(NamedTuple):
    table: TableRef
    keys: Sequence[Key]
    columns: Sequence[str] | None = None
    """Columns to read; all if there are none."""
    filter: Filter | None = None


class GetRange(NamedTuple):
    table: TableRef
    span: Range
    limit: int | None = None
    columns: Sequence[str] | None = None
    filter: Filter | None = None


class RowsReply(NamedTuple, Generic[R]):
    """The reply to BatchGetRow. Both lists are in the order of the requested keys."""

    rows: list[R | None]
    """None for a row that does not exist or does not pass the filter."""
    costs: list[Cost]
    """The cost of each row. The request itself is not included."""

    @property
    def cost(self) -> Cost:
        return Cost(1, sum(cost.read_units for cost in self.costs), 0, sum(cost.rows_scanned for cost in self.costs))


class PageReply(NamedTuple, Generic[R]):
    rows: list[R]
    next_start: Key | None
    """The key of the first unread row; None after the last page."""
    cost: Cost


class Reader(Generic[R]):
    def __init__(self, table: Table, columns: Sequence[str] | None, row_filter: Filter | None) -> None:
        self._wanted = frozenset(columns) if columns else None
        self._needs_column = self._wanted is not None and self._wanted.isdisjoint(table.key_names)
        """True if a row without any of the requested columns counts as missing."""
        self._passes = compile_filter(row_filter, table.key_names) if row_filter is not None else None
        self._key_bytes = table.key_bytes
        self.reads_key_only = self._wanted is not None and self._wanted.issubset(table.key_names)
        """True if only key columns are requested. `read` then ignores its `blob`."""
        self.can_skip = self._needs_column or self._passes is not None

    def read(self, key: Key, blob: bytes) -> tuple[int, R | None]:
        """Return the size that counts, and the item of the reply; None if the row does not pass the filter, or has none
        of the requested columns."""
        raise NotImplementedError


class RowReader(Reader[Row]):
    def __init__(self, table: Table, columns: Sequence[str] | None, row_filter: Filter | None) -> None:
        super().__init__(table, columns, row_filter)
        self._reads_all = self._wanted is None and row_filter is None
        self._can_pass: Prefilter | None = None
        if row_filter is not None and self._wanted is None:
            self._can_pass = compile_prefilter(row_filter, table.key_names)

    def read(self, key: Key, blob: bytes) -> tuple[int, Row | None]:
        if self._reads_all:
            size, columns = unpack(blob)
            return size, Row(key, columns)
        if self._can_pass is not None and not self._can_pass(key, blob):
            return size_of(blob), None
        if self.reads_key_only:
            size, columns = self._key_bytes(key), {}
        else:
            size, columns = unpack(blob) if self._wanted is None else unpack_columns(blob, self._wanted)
        if (self._needs_column and not columns) or (self._passes is not None and not self._passes(key, columns)):
            return size, None
        return size, Row(key, columns)


class View(NamedTuple):
    """The cells that a request wants of each row, from `start_column` up to but not including `end_column`."""

    max_versions: int | None = 1
    """The number of versions of a column; None for all."""
    time_range_ms: tuple[int, int] | None = None
    """Start inclusive, end exclusive."""
    start_column: str | None = None
    end_column: str | None = None
    page: tuple[int, int] | None = None
    """The number of columns to skip, and the largest number to return."""

    def reader(self, table: Table, columns: Sequence[str] | None, row_filter: Filter | None) -> CellReader:
        return CellReader(self, table, columns, row_filter)


class CellReader(Reader[CellRow]):
    def __init__(self, view: View, table: Table, columns: Sequence[str] | None, row_filter: Filter | None) -> None:
        super().__init__(table, columns, row_filter)
        self._view = view
        self._max_versions = table.schema.max_versions

    def read(self, key: Key, blob: bytes) -> tuple[int, CellRow | None]:
        columns = [] if self.reads_key_only else self._columns(unpack_cells(blob))
        cells = [cell for versions in columns for cell in versions[: self._view.max_versions]]
        size = self._key_bytes(key) + sum(
            limits.name_bytes(cell.name) + limits.value_bytes(cell.name, cell.value) for cell in cells
        )
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


MakeReader = Callable[[Table, Sequence[str] | None, Filter | None], Reader[R]]


def get_rows(transaction: Transaction, request: BatchGetRow, make_reader: MakeReader[R]) -> RowsReply[R]:
    limits.check_read(request.keys)
    table = transaction.catalog().table(request.table.name)
    reader = make_reader(table, request.columns, request.filter)
    rows: list[R | None] = []
    costs: list[Cost] = []
    for key in request.keys:
        table.check_key(request.table, key)
        limits.check_key(table.key_names, key)
        found = transaction.execute(table.read_sql, key).fetchone()
        try:
            size, row = (0, None) if found is None else reader.read(tuple(key), found[0])
        except StorageFailure as error:
            raise _damaged(error, key) from error
        rows.append(row)
        costs.append(Cost(0, limits.capacity_units(size), 0, 0 if found is None else 1))
    return RowsReply(rows, costs)


def get_range(transaction: Transaction, request: GetRange, make_reader: MakeReader[R]) -> PageReply[R]:
    """The first row is read whatever its size."""
    table = transaction.catalog().table(request.table.name)
    reader = make_reader(table, request.columns, request.filter)
    if request.limit is not None and request.limit < 1:
        raise invalid("The limit must be greater than 0.")
    limit = limits.MAX_ROWS_PER_PAGE if request.limit is None else min(request.limit, limits.MAX_ROWS_PER_PAGE)
    scan_limit = limits.MAX_ROWS_PER_PAGE if reader.can_skip else limit
    sql, parameters = _range_query(table, request.table, request.span, with_cells=not reader.reads_key_only)
    read = reader.read
    rows: list[R] = []
    scanned = size = 0
    next_start: Key | None = None
    cursor = transaction.execute(sql, (*parameters, scan_limit + 1))
    for record in cursor:
        key: Key = record[:-1]
        if scanned == scan_limit or len(rows) == limit:
            next_start = key
            break
        try:
            row_size, row = read(key, record[-1])
        except StorageFailure as error:
            raise _damaged(error, key) from error
        if size + row_size > limits.MAX_BYTES_PER_PAGE and size:
            next_start = key
            break
        size += row_size
        scanned += 1
        if row is not None:
            rows.append(row)
    cursor.close()
    return PageReply(rows, next_start, Cost(1, limits.capacity_units(size), 0, scanned))


def _damaged(error: StorageFailure, key: Key) -> StorageFailure:
    return StorageFailure(f"row {'/'.join(map(str, key))}{error.message.removeprefix('a stored row')}", hint=error.hint)


def _range_query(table: Table, ref: TableRef, span: Range, *, with_cells: bool) -> tuple[str, list[KeyValue]]:
    """Return SQL that selects the rows of a range in order, and its parameters except the last, which is the number of
    rows. Without `with_cells`, NULL replaces the cells, and SQLite reads only the index on the key.

    Each bound becomes a cut: a place directly before or after all rows whose keys begin with the bound's values. MIN
    cuts before these rows, MAX after them. A bound without MIN or MAX cuts before its row if the range is read forward,
    and after it if backward, so that starts are inclusive and ends exclusive in both directions. Values that both cuts
    share become equalities, so that SQLite reads only that part of the key's index."""
    cuts = []
    for bound in (span.start, span.end):
        table.check_key(ref, bound, is_bound=True)
        values, is_after = _cut(bound, span.backward)
        limits.check_key(table.key_names[: len(values)], tuple(values))
        cuts.append((values, is_after))
    if span.is_empty:
        side, direction = ("more", "BACKWARD") if span.backward else ("less", "FORWARD")
        raise invalid(f"Begin key must {side} than end key in {direction}")
    (low_values, after_low), (high_values, after_high) = cuts[::-1] if span.backward else cuts
    names = [f"k{place}" for place in range(len(table.key_names))]
    shared = 0
    while shared < min(len(low_values), len(high_values)) and low_values[shared] == high_values[shared]:
        shared += 1
    tests = [f"{name} = ?" for name in names[:shared]]
    parameters = low_values[:shared]
    for values, sign in ((low_values, ">" if after_low else ">="), (high_values, "<=" if after_high else "<")):
        if rest := values[shared:]:
            tests.append(f"({', '.join(names[shared : len(values)])}) {sign} ({', '.join('?' * len(rest))})")
            parameters += rest
    where = f" WHERE {' AND '.join(tests)}" if tests else ""
    order = ", ".join(f"{name} DESC" if span.backward else name for name in names)
    selected = "*" if with_cells else ", ".join([*names, "NULL"])
    return f"SELECT {selected} FROM t{table.id}{where} ORDER BY {order} LIMIT ?", parameters  # noqa: S608 - own names


def _cut(bound: KeyBound, backward: bool) -> tuple[list[KeyValue], bool]:
    """Return the values before MIN or MAX, and True if the cut is after the rows whose keys begin with them."""
    values: list[KeyValue] = []
    for value in bound:
        if isinstance(value, Bound):
            return values, value is Bound.MAX
        values.append(value)
    return values, backward
