"""What sessions and messages share: writing one, updating one, deleting one, listing pages. Their differences are data
(`layout.py`) and the few methods in `sessions.py` and `messages.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, NamedTuple

from tsmem import limits
from tsmem.clock import Clock, Time
from tsmem.errors import AlreadyExists, ConditionFailed, InvalidInput, NotFound, TsmemError
from tsmem.port import TableClient
from tsmem.rows import (
    MAX,
    MIN,
    MUST_EXIST,
    MUST_NOT_EXIST,
    PYTHON_TYPES,
    UNCONDITIONAL,
    Delete,
    Key,
    KeyBound,
    Range,
    Row,
    TableRef,
    Update,
    Value,
)
from tsmem.store.codec import Codec
from tsmem.store.listing import cursor
from tsmem.store.listing.cursor import Cursor, Window
from tsmem.store.listing.pages import Scan, read_filter
from tsmem.store.listing.scan import Decoded, ItemSource, ItemStream, ReadProgress, RowScan
from tsmem.store.metadata import EMPTY
from tsmem.store.model import Item

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import Readable, RowFilter
    from tsmem.store.maintenance.sampling import Sample
    from tsmem.store.search.finder import Finder

DEFAULT_LIMIT = 50
"""Items of a page when nobody says otherwise."""


class Query(NamedTuple):
    """A listing as it was asked for, before ages become points in time."""

    name: str
    """Which listing it is. A page token's digest covers this, the scope, the window and the filter, not the limit."""
    scope: Mapping[str, str | None] = MappingProxyType({})
    since: Time | None = None
    until: Time | None = None
    limit: int | None = None
    """Items at most; None for all."""
    page_token: str | None = None
    filter: str | None = None
    """What items must fulfil, in the filter language; None for nothing."""


class Changes(NamedTuple):
    """What an update does to an item's metadata and fields."""

    metadata: Mapping[str, Value] = EMPTY
    """Values to set."""
    unset: tuple[str, ...] = ()
    """Metadata keys, or fields, to remove; one that is not there is no error."""
    replace_metadata: bool = False
    """Whether metadata that is not among `metadata` goes."""


NO_CHANGES = Changes()


class Collection(Generic[Item]):
    """The items of one table."""

    def __init__(self, client: TableClient, codec: Codec[Item], clock: Clock, target: str) -> None:
        self._client = client
        self._codec = codec
        self._clock = clock
        self._target = target
        self._layout = codec.layout
        self._noun = codec.layout.noun
        self.read_progress = ReadProgress()
        """Of all that is read here."""

    def put(self, item: Item, *, if_absent: bool = False) -> None:
        """Write an item whole; what stood under its key before is gone.

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
        """What stands under an item's key, or None. Cost: 1 request."""
        return self._find(self._codec.key_of(item))

    def name_of(self, item: Item) -> str:
        """An item in words, for a sentence."""
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
        """Whether it was there."""
        try:
            self._client.write_row(Delete(self._codec.table, key, MUST_EXIST))
        except ConditionFailed as error:
            if missing_ok:
                return False
            raise self._missing(key) from error
        return True

    def _update(self, key: Key, fields: Mapping[str, Value | None], changes: Changes) -> None:
        """Merge: 1 request; with replace_metadata the row is read first: 2. A field that is None stays as it is."""
        columns = {name: value for name, value in fields.items() if value is not None}
        self._codec.check_fields(columns)
        self._codec.check_changes(changes.metadata, changes.unset, columns)
        delete = set(changes.unset)
        if changes.replace_metadata:
            # What another library wrote into a field's column is metadata, and is replaced with the rest.
            delete |= set(self._get(key).metadata) - set(columns)
        elif not columns and not changes.metadata and not delete:
            raise InvalidInput("nothing to change", hint=f"say what to change of the {self._noun}")
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
        named = {name: str(value) for name, value in zip(self._codec.table.key, key, strict=True)}
        where = f"user '{named['user_id']}'" if self._noun == "session" else f"session '{named['session_id']}'"
        return f"{self._noun} '{named[f'{self._noun}_id']}' of {where}"

    def _missing(self, key: Key) -> TsmemError:
        when = f" at the create time {key[1]!r}" if self._noun == "message" else ""
        return NotFound(f"there is no {self._name(key)}{when}")

    # Listings

    def first_ids(self, prefix: str = "") -> Iterator[str]:
        """The different values of the key's first column that begin so, in order: users, or sessions with messages.

        Cost: 1 request each, however many rows stand under it."""
        rest = len(self._codec.table.key) - 1
        start: KeyBound = (prefix or MIN, *[MIN] * rest)
        end: KeyBound = (MAX,) * (rest + 1)
        while True:
            span = Range(start, end)
            row = next(RowScan(self._client, Scan(self._codec.table, span, columns=self._codec.table.key[:1]), 1), None)
            if row is None or not str(first := row.key[0]).startswith(prefix):
                return
            yield str(first)
            start = (first, *[MAX] * rest)

    def sample(self, first: str | None) -> Sample:
        """The first rows of a user's sessions, a session's messages, or all (None). Raises InvalidInput.
        Cost: 1 request."""
        from tsmem.store.maintenance.sampling import sample

        return sample(self._client, self._codec.table, first)

    def ids_like(self, text: str) -> list[str]:
        """Some of the users, or sessions with messages, whose ids may be meant by this one. Cost: 1 request."""
        from tsmem.store.maintenance.sampling import first_values

        return first_values(self._client, self._codec.table, text)

    @property
    def field_names(self) -> frozenset[str]:
        """The columns that every row may have: its key and its fields."""
        return self._layout.reserved

    def _stream(
        self,
        query: Query,
        table: TableRef,
        scan_at: Callable[[Window], Scan],
        source: Callable[[RowScan, RowFilter | None], ItemSource[Item]],
    ) -> ItemStream[Item]:
        """The listing that a query asks for. The scan is made once its ages are points in time."""
        if query.limit is not None and query.limit < 1:
            raise InvalidInput(f"the limit must be at least 1, not {query.limit}")
        wanted = read_filter(query.filter)
        identity = cursor.digest(self._identity(query, table, wanted))
        after: Key | None = None
        if query.page_token is None:
            window = cursor.resolve(query.since, query.until, self._clock.now_us())
        else:
            after, window = cursor.decode_token(query.page_token, identity, table, self._codec.key_types(table))
            cursor.check_window(window, query.since, query.until)
        # What the scan cannot decide is decided later: then as many rows as it has may be wanted.
        decided = wanted is None or self._readable(table).covers(wanted)
        scan = self._filtered(scan_at(window), wanted)
        rows = RowScan(self._client, scan, query.limit if decided else None, after, self.read_progress)
        return ItemStream(
            source(rows, wanted),
            query.limit,
            lambda key: cursor.encode_token(identity, Cursor(key, window)),
            query.page_token,
            self.read_progress,
        )

    def _identity(self, query: Query, table: TableRef, wanted: RowFilter | None) -> dict[str, object]:
        """What a page token belongs to."""
        return {
            "target": self._target,
            "table": table.name,
            "name": query.name,
            "since": query.since,
            "until": query.until,
            **query.scope,
            **({} if wanted is None else {"filter": wanted.identity}),
        }

    def _whole(self, rows: RowScan, wanted: RowFilter | None) -> ItemSource[Item]:
        return Decoded(rows, self._codec.decode)

    @cached_property
    def _finder(self) -> Finder[Item]:
        """Search, loaded when something is searched for."""
        from tsmem.store.search.finder import Finder

        return Finder(self._client, self._codec, self._clock, self._target, self.read_progress)

    # Filters

    def _filtered(self, scan: Scan, wanted: RowFilter | None) -> Scan:
        """The scan with as much of a filter as can be tested by what it reads: sent as far as the service can test it,
        and decided here where the whole of it can be. A scan that names columns reads those of the filter too."""
        if wanted is None:
            return scan
        from tsmem.store.filters.row_filter import MAX_COLUMNS, MAX_SENT, condition_count, join_filters

        readable = self._readable(scan.table)
        room = MAX_SENT - condition_count(scan.filter)
        sent = wanted.sent(readable, room)
        columns = scan.columns and tuple(dict.fromkeys((*scan.columns, *sorted(wanted.columns))))
        if columns and len(columns) > MAX_COLUMNS:
            columns = None
        test = wanted.test(readable) if readable.covers(wanted) else None
        exact = wanted.is_sent_whole(readable, room)
        return Scan(scan.table, scan.span, join_filters(scan.filter, sent), columns, test, exact)

    def _rows(self, scan: Scan, filter: str | None, *, begun: bool = False) -> Iterator[Row]:  # noqa: A002
        """The rows of a scan that fulfil a filter; `begun` asks for the first page now. Raises InvalidInput at once."""
        rows = RowScan(self._client, self._filtered(scan, read_filter(filter)), read_progress=self.read_progress)
        return self._watched(rows.begin() if begun else rows)

    def _watched(self, rows: RowScan) -> Iterator[Row]:
        for row in rows:
            self.read_progress.returned += 1
            yield row

    def _readable(self, table: TableRef) -> Readable:
        """What the rows of the table or of its index show."""
        from tsmem.store.filters.row_filter import Readable

        types = dict((*self._layout.schema.key, *self._layout.fields))
        return Readable({name: PYTHON_TYPES[types[name]] for name in table.key}, table.name == self._codec.table.name)
