"""The operations that sessions and messages share: write, update and delete an item, and list pages.

`sessions.py` and `messages.py` subclass `Collection`; the rest of their differences is data in `layout.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Generic, NamedTuple

from tsmem import limits
from tsmem.clock import Clock
from tsmem.errors import AlreadyExists, ConditionFailed, InvalidInput, NotFound, TsmemError
from tsmem.port import TableClient
from tsmem.rows import (
    MAX,
    MIN,
    MUST_EXIST,
    MUST_NOT_EXIST,
    UNCONDITIONAL,
    Delete,
    Key,
    Range,
    Row,
    TableRef,
    Update,
    Value,
)
from tsmem.store.codec import Codec
from tsmem.store.listing import cursor
from tsmem.store.listing.cursor import Window
from tsmem.store.listing.scan import ItemStream, ReadProgress, RowScan, Scan, read_filter
from tsmem.store.metadata import EMPTY
from tsmem.store.model import Item
from tsmem.store.requests import ListRequest

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import Readable, RowFilter
    from tsmem.store.search.finder import Finder

ANY_TIME = Window(None, None)
MAX_SAMPLE = 100
"""Rows of a sample."""
MAX_IDS = 1000
"""Rows whose keys are read to find an id like the given one."""


class Changes(NamedTuple):
    """The changes that an update makes to an item's metadata and fields."""

    metadata: Mapping[str, Value] = EMPTY
    unset: tuple[str, ...] = ()
    """Metadata keys or fields to remove; a missing one is no error."""
    replace_metadata: bool = False
    """True to remove all metadata that is not in `metadata`."""


NO_CHANGES = Changes()


class Sample(NamedTuple):
    """The first rows of a listing, to explain why another one is empty."""

    rows: int
    columns: frozenset[str]
    whole: bool
    """True if there are no other rows."""


class Collection(Generic[Item]):
    def __init__(self, client: TableClient, codec: Codec[Item], clock: Clock, target: str) -> None:
        self._client = client
        self._codec = codec
        self._clock = clock
        self._target = target
        self._layout = codec.layout
        self._noun = codec.layout.noun
        self.read_progress = ReadProgress()

    def put(self, item: Item, *, if_absent: bool = False) -> None:
        """Write a whole item and replace the one before it.

        Raises InvalidInput before anything is sent, AlreadyExists with `if_absent`. Cost: 1 request."""
        put = self._codec.encode(item, MUST_NOT_EXIST if if_absent else UNCONDITIONAL)
        try:
            self._client.write_row(put)
        except ConditionFailed as error:
            raise AlreadyExists(f"{self._name(put.key)} exists already") from error

    def check(self, item: Item) -> None:
        """Raise InvalidInput or LimitExceeded for an item that cannot be stored. Sends nothing."""
        self._codec.encode(item)

    def stored(self, item: Item) -> Item | None:
        """Return the stored item with the same key, or None. Cost: 1 request."""
        return self._find(self._codec.key_of(item))

    def name_of(self, item: Item) -> str:
        return self._name(self._codec.key_of(item))

    def _find(self, key: Key) -> Item | None:
        row = self._client.get_row(self._codec.table, key)
        if row is None:
            return None
        self.read_progress.returned += 1
        return self._codec.decode(row)

    def _get(self, key: Key) -> Item:
        item = self._find(key)
        if item is None:
            raise self._missing(key)
        return item

    def _delete(self, key: Key, *, missing_ok: bool) -> bool:
        """Delete an item. Return False if it did not exist."""
        try:
            self._client.write_row(Delete(self._codec.table, key, MUST_EXIST))
        except ConditionFailed as error:
            if missing_ok:
                return False
            raise self._missing(key) from error
        return True

    def _update(self, key: Key, fields: Mapping[str, Value | None], changes: Changes) -> None:
        """Set fields that are not None and apply the changes. Cost: 1 request, 2 with `replace_metadata`, which reads
        the row first."""
        columns = {name: value for name, value in fields.items() if value is not None}
        self._codec.check_fields(columns)
        self._codec.check_changes(changes.metadata, changes.unset, columns)
        delete = set(changes.unset)
        if changes.replace_metadata:
            # A field's column with another type, as another library wrote it, is metadata and is replaced too.
            delete |= set(self._get(key).metadata) - set(columns)
        elif not columns and not changes.metadata and not delete:
            raise InvalidInput("nothing to change", hint=f"say what to change in the {self._noun}")
        columns.update(changes.metadata)
        update = Update(self._codec.table, key, columns, tuple(sorted(delete - set(columns))), MUST_EXIST)
        limits.check_write(update)
        if not update.columns and not update.delete:
            return
        try:
            self._client.write_row(update)
        except ConditionFailed as error:
            raise self._missing(key) from error

    def _name(self, key: Key) -> str:
        owner = self._codec.table.key[0].removesuffix("_id")
        first, last = str(key[0]), str(key[-1])
        return f"{self._noun} '{last}' of {owner} '{first}'"

    def _missing(self, key: Key) -> TsmemError:
        when = f" at the create time {key[1]!r}" if self._noun == "message" else ""
        return NotFound(f"there is no {self._name(key)}{when}")

    # Listings

    def first_ids(self, prefix: str = "") -> Iterator[str]:
        """Yield the distinct values of the key's first column (users, or sessions with messages) that begin with a
        prefix, in order. Cost: 1 request each, however many rows they have."""
        table = self._codec.table
        span = table.range_of()
        if prefix:
            span = span._replace(start=table.range_of(prefix).start)
        while True:
            row = next(RowScan(self._client, Scan(table, span, columns=table.key[:1]), 1), None)
            if row is None or not str(first := row.key[0]).startswith(prefix):
                return
            yield str(first)
            span = span._replace(start=table.range_of(first).end)

    def ids_of(self, first: str, prefix: str = "") -> Iterator[str]:
        """Yield the distinct ids of a user's sessions, or a session's messages, that begin with a prefix, in order.
        Cost: ceil(n / 5,000) requests."""
        table = self._layout.index_ref if self._noun == "message" else self._codec.table  # the one that sorts by id
        first = self._codec.check_id(table.key[0], first)
        span = table.range_of(first)
        if prefix:
            span = span._replace(start=table.range_of(first, prefix).start)
        previous = None
        for row in RowScan(self._client, Scan(table, span, columns=table.key[:1])):
            found = str(row.key[1])
            if not found.startswith(prefix):
                return
            if found != previous:
                yield found
            previous = found

    def sample(self, first: str | None) -> Sample:
        """Return the first rows of a user's sessions, of a session's messages, or of all (None). Raises InvalidInput.
        Cost: 1 request."""
        table = self._codec.table
        scan = RowScan(self._client, Scan(table, self._span(table, first)), MAX_SAMPLE)
        rows = list(islice(scan, MAX_SAMPLE))
        return Sample(len(rows), frozenset(name for row in rows for name in row.columns), not scan.has_more())

    def ids_like(self, text: str) -> list[str]:
        """Return some users, or sessions with messages, whose ids begin with the text's first letter in either case, or
        come after it. Cost: 1 request."""
        table = self._codec.table
        start = table.range_of(min(text[:1], text[:1].upper())).start
        scan = Scan(table, Range(start, table.range_of().end), columns=table.key[:1])
        return list(dict.fromkeys(str(row.key[0]) for row in islice(RowScan(self._client, scan, MAX_IDS), MAX_IDS)))

    @property
    def field_names(self) -> frozenset[str]:
        return self._layout.reserved

    def _span(self, table: TableRef, first: str | None, window: Window = ANY_TIME, *, backward: bool = False) -> Range:
        """Return the range of one user or session, or of all rows (None). The window limits the table's second key
        column, which must be the time."""
        span = table.range_of() if first is None else table.range_of(self._codec.check_id(table.key[0], first))
        low, high = span.start, span.end
        if first is not None and window.since is not None:
            low = (first, window.since, MIN)
        if first is not None and window.until is not None:
            high = (first, window.until, MAX)
        return Range(high, low, backward=True) if backward else Range(low, high)

    def _stream(
        self,
        request: ListRequest,
        table: TableRef,
        scan_at: Callable[[Window], Scan],
        whole: Callable[[RowScan, Callable[[Row], bool] | None], Iterator[tuple[Key, Item]]] | None = None,
    ) -> ItemStream[Item]:
        """Return a listing. `scan_at` gets the window once its ages are points in time; `whole` reads whole items where
        decoding rows is not enough, and tests them if the rows alone cannot decide the filter."""
        digest, row_filter, window, after, _ = request.begin(
            self._codec, table, f"{self._target}/{table.name}", self._clock
        )
        test = None
        if row_filter is not None and not self._readable(table).covers(row_filter):
            test = row_filter.test(self._codec.table.key)  # any number of rows may be needed
        scan = self._filtered(scan_at(window), row_filter)
        rows = self.read(scan, request.limit if test is None else None, after)
        items = map(self._keyed, rows) if whole is None else whole(rows, test)

        def has_more() -> bool:
            return (test is None and rows.has_more()) or next(items, None) is not None

        return ItemStream(
            items,
            has_more,
            request.limit,
            lambda key: cursor.encode_token(digest, window, key),
            request.page_token,
            self.read_progress,
        )

    def read(self, scan: Scan, want: int | None = None, after: Key | None = None) -> RowScan:
        """Return the rows of a scan, whose pages are progress of this collection."""
        return RowScan(self._client, scan, want, after, self.read_progress)

    def _keyed(self, row: Row) -> tuple[Key, Item]:
        return row.key, self._codec.decode(row)

    @cached_property
    def _finder(self) -> Finder[Item]:
        from tsmem.store.search.finder import Finder

        return Finder(self._client, self._codec, self._clock, self._target, self.read_progress)

    def _filtered(self, scan: Scan, row_filter: RowFilter | None) -> Scan:
        """Add a filter to a scan. The service gets the part that it can test; the scan tests the whole filter if it
        reads all of the filter's columns, which are added to the columns that the scan names."""
        if row_filter is None:
            return scan
        from tsmem.store.filters.row_filter import MAX_COLUMNS, MAX_SENT, condition_count, join_filters

        readable = self._readable(scan.table)
        sent = row_filter.sent(readable, MAX_SENT - condition_count(scan.filter))
        columns = scan.columns and tuple(dict.fromkeys((*scan.columns, *sorted(row_filter.columns))))
        if columns and len(columns) > MAX_COLUMNS:
            columns = None
        test = row_filter.test(scan.table.key) if readable.covers(row_filter) else None
        return Scan(scan.table, scan.span, join_filters(scan.filter, sent.filter), columns, test, sent.exact)

    def _rows(self, scan: Scan, filter: str | None, *, begin: bool = False) -> Iterator[Row]:  # noqa: A002
        """Return the rows of a scan that match a filter. `begin` sends the first request now. Raises InvalidInput at
        once."""
        rows = self.read(self._filtered(scan, read_filter(filter)))
        return self._counted(rows.begin() if begin else rows)

    def _counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self.read_progress.returned += 1
            yield row

    def _readable(self, table: TableRef) -> Readable:
        from tsmem.store.filters.row_filter import Readable

        return Readable(self._codec.key_types(table), table.name == self._codec.table.name)
