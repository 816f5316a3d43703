"""The operations that sessions and messages share. `Sessions` and `Messages` are the subclasses.

The owner of a session is its user, and the owner of a message is its session. The owner's id is the first column of the
primary key, and of the secondary index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import groupby, islice
from typing import TYPE_CHECKING, Generic

from tsmem import limits
from tsmem.clock import Clock
from tsmem.errors import AlreadyExists, ConditionFailed, InvalidInput, NotFound, TsmemError
from tsmem.port import TableClient
from tsmem.rows import MUST_EXIST, MUST_NOT_EXIST, UNCONDITIONAL, Delete, Key, Range, Row, TableRef, Update, Value
from tsmem.store.codec import Codec
from tsmem.store.listing.requests import ListRequest, Window, read_filter
from tsmem.store.listing.scan import ItemStream, ReadProgress, RowScan, Scan
from tsmem.store.model import Changes, Item

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import ReadableColumns, RowFilter
    from tsmem.store.search.finder import Finder

ANY_TIME = Window(None, None)
MAX_FIRST_ROWS = 100
MAX_ROWS_FOR_IDS = 1000


class Collection(Generic[Item]):
    def __init__(self, client: TableClient, codec: Codec[Item], clock: Clock, target: str) -> None:
        self.client = client
        self.codec = codec
        self._clock = clock
        self._target = target
        self._layout = codec.layout
        self._noun = codec.layout.noun
        self.read_progress = ReadProgress()

    def put(self, item: Item, *, if_absent: bool = False) -> None:
        """Write a whole item, replacing an existing one. With `if_absent`, raises AlreadyExists instead of replacing.

        Raises InvalidInput before anything is sent. Cost: 1 request."""
        put = self.codec.encode(item, MUST_NOT_EXIST if if_absent else UNCONDITIONAL)
        try:
            self.client.write_row(put)
        except ConditionFailed as error:
            raise AlreadyExists(f"{self._name(put.key)} exists already") from error

    def check(self, item: Item) -> None:
        """Raise InvalidInput if `put` would refuse the item. Cost: nothing."""
        self.codec.encode(item)

    def stored(self, item: Item) -> Item | None:
        """Return the stored item that has the key of this one, or None. Cost: 1 request."""
        return self._find(self.codec.key_of(item))

    def name_of(self, item: Item) -> str:
        return self._name(self.codec.key_of(item))

    def _find(self, key: Key) -> Item | None:
        row = self.client.get_row(self.codec.table, key)
        if row is None:
            return None
        self.read_progress.returned += 1
        return self.codec.decode(row)

    def _get(self, key: Key) -> Item:
        item = self._find(key)
        if item is None:
            raise self._missing(key)
        return item

    def _delete(self, key: Key, *, missing_ok: bool) -> bool:
        try:
            self.client.write_row(Delete(self.codec.table, key, MUST_EXIST))
        except ConditionFailed as error:
            if missing_ok:
                return False
            raise self._missing(key) from error
        return True

    def _update(self, key: Key, fields: Mapping[str, Value | None], changes: Changes) -> None:
        columns = {name: value for name, value in fields.items() if value is not None}
        self.codec.check_fields(columns)
        self.codec.check_changes(changes.metadata, changes.unset, columns)
        delete = set(changes.unset)
        if changes.replace_metadata:
            # This includes field columns in which another library stored a value of another type.
            delete |= set(self._get(key).metadata) - set(columns)
        elif not columns and not changes.metadata and not delete:
            raise InvalidInput(
                "nothing to change",
                hint=f"give at least one option that changes a value; see tsmem {self._noun} update --help",
            )
        columns.update(changes.metadata)
        update = Update(self.codec.table, key, columns, tuple(sorted(delete - set(columns))), MUST_EXIST)
        limits.check_write(update)
        if not update.columns and not update.delete:
            return
        try:
            self.client.write_row(update)
        except ConditionFailed as error:
            raise self._missing(key) from error

    def _name(self, key: Key) -> str:
        owner = "of user" if self._noun == "session" else "in session"
        first, last = str(key[0]), str(key[-1])
        return f"{self._noun} '{last}' {owner} '{first}'"

    def _missing(self, key: Key) -> TsmemError:
        when = f" at the create time {key[1]!r}" if self._noun == "message" else ""
        return NotFound(f"there is no {self._name(key)}{when}")

    # Listings

    def owner_ids(self, prefix: str = "") -> Iterator[str]:
        """Yield the owners' ids that begin with a prefix, in order. Cost: 1 request for each id, and 1 more."""
        table = self.codec.table
        span = table.range_of()
        if prefix:
            span = span._replace(start=table.range_of(prefix).start)
        while True:
            row = next(RowScan(self.client, Scan(table, span, columns=table.key[:1]), 1), None)
            if row is None or not str(owner_id := row.key[0]).startswith(prefix):
                return
            yield str(owner_id)
            span = span._replace(start=table.range_of(owner_id).end)

    def ids_of(self, owner_id: str, prefix: str = "") -> Iterator[str]:
        """Yield an owner's item ids that begin with a prefix, in order, each once. Cost: ceil(n / 5,000) requests."""
        table = self._layout.index_ref if self._noun == "message" else self.codec.table  # ordered by owner and id
        owner_id = self.codec.check_id(table.key[0], owner_id)
        span = table.range_of(owner_id)
        if prefix:
            span = span._replace(start=table.range_of(owner_id, prefix).start)
        rows = RowScan(self.client, Scan(table, span, columns=table.key[:1]))
        for item_id, _ in groupby(str(row.key[1]) for row in rows):
            if not item_id.startswith(prefix):
                return
            yield item_id

    def first_rows(self, owner_id: str | None) -> tuple[list[Row], bool]:
        """Return the first 100 rows of one owner, or of the table without an owner, and True if no other rows follow.
        Raises InvalidInput. Cost: 1 request."""
        table = self.codec.table
        scan = RowScan(self.client, Scan(table, self._span(table, owner_id)), MAX_FIRST_ROWS)
        return list(islice(scan, MAX_FIRST_ROWS)), not scan.has_more()

    def owner_ids_like(self, text: str) -> list[str]:
        """Return ids of owners that a mistyped id could mean: those of the first 1,000 rows from its first letter on,
        taken as a capital. Cost: 1 request."""
        table = self.codec.table
        span = Range(table.range_of(min(text[:1], text[:1].upper())).start, table.range_of().end)
        scan = RowScan(self.client, Scan(table, span, columns=table.key[:1]), MAX_ROWS_FOR_IDS)
        return list(dict.fromkeys(str(row.key[0]) for row in islice(scan, MAX_ROWS_FOR_IDS)))

    def _span(
        self, table: TableRef, owner_id: str | None, window: Window = ANY_TIME, *, backward: bool = False
    ) -> Range:
        """Return the range of an owner's rows, or of all rows. A window counts only for an owner; the second key column
        of the table or index must then be the time."""
        span = table.range_of()
        if owner_id is not None:
            span = table.range_of(self.codec.check_id(table.key[0], owner_id))
            if window.since is not None:
                span = span._replace(start=table.range_of(owner_id, window.since).start)
            if window.until is not None:
                span = span._replace(end=table.range_of(owner_id, window.until).end)
        return Range(span.end, span.start, backward=True) if backward else span

    def _stream(
        self,
        request: ListRequest,
        table: TableRef,
        scan_at: Callable[[Window], Scan],
        fetch: Callable[[RowScan, Callable[[Row], bool] | None], Iterator[tuple[Key, Item]]] | None = None,
    ) -> ItemStream[Item]:
        """Return a listing of a table or index. The rows of an index are not whole items, so `fetch` reads the items
        that they belong to. It also gets a test for these, if the index lacks a column that the filter needs."""
        start = request.resolve(self.codec, table, f"{self._target}/{table.name}", self._clock)
        test = None
        if start.filter is not None and not self._readable(table).covers(start.filter):
            test = start.filter.test(self.codec.table.key)
        scan = self._filtered(scan_at(start.window), start.filter)
        # If the items are tested too, the limit does not say how many index rows are needed.
        rows = self.read(scan, request.limit if test is None else None, start.after)
        items = ((row.key, self.codec.decode(row)) for row in rows) if fetch is None else fetch(rows, test)

        def has_more() -> bool:
            return (test is None and rows.has_more()) or next(items, None) is not None

        return ItemStream(
            items,
            has_more,
            request.limit,
            start.token_after,
            request.page_token,
            self.read_progress,
        )

    def read(self, scan: Scan, expected: int | None = None, after: Key | None = None) -> RowScan:
        return RowScan(self.client, scan, expected, after, self.read_progress)

    @cached_property
    def _finder(self) -> Finder[Item]:
        from tsmem.store.search.finder import Finder

        return Finder(self.client, self.codec, self._clock, self._target, self.read_progress)

    def _filtered(self, scan: Scan, row_filter: RowFilter | None) -> Scan:
        if row_filter is None:
            return scan
        from tsmem.store.filters.row_filter import MAX_COLUMNS, MAX_CONDITIONS, condition_count, join_filters

        readable = self._readable(scan.table)
        pushed = row_filter.pushdown(readable, MAX_CONDITIONS - condition_count(scan.filter))
        columns = scan.columns and tuple(dict.fromkeys((*scan.columns, *sorted(row_filter.columns))))
        if columns and len(columns) > MAX_COLUMNS:
            columns = None
        test = row_filter.test(scan.table.key) if readable.covers(row_filter) else None
        return Scan(scan.table, scan.span, join_filters(scan.filter, pushed.filter), columns, test, pushed.is_exact)

    def _matching_rows(self, scan: Scan, filter: str | None) -> Iterator[Row]:  # noqa: A002
        """Return the rows of a scan that match a filter. The first page is requested when this is called."""
        return self._counted(self.read(self._filtered(scan, read_filter(filter))).start())

    def _counted(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self.read_progress.returned += 1
            yield row

    def _readable(self, table: TableRef) -> ReadableColumns:
        from tsmem.store.filters.row_filter import ReadableColumns

        return ReadableColumns(self.codec.key_types(table), table.name == self.codec.table.name)
