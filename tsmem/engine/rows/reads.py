"""GetRow, BatchGetRow and GetRange.

Rows are counted and measured before they are filtered, both for capacity units and for the 5,000 rows or 4 MB that end
a page. A row counts its key and the columns asked for, by TableStore's size rule. Only the limit of GetRange counts the
rows that are returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tsmem.engine import service_errors
from tsmem.engine.file.connections import Transaction
from tsmem.engine.requests import BatchGetRow, GetRange, GetRow, PageReply, RowReply, RowsReply
from tsmem.engine.rows.cells import size_of, unpack, unpack_some
from tsmem.engine.rows.filters import Predicate, compile_filter, necessary
from tsmem.engine.rows.ranges import range_query
from tsmem.engine.tables import Table
from tsmem.errors import LimitExceeded, StorageFailure
from tsmem.limits import MAX_BYTES_PER_PAGE, MAX_ROWS_PER_PAGE, MAX_ROWS_PER_READ, capacity_units, check_key
from tsmem.port import Cost, RangePage
from tsmem.rows import Filter, Key, Row, TableRef, Value

if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    C = TypeVar("C")
    C_co = TypeVar("C_co", covariant=True)
    R = TypeVar("R")

    class Reader(Protocol[C_co]):
        """How the rows of a request are read."""

        is_key: bool
        """Whether cells need not be there."""
        may_skip: bool
        """True if a row that is there may be left out of the reply."""

        @property
        def whole(self) -> Callable[[bytes], tuple[int, C_co]] | None:
            """What reads a row from its bytes alone, where every row is given with all its columns."""

        def read(self, key: Key, blob: bytes) -> tuple[int, C_co | None]:
            """The size that was read, and what is read; None for a row that is not given."""


_FETCHED_AT_ONCE = 128
_FETCHED_BYTES = 256 * 1024
"""Rows taken from SQLite at a time: few to begin with, then as many as these bytes hold. What lies behind the 4 MB that
end a page is read for nothing."""


class Selection:
    """Which columns of a row are asked for, and which rows are given at all."""

    def __init__(self, table: Table, columns: Sequence[str] | None, test: Filter | None) -> None:
        self._wanted = frozenset(columns) if columns else None
        self._needs_column = self._wanted is not None and self._wanted.isdisjoint(table.names)
        self._passes: Predicate | None = compile_filter(test, table.names) if test is not None else None
        self._key_bytes = table.key_bytes
        self.is_key = self._wanted is not None and self._wanted.issubset(table.names)
        """Whether nothing but the key is read: then a filter sees nothing else either, and cells need not be there."""
        self.may_skip = self._needs_column or self._passes is not None
        """True if a row that is there may be left out of the reply."""


class _Projection(Selection):
    """The latest version of the columns asked for."""

    def __init__(self, table: Table, columns: Sequence[str] | None, test: Filter | None) -> None:
        super().__init__(table, columns, test)
        self.whole = unpack if self._wanted is None and self._passes is None else None
        self._can_pass = necessary(test, table.names) if test is not None and self._wanted is None else None

    def read(self, key: Key, blob: bytes) -> tuple[int, Mapping[str, Value] | None]:
        """The size that was read, and the columns; None for a row that is not given."""
        if self._can_pass is not None and not self._can_pass(key, blob):
            return size_of(blob), None
        size, columns = self._columns(key, blob)
        if self._needs_column and not columns:
            return size, None
        if self._passes is not None and not self._passes(key, columns):
            return size, None
        return size, columns

    def _columns(self, key: Key, blob: bytes) -> tuple[int, Mapping[str, Value]]:
        if self.is_key:
            return self._key_bytes(key), {}
        return unpack(blob) if self._wanted is None else unpack_some(blob, self._wanted)


def get_row(transaction: Transaction, request: GetRow) -> RowReply:
    """One row. Raises TableNotFound, InvalidInput."""
    table = transaction.catalog().table(request.table.name)
    projection = _Projection(table, request.columns, request.filter)
    columns, size = read_one(transaction, table, request.table, request.key, projection)
    row = None if columns is None else Row(tuple(request.key), columns)
    return RowReply(row, Cost(1, capacity_units(size), 0, 1 if size else 0))


def get_rows(transaction: Transaction, request: BatchGetRow) -> RowsReply:
    """Rows in the order of their keys. Units are begun for each row. Raises TableNotFound, InvalidInput."""
    check_key_count(request.keys)
    table = transaction.catalog().table(request.table.name)
    projection = _Projection(table, request.columns, request.filter)
    rows: list[Row | None] = []
    units = scanned = 0
    for key in request.keys:
        columns, size = read_one(transaction, table, request.table, key, projection)
        rows.append(None if columns is None else Row(tuple(key), columns))
        units += capacity_units(size)
        scanned += 1 if size else 0
    return RowsReply(rows, Cost(1, units, 0, scanned))


def check_key_count(keys: Sequence[Key]) -> None:
    """Raises InvalidInput for no keys, LimitExceeded for too many."""
    if not keys:
        raise service_errors.invalid("No row specified in the request of BatchGetRow.")
    if len(keys) > MAX_ROWS_PER_READ:
        message = f"Rows count exceeds the upper limit: {MAX_ROWS_PER_READ}."
        raise LimitExceeded(message, service_code="OTSParameterInvalid")


def read_one(
    transaction: Transaction, table: Table, ref: TableRef, key: Key, projection: Reader[C]
) -> tuple[C | None, int]:
    """What is read of one row, None where it is not there or not given, and the size of it. Raises InvalidInput."""
    table.check_key(ref, key)
    check_key(table.names, key)
    found = transaction.execute(table.read_sql, key).fetchone()
    if found is None:
        return None, 0
    try:
        size, columns = projection.read(key, found[0])
    except StorageFailure as error:
        raise _of_row(error, key) from error
    return columns, size


def _of_row(error: StorageFailure, key: Key) -> StorageFailure:
    """What is damaged, with the row that it is."""
    return StorageFailure(f"{error.message}: row {'/'.join(map(str, key))}", hint=error.hint)


def get_range(transaction: Transaction, request: GetRange) -> PageReply:
    """One page of a range. Raises TableNotFound, InvalidInput."""
    table = transaction.catalog().table(request.table.name)
    projection = _Projection(table, request.columns, request.filter)
    rows, next_start, cost = read_page(transaction, table, request, projection, Row)
    return PageReply(RangePage(rows, next_start), cost)


def read_page(
    transaction: Transaction, table: Table, request: GetRange, projection: Reader[C], make: Callable[[Key, C], R]
) -> tuple[list[R], Key | None, Cost]:
    """One page of a range: its rows, the first key that was not read, and the cost. Raises InvalidInput."""
    if request.limit is not None and request.limit < 1:
        raise service_errors.limit_not_positive()
    query = range_query(table, request.table, request.span, cells=not projection.is_key)
    limit = MAX_ROWS_PER_PAGE if request.limit is None else min(request.limit, MAX_ROWS_PER_PAGE)
    most = MAX_ROWS_PER_PAGE if projection.may_skip else limit
    cursor = transaction.execute(query.sql, [*query.parameters, most + 1])
    cursor.arraysize = 4
    rows: list[R] = []
    scanned = size = 0
    next_start: Key | None = None
    while next_start is None and (batch := cursor.fetchmany()):
        taken, size, next_start = _take(batch, projection, make, rows, limit, most - scanned, size)
        scanned += taken
        cursor.arraysize = max(1, min(_FETCHED_AT_ONCE, _FETCHED_BYTES * scanned // max(1, size)))
    cursor.close()
    return rows, next_start, Cost(1, capacity_units(size), 0, scanned)


def _take(
    batch: list[tuple[object, ...]],
    projection: Reader[C],
    make: Callable[[Key, C], R],
    rows: list[R],
    limit: int,
    most: int,
    size: int,
) -> tuple[int, int, Key | None]:
    """Add a batch's rows to a page until it has `limit` rows, or `most` more were read. Returns how many were read, the
    page's size then, and the first key that did not fit. The first row of a page always fits; no row has the size
    0."""
    read = projection.whole
    add = rows.append
    taken = 0
    for *values, blob in batch:
        key: Key = tuple(values)  # type: ignore[arg-type]
        if taken == most or len(rows) == limit:
            return taken, size, key
        try:
            row_size, columns = read(blob) if read is not None else projection.read(key, blob)  # type: ignore[arg-type]
        except StorageFailure as error:
            raise _of_row(error, key) from error
        if size + row_size > MAX_BYTES_PER_PAGE and size:
            return taken, size, key
        size += row_size
        taken += 1
        if columns is not None:
            add(make(key, columns))
    return taken, size, None
