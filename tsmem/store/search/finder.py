"""Find the items of one table through its search index. `Sessions` and `Messages` call `Finder.find`.

`Finder` turns a request into a query, `Matches` reads the service's pages and keeps the rows that match, and
`SearchStream` returns them as items with page tokens.

In order of time, a page token holds the time and key of the last item returned, so rows that are written between two
pages do not make items appear twice. In order of score, items have no fixed places. The token then holds the service's
token of a page, and the number of that page's rows to skip.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from typing import Any, Generic, NamedTuple

from tsmem import limits
from tsmem.clock import Clock
from tsmem.errors import InvalidInput, InvalidReply, TableNotFound, TsmemError
from tsmem.port import FieldType, TableClient
from tsmem.queries import FieldSort, Search, SearchPage
from tsmem.rows import Key
from tsmem.store.codec import Codec
from tsmem.store.layout import check_key_types
from tsmem.store.listing import cursor
from tsmem.store.listing.scan import ItemStream, ReadProgress
from tsmem.store.model import Item, Total
from tsmem.store.requests import SORTS, ListRequest, ListStart
from tsmem.store.search.query import IndexQuery, SearchCriteria, index_query, row_matcher

MAX_PAGE = 100
"""Most rows of a page of the service."""
MAX_EMPTY_PAGES = 10_000
"""Most consecutive pages without a new row; more raise an error. The index lags a few seconds behind the table, so its
pages can lack deleted rows and repeat changed ones, but not on so many pages."""
_RECENT_ROWS = 2 * MAX_PAGE
"""Number of rows that a page is compared with to see if it has a new row."""


class Finder(Generic[Item]):
    def __init__(
        self, client: TableClient, codec: Codec[Item], clock: Clock, target: str, read_progress: ReadProgress
    ) -> None:
        self._client = client
        self._read_progress = read_progress
        self._codec = codec
        self._clock = clock
        self._target = target
        self._index = codec.layout.search.name

    def find(self, request: ListRequest) -> SearchStream[Item]:
        """Stream the items that match. Raises InvalidInput, and TableNotFound for a missing table or index.
        Cost: 1 request for each 100 rows that the query finds, and 1 more for the first search, to describe the
        index."""
        if request.sort not in SORTS:
            raise InvalidInput(f"the order must be newest or score, not '{request.sort}'")
        if request.text == "":
            raise InvalidInput("the text to search for is empty", hint="leave out TEXT to list everything")
        limits.text_bytes(request.text or "", "the text")
        table = self._codec.table
        equal = {name: value for name, value in request.scope.items() if value is not None}
        for name, value in equal.items():
            if name in table.key:
                self._codec.check_id(name, value)
        start = request.resolve(self._codec, table, f"{self._target}/{table.name}/{self._index}", self._clock)
        criteria = SearchCriteria(
            request.text, equal, start.window, start.filter, request.sort, needs_time=request.name == "recent"
        )
        position = None if start.after is None else _decode_position(start.after, start.token, self._codec, criteria)
        query = index_query(self._codec.layout, self._fields, criteria)
        matches = Matches(self._search, self._codec, query, criteria, position, request.limit)
        return SearchStream(matches, request, start, self._read_progress)

    def _search(self, search: Search) -> SearchPage:
        page = self._client.search(self._codec.table, self._index, search)
        self._read_progress.on_page()
        check_key_types(self._codec.table, page.rows)
        return page

    @cached_property
    def _fields(self) -> Mapping[str, FieldType]:
        table = self._codec.table.name
        try:
            return dict(self._client.describe_search_index(table, self._index).fields)
        except TableNotFound as error:
            names: Sequence[str] = ()
            with suppress(TsmemError):  # a policy can forbid listing; the missing index is still the error to raise
                names = self._client.list_search_indexes(table)
            if names and not error.hint:
                setting = f"tables.{self._codec.layout.noun}.search_index"
                error.hint = (
                    f"the table has {', '.join(names)}: name it in the profile as {setting}, "
                    "or run init-tables to make one"
                )
            raise


class SearchPosition(NamedTuple):
    """The position of an item in the results of a search."""

    token: bytes | None
    """The service's token of the page to continue on: the item's page, or the next one if the item is the last of its
    page. None for the first page."""
    skip: int
    """Number of rows of that page up to and including the item."""
    key: Key
    time: int | None


class Matches(Generic[Item]):
    """The items that match, read from the service's pages."""

    def __init__(
        self,
        search: Callable[[Search], SearchPage],
        codec: Codec[Item],
        query: IndexQuery,
        criteria: SearchCriteria,
        after: SearchPosition | None,
        limit: int | None,
    ) -> None:
        self._search = search
        self._codec = codec
        self._query = query
        self._matches = row_matcher(codec.layout, criteria)
        self._after = after
        self._left = limit
        self._limits_pages = limit is not None and criteria.filter is None
        """True to request only as many rows as are needed, because nearly all rows that the query finds match."""
        self._counts = self._limits_pages and not criteria.needs_time
        """True to ask the service for the total."""
        self._page: SearchPage | None = None
        """The last page read."""
        self._all_match = False
        """True if the service's reply to the last page tells that all rows that the query finds match."""
        self._recent: deque[Key] = deque(maxlen=_RECENT_ROWS)
        self._empty_pages = 0
        """Number of pages since the last one with a new row."""
        self.total = Total(None, None)
        """The number of rows that the query finds, if the service was asked for it."""
        self.items = self._read()

    def has_more(self) -> bool:
        """Return True if another item follows. If the item has to be read to know this, it is skipped."""
        if self._all_match and self._page is not None and self._page.token is not None:
            return True
        return next(self.items, None) is not None

    def _read(self) -> Iterator[tuple[SearchPosition, Item]]:
        token = None if self._after is None else self._after.token
        while True:
            self._page = page = self._fetch(token)
            for number, row in enumerate(page.rows, 1):
                item = self._codec.decode(row)
                time = getattr(item, self._codec.layout.time_column)
                if self._was_returned(row.key, time) or not self._matches(row, item):
                    continue
                is_last = number == len(page.rows) and page.token is not None
                if self._left is not None:
                    self._left = max(0, self._left - 1)
                yield SearchPosition(page.token if is_last else token, 0 if is_last else number, row.key, time), item
            if page.token is None:
                return
            token = page.token

    def _was_returned(self, key: Key, time: int | None) -> bool:
        """Return True for a row that is not after the position of the page token. In order of score, count the row."""
        after = self._after
        if after is None:
            return False
        if isinstance(self._query.sorter, FieldSort):
            return _newest_first(key, time) <= _newest_first(after.key, after.time)
        if after.skip == 0:
            return False
        self._after = after._replace(skip=after.skip - 1)
        return True

    def _fetch(self, token: bytes | None) -> SearchPage:
        last = self._page
        count = self._counts and last is None
        limit = MAX_PAGE
        if self._left is not None and self._limits_pages and (last is None or self._all_match):
            # The first page asks for one more row, which tells if another item follows.
            skip = 0 if self._after is None or last is not None else self._after.skip
            limit = max(1, min(MAX_PAGE, self._left + skip + (not self._all_match)))
        page = self._search(Search(self._query.query, (self._query.sorter,), limit, token=token, count=count))
        self._all_match = self._query.has_all_criteria and page.total_is_exact
        if count:
            self.total = Total(page.total if self._all_match else None, page.total)
        self._check_progress(page, last)
        return page

    def _check_progress(self, page: SearchPage, last: SearchPage | None) -> None:
        """Raise InvalidReply if a page repeats the last one, or after too many pages without a new row. A broken
        service could otherwise return pages for ever."""
        index, keys = self._codec.layout.search.name, [row.key for row in page.rows]
        if len(keys) > 1 and last is not None and keys == [row.key for row in last.rows]:
            raise InvalidReply(f"search index '{index}' answered with the same page again")
        self._empty_pages = self._empty_pages + 1 if set(self._recent).issuperset(keys) else 0
        self._recent.extend(keys)
        if self._empty_pages > MAX_EMPTY_PAGES and page.token is not None:
            raise InvalidReply(f"search index '{index}' answered with {self._empty_pages:,} pages without a new row")


class SearchStream(ItemStream[Item]):
    def __init__(
        self, matches: Matches[Item], request: ListRequest, start: ListStart, read_progress: ReadProgress
    ) -> None:
        token_at = partial(_encode_token, start)
        super().__init__(matches.items, matches.has_more, request.limit, token_at, request.page_token, read_progress)
        self._matches = matches
        self._from_start = request.page_token is None

    @property
    def total(self) -> Total:
        """The number of items on all pages. Read it after the items: it is exact if the service's count is exact, or if
        the stream has returned all items."""
        total = self._matches.total
        if total.exact is None and self._from_start and self.next_page_token is None:
            return Total(self._taken, total.at_most)
        return total


def _newest_first(key: Key, time: int | None) -> tuple[bool, int, Key]:
    """Return a sort key for the order of results sorted by time."""
    return (time is None, 0 if time is None else -time, key)


# Page tokens


def _encode_token(start: ListStart, position: SearchPosition) -> str:
    """Return a page token with three more fields: the service's token (`t`), the rows to skip (`s`) and the time (`u`)
    of the position."""
    service = None if position.token is None else base64.b64encode(position.token).decode()
    key, skip, time = position.key, position.skip, position.time
    return cursor.encode_token(start.digest, start.window, key, t=service, s=skip, u=time)


def _decode_position(
    after: Key, token: Mapping[str, object], codec: Codec[Any], criteria: SearchCriteria
) -> SearchPosition:
    """Return the position in a page token. Raises InvalidInput if it is damaged, or is not the position of an item that
    matches."""
    service, skip, time = token.get("t"), token.get("s"), token.get("u")
    key = dict(zip(codec.table.key, after, strict=True))
    if not (
        (type(skip) is int and 0 <= skip <= MAX_PAGE)
        and (time is None or (type(time) is int and limits.MIN_INTEGER <= time <= limits.MAX_INTEGER))
        and key.get(codec.layout.time_column, time) == time
        and criteria.includes(time)
        and all(key.get(name, value) == value for name, value in criteria.equal.items())
    ):
        raise cursor.damaged_token()
    try:
        service_token = None if service is None else base64.b64decode(str(service), validate=True)
    except ValueError as error:
        raise cursor.damaged_token() from error
    if service_token == b"":  # the service would take an empty token for the first page
        raise cursor.damaged_token()
    return SearchPosition(service_token, skip, after, time)
