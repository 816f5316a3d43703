"""The port: what the store needs of TableStore, and no more. Adapters implement it; the store sees only that.

The docstrings here are the contract. tests/contract proves it on every backend, with tests/support/checked_client.py
round each client. Rules that hold for every method:

- Values are str, int (64 bit), float (finite), bool and bytes, and come back with the type they were written with.
- A failure is one of `tsmem.errors`, never an SDK's or a database's own; what fails has changed nothing, except after
  Unavailable with `ambiguous`, when the write may have been done.
- Every call adds its cost to `meter`, also when it fails; a request that is refused before it is sent costs nothing.
- Any method may be called from any thread; `pace` says how many calls at once are of use.
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
"""Names and types of primary key columns, in order."""


class Cost(NamedTuple):
    """What calls cost, as the service bills them."""

    requests: int = 0
    """Answers asked for over the wire, retries included."""
    read_units: int = 0
    """Read capacity units: one for each begun 4 KB read, whatever a filter kept of it."""
    write_units: int = 0
    """Write capacity units: one for each begun 4 KB of a written row."""
    rows_scanned: int = 0
    """Rows looked at, before any filter; of a call that is among `filtered`, those that the filter kept."""
    filtered: int = 0
    """Calls with a filter whose answer does not say how many rows were looked at: with any, rows_scanned is the least
    that there may have been."""

    def plus(self, other: Cost) -> Cost:
        """The sum."""
        return Cost(*(a + b for a, b in zip(self, other, strict=True)))


class Meter:
    """Adds up costs; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._total = Cost()

    def add(self, cost: Cost) -> None:
        """Count one call."""
        with self._lock:
            self._total = self._total.plus(cost)

    @property
    def total(self) -> Cost:
        """Everything counted so far."""
        return self._total


class ConcurrencyLimiter:
    """How many calls are worth having under way at once: one more for each answer until the service throttles, then
    half, and from there one more for each round of answers. Safe to share between threads."""

    FIRST = 4

    def __init__(self, most: int = 1) -> None:
        """`most` is 1 where a client gains nothing by a second call at once."""
        self.most = most
        self.cuts = 0
        """How often it was halved."""
        self._width = float(min(most, self.FIRST))
        self._lock = threading.Lock()

    @property
    def width(self) -> int:
        """Calls that may be under way now."""
        return int(self._width)

    def answered(self) -> None:
        """A call was answered."""
        with self._lock:
            self._width = min(float(self.most), self._width + (1 / self._width if self.cuts else 1))

    def throttled(self, cuts: int) -> None:
        """A call was throttled that began when there were so many cuts: those under way together halve once."""
        with self._lock:
            if cuts == self.cuts:
                self.cuts += 1
                self._width = max(1.0, self._width / 2)


class IndexSchema(NamedTuple):
    """A local secondary index: sparse, in step with its table, read by its own name."""

    name: str
    key: tuple[str, ...]
    """Its own key columns. The table's missing key columns are appended by the service."""
    columns: tuple[str, ...] = ()
    """Attribute columns it carries beside its key."""
    is_global: bool = False
    """Of one that is described: whether it is a global one, which lags behind its table. None is created so."""


class TableSchema(NamedTuple):
    """A table as it is created and described."""

    name: str
    key: KeySchema
    indexes: tuple[IndexSchema, ...] = ()
    defined_columns: tuple[tuple[str, ColumnType], ...] = ()
    """Attribute columns with a declared type: those that indexes use."""
    time_to_live_s: int = -1
    """Seconds; -1 keeps rows for ever."""
    max_versions: int = 1
    allow_update: bool = True
    """Of one that is described: whether updates are allowed. None is created otherwise."""
    deviation_s: int = 86400
    """Of one that is described: how many seconds an explicit version may be from now. None is created otherwise."""
    reserved_units: tuple[int, int] = (0, 0)
    """Of one that is described: read and write capacity units that are paid for in advance. None is created so."""

    @property
    def ref(self) -> TableRef:
        """The table as row requests name it."""
        return TableRef(self.name, tuple(name for name, _ in self.key))


class FieldType(NamedTuple):
    """The type of a field of a search index."""

    name: str
    """KEYWORD, LONG, DOUBLE, BOOLEAN or TEXT; another word is a type that this tool does not make."""
    analyzer: str | None = None
    """Of TEXT: single_word, max_word, min_word, split or fuzzy."""
    min_chars: int | None = None
    """Of fuzzy: the shortest n-gram."""
    max_chars: int | None = None
    """Of fuzzy: the longest n-gram."""
    delimiter: str | None = None
    """Of split: what stands between words; None: white space."""
    case_sensitive: bool | None = None
    """Of single_word and split: whether words keep their case."""


class SearchIndexSchema(NamedTuple):
    """A search index of a table."""

    table: str
    name: str
    fields: tuple[tuple[str, FieldType], ...] = ()
    """Field names with their types; a field's name is its column's."""
    in_step: bool = True
    """Of one that is described: whether it holds the rows that were there before it."""
    not_indexed: frozenset[str] = frozenset()
    """Of one that is described: fields that are kept, and cannot be searched by. None is created so."""
    arrays: frozenset[str] = frozenset()
    """Of one that is described: fields that hold lists of values. None is created so."""
    not_sorted: frozenset[str] = frozenset()
    """Of one that is described: fields, those of text aside, that cannot be sorted by. None is created so."""


class RangePage(NamedTuple):
    """What one get_range brought."""

    rows: list[Row]
    """May be empty although more is left: no row that was scanned passed the filter, or had a column asked for."""
    next_start: KeyBound | None
    """The key of the first unread row; None when the range is read to its end."""


RowOutcome = TsmemError | None
"""What became of one row of a batch: None when it was done."""
RowRead = Row | TsmemError | None
"""What was read of one key: the row, None if there is none, or why it could not be read."""


def rows_of(found: Sequence[RowRead]) -> list[Row | None]:
    """Return the rows of a read. Raises the first failure among them."""
    rows: list[Row | None] = []
    for row in found:
        if isinstance(row, TsmemError):
            raise row
        rows.append(row)
    return rows


Announce = Callable[[KeyBound | None], None]
"""Hears where the page behind one starts; None when there is none."""


class TableClient(Protocol):
    """TableStore as the store sees it."""

    meter: Meter

    @property
    def limiter(self) -> ConcurrencyLimiter:
        """How many calls may be under way at once."""
        ...

    @property
    def rows_per_write(self) -> int:
        """How many rows write_rows takes: 200 on TableStore."""
        ...

    def list_tables(self) -> list[str]:
        """Names of all tables, in order of name; secondary indexes may be among them. Cost: 1 request."""
        ...

    def describe_table(self, name: str) -> TableSchema:
        """The table's schema. Raises TableNotFound. Cost: 1 request."""
        ...

    def create_table(self, schema: TableSchema) -> None:
        """Create a table with its secondary indexes. Raises AlreadyExists, InvalidInput. Cost: 1 request."""
        ...

    def delete_table(self, name: str) -> None:
        """Delete a table, its rows and its secondary indexes. Raises TableNotFound; InvalidInput while a search index
        stands on it. Cost: 1 request."""
        ...

    def create_index(self, table: str, index: IndexSchema, defined: Sequence[tuple[str, ColumnType]] = ()) -> None:
        """Add a secondary index that includes the rows already there. `defined` gives the types of attribute columns
        in its key. Raises TableNotFound, AlreadyExists. Cost: 1 request."""
        ...

    def delete_index(self, table: str, name: str) -> None:
        """Delete a secondary index. Raises TableNotFound. Cost: 1 request."""
        ...

    def list_search_indexes(self, table: str) -> list[str]:
        """Names of a table's search indexes, in order of name. Raises TableNotFound. Cost: 1 request."""
        ...

    def create_search_index(self, schema: SearchIndexSchema) -> None:
        """Create a search index over the rows already there and to come. Raises TableNotFound, AlreadyExists,
        InvalidInput. Cost: 1 request."""
        ...

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema:
        """A search index's fields. Raises TableNotFound. Cost: 1 request."""
        ...

    def delete_search_index(self, table: str, name: str) -> None:
        """Delete a search index; the table's rows stay. Raises TableNotFound. Cost: 1 request."""
        ...

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        """One row, or None. `columns` names the attribute columns wanted: None for all; with names, a row that has none
        of them is None too, unless a key column is among them. Raises TableNotFound, InvalidInput. Cost: 1 request."""
        ...

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        """Read up to 100 rows. Return for each key, in their order, the row, None if it is missing, or why it could not
        be read. Raises TableNotFound, LimitExceeded past 100 keys. Cost: 1 request."""
        ...

    def write_row(self, write: Write) -> None:
        """Write one row: put it whole, change some of its columns, or delete it. An update that only deletes columns
        of a missing row does not create it. Raises ConditionFailed, TableNotFound, InvalidInput. Cost: 1 request."""
        ...

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        """Write up to `rows_per_write` rows of any tables, 4 MB together, in order, each for itself. The result says of
        each what became of it. A key may come twice only where no write in its batch has an existence condition. Raises
        (for the whole, nothing done) TableNotFound, LimitExceeded, InvalidInput for no rows. Cost: 1 request for each
        200 rows."""
        ...

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
        """One page of a range in key order. It ends at `limit` rows returned, or at 5,000 rows or 4 MB scanned,
        whichever comes first. Rows that the filter refuses, or that have no column asked for, are scanned and not
        returned. A service may end a page earlier, also without a row: only `next_start` says whether more is left.
        `columns` as in get_row, and the filter sees only those. `announce` may be called with `next_start` as soon as
        that is known, before the rows are decoded; more than once where the page is asked for again.

        Raises TableNotFound; InvalidInput for a range that is empty by its bounds, or a limit below 1.
        Cost: 1 request."""
        ...

    def search(self, table: TableRef, index: str, search: Search) -> SearchPage:
        """Return one page of the rows that a search index finds. A row that lacks a field, or has it in another type,
        is found by its other fields all the same. A written row is found within the service's delay (seconds; at once
        on the engine). `total_is_exact` says whether other rows may have been counted.

        Raises TableNotFound for a missing table or index; InvalidInput for a field that is not in the index, a query
        that its type cannot answer, a limit past 100, offset + limit past 100,000, or a token of another query.
        Cost: 1 request."""
        ...

    def clock_skew_s(self) -> float | None:
        """Seconds by which the service's clock was ahead of this machine's at the last answer that told the time, give
        or take half of what the answer took; None before there was one, and where there is no other clock. Cost:
        nothing."""
        ...

    def close(self) -> None:
        """Let go of connections and files. Closing twice is no error."""
        ...
