"""GetRow, BatchGetRow and GetRange: the one path on which rows are read.

`engine.py` calls `get_rows` and `get_range` with a kind of reader, which turns a row's key and packed cells into what
the reply holds: `RowReader` reads the latest version of each column, `CellReader` (`versioned_reads.py`) the cells of a
view.

Rows are counted and measured before they are filtered, both for capacity units and for the 5,000 rows or 4 MB that end
a page. A row counts its key and the columns asked for, by TableStore's size rule. Only the limit of GetRange counts the
rows that are returned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from tsmem.engine.file.connections import Transaction
from tsmem.engine.requests import BatchGetRow, GetRange, PageReply, RowsReply, invalid
from tsmem.engine.rows.cells import size_of, unpack, unpack_some
from tsmem.engine.rows.filters import compile_filter, necessary
from tsmem.engine.tables import Table
from tsmem.errors import StorageFailure
from tsmem.limits import MAX_BYTES_PER_PAGE, MAX_ROWS_PER_PAGE, capacity_units, check_key, check_read
from tsmem.port import Cost
from tsmem.rows import Bound, Filter, Key, KeyBound, KeyValue, Range, Row, TableRef

R = TypeVar("R")


class Reader(Generic[R]):
    """Reads the rows of one request."""

    def __init__(self, table: Table, columns: Sequence[str] | None, test: Filter | None) -> None:
        self._wanted = frozenset(columns) if columns else None
        self._needs_column = self._wanted is not None and self._wanted.isdisjoint(table.names)
        self._passes = compile_filter(test, table.names) if test is not None else None
        self._key_bytes = table.key_bytes
        self.key_only = self._wanted is not None and self._wanted.issubset(table.names)
        """True if nothing but the key is read, so that cells may be None. A filter then sees no columns either."""
        self.may_skip = self._needs_column or self._passes is not None

    def read(self, key: Key, blob: bytes) -> tuple[int, R | None]:
        """Return the size that counts, and the row; None if it does not pass, or has none of the columns asked for.
        Raises StorageFailure."""
        raise NotImplementedError


class RowReader(Reader[Row]):
    def __init__(self, table: Table, columns: Sequence[str] | None, test: Filter | None) -> None:
        super().__init__(table, columns, test)
        self._is_plain = self._wanted is None and test is None
        self._can_pass = necessary(test, table.names) if test is not None and self._wanted is None else None

    def read(self, key: Key, blob: bytes) -> tuple[int, Row | None]:
        if self._is_plain:
            size, columns = unpack(blob)
            return size, Row(key, columns)
        if self._can_pass is not None and not self._can_pass(key, blob):
            return size_of(blob), None
        if self.key_only:
            size, columns = self._key_bytes(key), {}
        else:
            size, columns = unpack(blob) if self._wanted is None else unpack_some(blob, self._wanted)
        if (self._needs_column and not columns) or (self._passes is not None and not self._passes(key, columns)):
            return size, None
        return size, Row(key, columns)


MakeReader = Callable[[Table, Sequence[str] | None, Filter | None], Reader[R]]


def get_rows(transaction: Transaction, request: BatchGetRow, make_reader: MakeReader[R]) -> RowsReply[R]:
    """Read rows by their keys. Raises TableNotFound, InvalidInput."""
    check_read(request.keys)
    table = transaction.catalog().table(request.table.name)
    reader = make_reader(table, request.columns, request.filter)
    rows: list[R | None] = []
    costs: list[Cost] = []
    for key in request.keys:
        table.check_key(request.table, key)
        check_key(table.names, key)
        found = transaction.execute(table.read_sql, key).fetchone()
        try:
            size, row = (0, None) if found is None else reader.read(tuple(key), found[0])
        except StorageFailure as error:
            raise _damaged(error, key) from error
        rows.append(row)
        costs.append(Cost(0, capacity_units(size), 0, 0 if found is None else 1))
    return RowsReply(rows, costs)


def get_range(transaction: Transaction, request: GetRange, make_reader: MakeReader[R]) -> PageReply[R]:
    """Read one page of a range. The first row of a page always fits. Raises TableNotFound, InvalidInput."""
    table = transaction.catalog().table(request.table.name)
    reader = make_reader(table, request.columns, request.filter)
    if request.limit is not None and request.limit < 1:
        raise invalid("The limit must be greater than 0.")
    limit = MAX_ROWS_PER_PAGE if request.limit is None else min(request.limit, MAX_ROWS_PER_PAGE)
    most = MAX_ROWS_PER_PAGE if reader.may_skip else limit
    sql, parameters = _range_query(table, request.table, request.span, cells=not reader.key_only)
    read = reader.read
    rows: list[R] = []
    scanned = size = 0
    next_start: Key | None = None
    cursor = transaction.execute(sql, (*parameters, most + 1))
    for record in cursor:
        key: Key = record[:-1]
        if scanned == most or len(rows) == limit:
            next_start = key
            break
        try:
            row_size, row = read(key, record[-1])
        except StorageFailure as error:
            raise _damaged(error, key) from error
        if size + row_size > MAX_BYTES_PER_PAGE and size:
            next_start = key
            break
        size += row_size
        scanned += 1
        if row is not None:
            rows.append(row)
    cursor.close()
    return PageReply(rows, next_start, Cost(1, capacity_units(size), 0, scanned))


def _damaged(error: StorageFailure, key: Key) -> StorageFailure:
    return StorageFailure(f"{error.message}: row {'/'.join(map(str, key))}", hint=error.hint)


def _range_query(table: Table, ref: TableRef, span: Range, *, cells: bool) -> tuple[str, list[KeyValue]]:
    """Return the SQL for a range's rows in order, and its parameters but the last, the number of rows. Raises
    InvalidInput for an empty range. The last column holds the cells; without `cells` it is NULL, and only the key's
    index is read.

    Each end of a range is a cut just before or just after all rows whose keys begin with some values. MIN cuts before
    them, MAX after them. A whole key cuts before its row going forward and after it going backward, so that starts are
    inclusive and ends exclusive in both directions. Values that both cuts share become equalities, so that SQLite's
    planner reads one stretch of the key's index."""
    for bound in (span.start, span.end):
        table.check_key(ref, bound, is_bound=True)
        values = _cut(bound, span.backward)[0]
        check_key(table.names[: len(values)], tuple(values))
    if span.is_empty:
        side, direction = ("more", "BACKWARD") if span.backward else ("less", "FORWARD")
        raise invalid(f"Begin key must {side} than end key in {direction}")
    low, high = (span.end, span.start) if span.backward else (span.start, span.end)
    (low_values, after_low), (high_values, after_high) = _cut(low, span.backward), _cut(high, span.backward)
    names = [f"k{place}" for place in range(len(table.names))]
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
    wanted = "*" if cells else ", ".join([*names, "NULL"])
    return f"SELECT {wanted} FROM t{table.id}{where} ORDER BY {order} LIMIT ?", parameters  # noqa: S608 - own names


def _cut(bound: KeyBound, backward: bool) -> tuple[list[KeyValue], bool]:
    """Return the values that rows begin with, and True if the cut is after those rows."""
    values: list[KeyValue] = []
    for value in bound:
        if isinstance(value, Bound):
            return values, value is Bound.MAX
        values.append(value)
    return values, backward
