"""Find the items of one table through its search index. `Sessions` and `Messages` call `Finder.find`.

When items are sorted by time, a page token holds the time and key of the last item returned, so rows that are written
between two pages do not make items appear twice. When they are sorted by score, items have no fixed places; our token
then holds the service's own token for a page, and how many rows of that page to skip.
"""

from __future__ import annotations

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
from tsmem.store.listing.page_tokens import Packable, damaged_token
from tsmem.store.listing.requests import ListRequest, ListStart
from tsmem.store.listing.scan import ItemStream, ReadProgress
from tsmem.store.model import Item, Total
from tsmem.store.search.query import IndexQuery, SearchCriteria, index_query, row_matcher

MAX_PAGE = 100
"""Maximum number of rows that the service returns in one page."""
MAX_EMPTY_PAGES = 10_000
"""Maximum number of consecutive pages without a new row. An index lags a few seconds behind its table, so a page can
repeat rows that were changed meanwhile, but this many pages in a row mean that the service is broken."""


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

    def find(self, request: ListRequest, session_ids: frozenset[str] | None = None) -> SearchStream[Item]:
        """Stream the items that match, only those of some sessions if these are given.

        Raises InvalidInput, and TableNotFound for a missing table or index. Cost: 1 request for each 100 rows that the
        query finds, and 1 more for the first search, to describe the index."""
        if request.sort not in ("newest", "score"):
            raise InvalidInput(f"the order must be newest or score, not '{request.sort}'")
        if request.text == "":
            raise InvalidInput("the text to search for is empty", hint="leave out TEXT to list everything")
        limits.text_bytes(request.text or "", "the text")
        table = self._codec.table
        equal = {name: value for name, value in request.scope.items() if value is not None}
        for name, value in equal.items():
            if name in table.key:
                self._codec.check_id(name, value)
        source = f"{self._target}/{table.name}/{self._index}"
        start = request.resolve(self._codec, table, source, self._clock, _position_types(self._codec))
        criteria = SearchCriteria(
            request.text,
            equal,
            start.window,
            start.filter,
            request.sort,
            needs_time=request.name == "recent",
            session_ids=session_ids,
            failed=request.failed,
        )
        position = None if start.after is None else _position(start.after, start.more, self._codec, criteria)
        query = index_query(self._codec.layout, self._fields, criteria)
        matches = Matches(self._search, self._codec, query, criteria, position, request.limit)
        return SearchStream(matches, request, partial(_token_after, start, self._codec), self._read_progress)

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
    token: bytes | None
    """The service's token of the item's page, or of the next page if the item is the last of its page. None is the
    first page."""
    skip: int
    """Number of rows to skip on that page, up to and including the item."""
    key: Key
    time: int | None


class Matches(Generic[Item]):
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
        self._limits_pages = limit is not None and criteria.filter is None and not criteria.failed
        """True to request only as many rows as are needed, because nearly all rows that the query finds match."""
        self._wants_total = self._limits_pages and not criteria.needs_time
        self._last_page: SearchPage | None = None
        self._all_match = False
        """True if all rows that the query finds are known to match."""
        self._recent: deque[Key] = deque(maxlen=2 * MAX_PAGE)
        self._empty_pages = 0
        self.total = Total(None, None)
        self.items = self._read()

    def has_more(self) -> bool:
        """Return True if another item follows. This can read the item, which is then lost."""
        if self._all_match and self._last_page is not None and self._last_page.token is not None:
            return True
        return next(self.items, None) is not None

    def _read(self) -> Iterator[tuple[SearchPosition, Item]]:
        token = None if self._after is None else self._after.token
        while True:
            self._last_page = page = self._fetch(token)
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
        """Return True for a row that is not after the position of the page token. Call it once for each row."""
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
        last = self._last_page
        count = self._wants_total and last is None
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
        """Raise InvalidReply if a broken service would return pages for ever."""
        index, keys = self._codec.layout.search.name, [row.key for row in page.rows]
        if len(keys) > 1 and last is not None and keys == [row.key for row in last.rows]:
            raise InvalidReply(f"search index '{index}' answered with the same page again")
        self._empty_pages = self._empty_pages + 1 if set(self._recent).issuperset(keys) else 0
        self._recent.extend(keys)
        if self._empty_pages > MAX_EMPTY_PAGES and page.token is not None:
            raise InvalidReply(f"search index '{index}' answered with {self._empty_pages:,} pages without a new row")


class SearchStream(ItemStream[Item]):
    def __init__(
        self,
        matches: Matches[Item],
        request: ListRequest,
        token_at: Callable[[SearchPosition], str],
        read_progress: ReadProgress,
    ) -> None:
        super().__init__(matches.items, matches.has_more, request.limit, token_at, request.page_token, read_progress)
        self._matches = matches
        self._from_start = request.page_token is None

    @property
    def total(self) -> Total:
        """The number of items on all pages. Read it after the items: if the service gave no exact number, it is exact
        only once the stream has returned all of them."""
        total = self._matches.total
        if total.exact is None and self._from_start and self.next_page_token is None:
            return Total(self._taken, total.at_most)
        return total


def _newest_first(key: Key, time: int | None) -> tuple[bool, int, Key]:
    return (time is None, 0 if time is None else -time, key)


# Page tokens


def _position_types(codec: Codec[Any]) -> tuple[type[Packable], ...]:
    """Return the types of a position's values in a page token: 1 or 0 for an item with or without a time and the time,
    unless the key has it; the number of rows to skip; and the service's token, which is empty for the first page."""
    return (*(() if _has_time_in_key(codec) else (int, int)), int, bytes)


def _token_after(start: ListStart, codec: Codec[Any], position: SearchPosition) -> str:
    time = position.time
    times = () if _has_time_in_key(codec) else (int(time is not None), time or 0)
    return start.token_after(position.key, *times, position.skip, position.token or b"")


def _position(after: Key, values: tuple[Any, ...], codec: Codec[Any], criteria: SearchCriteria) -> SearchPosition:
    """Raises InvalidInput for a position that no item of the search can have: a token can be forged."""
    *times, skip, service_token = values
    if times:
        has_time, time = times[0] == 1, times[1]
        is_valid = times[0] in (0, 1) and (has_time or time == 0)
        time = time if has_time else None
    else:
        is_valid, time = True, after[codec.table.key.index(codec.layout.time_column)]
    if not (is_valid and 0 <= skip <= MAX_PAGE and criteria.includes(time)):
        raise damaged_token()
    return SearchPosition(service_token or None, skip, after, time)


def _has_time_in_key(codec: Codec[Any]) -> bool:
    return codec.layout.time_column in codec.table.key
