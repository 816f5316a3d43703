"""The port: `TableClient`, the part of TableStore that the store uses.

Each adapter implements it, and the store calls nothing else of a backend. The docstrings are the contract, which
tests/contract tests on every backend. These rules hold for every method:

- Values are str, int (64 bit), float (finite), bool and bytes, and keep the type they were written with.
- Errors are those of `tsmem.errors`, never an SDK's or a database's own. A call that fails has changed nothing, unless
  the error is `ambiguous`: then the write may have been carried out. A missing table or index is TableNotFound.
- A call costs one request, unless its documentation says otherwise. It adds its cost to `meter`, even if it fails. A
  request that is refused before it is sent costs nothing.
- Any thread can call any method; `limiter` says how many concurrent calls are useful.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tsmem.errors import TsmemError
from tsmem.rows import ColumnType, Filter, Key, KeyBound, Range, Row, TableRef, Write

if TYPE_CHECKING:
    from tsmem.queries import Search, SearchPage

KeySchema = tuple[tuple[str, ColumnType], ...]


class Cost(NamedTuple):
    """The cost of calls, as the service bills it: requests over the wire, retries included, and capacity units. A read
    costs one unit for each 4 KB or part of it before any filter; so does each written row."""

    requests: int = 0
    read_units: int = 0
    write_units: int = 0
    rows_scanned: int = 0
    """Rows read before any filter. A call that is counted in `filtered` adds only the rows that passed the filter."""
    filtered: int = 0
    """Calls with a filter whose reply does not say how many rows were read. If there are any, `rows_scanned` is a lower
    bound."""

    def plus(self, other: Cost) -> Cost:
        return Cost(*(a + b for a, b in zip(self, other, strict=True)))


class Meter:
    """Adds up costs. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.total = Cost()

    def add(self, cost: Cost) -> None:
        with self._lock:
            self.total = self.total.plus(cost)


class ConcurrencyLimiter:
    """Estimates how many concurrent calls are useful (`width`). The number grows by one with each reply until the
    service throttles. Then it is halved, and grows by one with each round of replies. Safe to share between threads."""

    def __init__(self, most: int = 1) -> None:
        self.most = most
        self.cuts = 0
        """Number of times that `width` was halved."""
        self._width = float(min(most, 4))
        self._lock = threading.Lock()

    @property
    def width(self) -> int:
        return int(self._width)

    def answered(self) -> None:
        with self._lock:
            self._width = min(float(self.most), self._width + (1 / self._width if self.cuts else 1))

    def throttled(self, cuts: int) -> None:
        """Halve the width after a call was throttled. `cuts` is the value of `self.cuts` when the call started, so that
        several calls at once halve it only once."""
        with self._lock:
            if cuts == self.cuts:
                self.cuts += 1
                self._width = max(1.0, self._width / 2)


class IndexSchema(NamedTuple):
    """A secondary index, which is read by its name, like a table. A row that lacks a column of the index key is not in
    it. tsmem creates only local ones, which are always consistent with their table."""

    name: str
    key: tuple[str, ...]
    """Key columns of the index. The service appends those key columns of the table that are missing."""
    columns: tuple[str, ...] = ()
    is_global: bool = False
    """True for a global index, which lags behind its table."""


class TableSchema(NamedTuple):
    name: str
    key: KeySchema
    indexes: tuple[IndexSchema, ...] = ()
    defined_columns: tuple[tuple[str, ColumnType], ...] = ()
    """Attribute columns of secondary indexes, with their types."""
    time_to_live_s: int = -1
    """-1 keeps rows for ever."""
    max_versions: int = 1
    allow_update: bool = True
    deviation_s: int = 86400
    """Maximum distance between now and a cell version that a client sets."""
    reserved_units: tuple[int, int] = (0, 0)
    """Read and write capacity units that are paid for in advance."""

    @property
    def ref(self) -> TableRef:
        return TableRef(self.name, tuple(name for name, _ in self.key))


class FieldType(NamedTuple):
    """The type of a field of a search index. tsmem creates only KEYWORD, LONG, DOUBLE, BOOLEAN and TEXT.

    A TEXT field has an analyzer: single_word, max_word, min_word, split or fuzzy. The n-grams of fuzzy have `min_chars`
    to `max_chars` characters. split has a `delimiter`; None means white space. split and single_word can be
    `case_sensitive`."""

    name: str
    analyzer: str | None = None
    min_chars: int | None = None
    max_chars: int | None = None
    delimiter: str | None = None
    case_sensitive: bool | None = None


class SearchIndexSchema(NamedTuple):
    """The schema of a search index. Only `describe_search_index` fills in the last four fields."""

    table: str
    name: str
    fields: tuple[tuple[str, FieldType], ...] = ()
    """A field is named after its column."""
    in_step: bool = True
    """True once the index contains the rows that are older than the index itself."""
    not_indexed: frozenset[str] = frozenset()
    """Stored fields that queries cannot use."""
    arrays: frozenset[str] = frozenset()
    not_sorted: frozenset[str] = frozenset()
    """Fields that cannot be sorted by, not counting TEXT fields, which never can."""


class RangePage(NamedTuple):
    rows: list[Row]
    """Can be empty even if there is a next page, when no scanned row passed the filter or had a requested column."""
    next_start: KeyBound | None
    """The key of the first unread row; None if the range was read to its end."""


RowOutcome = TsmemError | None
"""The outcome of one row of a batch: None if it was written."""
RowRead = Row | TsmemError | None
"""The outcome of reading one key: None if the row is missing."""


def rows_of(found: Sequence[RowRead]) -> list[Row | None]:
    rows: list[Row | None] = []
    for row in found:
        if isinstance(row, TsmemError):
            raise row
        rows.append(row)
    return rows


Announce = Callable[[KeyBound | None], None]
"""Receives the start of the next page as soon as it is known; None after the last page."""


class TableClient(Protocol):
    meter: Meter

    @property
    def limiter(self) -> ConcurrencyLimiter: ...

    @property
    def rows_per_write(self) -> int:
        """Maximum number of rows in one write_rows: 200 on TableStore."""

    def list_tables(self) -> list[str]:
        """Return the names of all tables, sorted; secondary indexes may be among them."""

    def describe_table(self, name: str) -> TableSchema: ...

    def create_table(self, schema: TableSchema) -> None:
        """Create a table with its secondary indexes. Raises AlreadyExists, InvalidInput."""

    def delete_table(self, name: str) -> None:
        """Delete a table, its rows and its secondary indexes. Raises InvalidInput while it has a search index."""

    def create_index(self, table: str, index: IndexSchema, defined: Sequence[tuple[str, ColumnType]] = ()) -> None:
        """Add a secondary index that includes existing rows. `defined` gives the types of attribute columns in its
        key. Raises AlreadyExists."""

    def delete_index(self, table: str, name: str) -> None: ...

    def list_search_indexes(self, table: str) -> list[str]:
        """Return the names of a table's search indexes, sorted."""

    def create_search_index(self, schema: SearchIndexSchema) -> None:
        """Create a search index that includes existing rows. Raises AlreadyExists, InvalidInput."""

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema: ...

    def delete_search_index(self, table: str, name: str) -> None: ...

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        """Return one row, or None if it is missing. Only the attribute columns in `columns` are read, all by default.
        A row without any of these columns counts as missing, unless a key column is among them. Raises InvalidInput."""

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        """Read 1 to 100 rows and return an outcome for each key, in the keys' order. Raises InvalidInput for no keys,
        LimitExceeded for more than 100."""

    def write_row(self, write: Write) -> None:
        """Put, update or delete one row. An update creates a missing row, unless it only deletes columns. Raises
        InvalidInput; ConditionFailed, which leaves the row as it was."""

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        """Write up to `rows_per_write` rows of any tables, together up to 4 MB, and return an outcome for each. They
        are written in order, independently of each other. A key may occur twice only if no write in the batch has an
        existence condition. Raises TableNotFound, LimitExceeded, and InvalidInput for no rows, before anything is
        written. Cost: 1 request for each 200 rows."""

    def get_range(
        self,
        table: TableRef,
        span: Range,
        *,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
        filter: Filter | None = None,  # noqa: A002 - TableStore's own word for it
        announce: Announce | None = None,
    ) -> RangePage:
        """Return one page of a range in key order. It ends at `limit` rows returned, or at 5,000 rows or 4 MB scanned,
        whichever comes first. Rows that the filter refuses, or that have none of the requested columns, are scanned and
        not returned. A service may end a page earlier, even without a row: only `next_start` says whether more is left.
        `columns` is as in get_row, and the filter sees only those. `announce` may be called with `next_start` before
        the rows are decoded, and more than once if the request is retried. Raises InvalidInput for a range that is
        empty by its bounds, or a limit below 1."""

    def search(self, table: TableRef, index: str, search: Search) -> SearchPage:
        """Return one page of the rows that match a query. A row that lacks a field, or has it in another type, is still
        found by its other fields. A written row is found within the service's delay (seconds; at once on the engine).
        Raises InvalidInput for a field that is not in the index, a query that its type cannot answer, a limit that is
        too large, offset + limit past 100,000, or a token of another query."""

    def clock_skew_s(self) -> float | None:
        """Return the seconds by which the service's clock was ahead of this machine's at its last reply, give or take
        half the round trip; None before the first reply, or without another clock. Sends no request."""

    def close(self) -> None:
        """Close connections and files. Closing twice is no error."""
