"""Find items of one table, page after page. Loaded when something is searched for.

What a page says is exact, whatever else the index finds. Pages go on behind the last item that was given out, by its
place in the order and not by its number, so that rows written in between make nothing come twice; in order of score,
where places mean nothing, by its number within the service's own page.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, NamedTuple

from tsmem import limits
from tsmem.clock import Clock, Time
from tsmem.errors import InvalidInput, InvalidReply, TableNotFound
from tsmem.port import FieldType, TableClient
from tsmem.queries import Search, SearchPage
from tsmem.rows import Key, Row
from tsmem.store.codec import Codec
from tsmem.store.layout import check_key_types
from tsmem.store.listing import cursor
from tsmem.store.listing.pages import read_filter
from tsmem.store.listing.scan import ItemStream, ReadProgress
from tsmem.store.model import Item, Total
from tsmem.store.search import places
from tsmem.store.search.criteria import SORTS, SearchCriteria, Sort, row_matcher
from tsmem.store.search.places import MAX_PAGE, SearchPosition
from tsmem.store.search.query import IndexQuery, index_query

if TYPE_CHECKING:
    from tsmem.store.filters.row_filter import RowFilter


MAX_EMPTY_PAGES = 10_000
"""Pages in a row that bring no row that is new, before a search ends with an error. Rows that are deleted while the
index is some seconds behind are missing in its pages, and rows that change come twice; so many are not."""
_RECENT_ROWS = 2 * MAX_PAGE
"""Rows by which new ones are known: those of the last pages."""


class SearchRequest(NamedTuple):
    """A search as it was asked for, before ages become points in time."""

    name: str = "search"
    """The listing: a page token belongs to it, and to all fields below but the limit."""
    text: str | None = None
    scope: Mapping[str, str | None] = MappingProxyType({})
    """Columns with the value they must have; None for any."""
    since: Time | None = None
    until: Time | None = None
    filter: str | None = None
    """In the filter language."""
    sort: Sort = "newest"
    limit: int | None = None
    page_token: str | None = None


class Finder(Generic[Item]):
    """Finds items of one table. It describes the search index once."""

    def __init__(
        self, client: TableClient, codec: Codec[Item], clock: Clock, target: str, read_progress: ReadProgress
    ) -> None:
        self._client = client
        self._read_progress = read_progress
        self._codec = codec
        self._clock = clock
        self._target = target
        self._index = codec.layout.search.name

    def find(self, wanted: SearchRequest) -> SearchStream[Item]:
        """Return what a search finds, as a stream. Raises InvalidInput, and TableNotFound for a missing table or index.
        Cost: 1 request for each 100 rows that the index finds, and 1 once for each store."""
        self._check(wanted)
        chosen = read_filter(wanted.filter)
        identity = self._identity(wanted, chosen)
        place: SearchPosition | None = None
        if wanted.page_token is None:
            window = cursor.resolve(wanted.since, wanted.until, self._clock.now_us())
        else:
            place, window = places.open_place(wanted.page_token, identity, self._codec)
            cursor.check_window(window, wanted.since, wanted.until)
        equal = {name: value for name, value in wanted.scope.items() if value is not None}
        criteria = SearchCriteria(wanted.text, equal, window, chosen, wanted.sort, dated=wanted.name == "recent")
        if place is not None:
            places.check_within(place, self._codec, equal, window, dated=criteria.dated)
        hits = self._hits(criteria, place, wanted.limit)
        return SearchStream(
            hits, wanted, lambda key: places.place_token(identity, window, hits.place_of(key)), self._read_progress
        )

    def _hits(self, criteria: SearchCriteria, place: SearchPosition | None, want: int | None) -> Hits[Item]:
        layout = self._codec.layout
        query = index_query(layout, self._fields, criteria)

        def ask(search: Search) -> SearchPage:
            page = self._client.search(self._codec.table, self._index, search)
            self._read_progress.on_page()
            check_key_types(self._codec.table, page.rows)
            return page

        few = want is not None and criteria.filter is None
        matches = row_matcher(layout, criteria)
        return Hits(ask, self._codec, query, matches, place, want, few=few, counted=few and not criteria.dated)

    @staticmethod
    def _check(wanted: SearchRequest) -> None:
        if wanted.limit is not None and wanted.limit < 1:
            raise InvalidInput(f"the limit must be at least 1, not {wanted.limit}")
        if wanted.sort not in SORTS:
            raise InvalidInput(f"the results are sorted by newest or score, not '{wanted.sort}'")
        if wanted.text == "":
            raise InvalidInput("the text to search for is empty", hint="leave it out to find all of them")
        limits.text_bytes(wanted.text or "", "the text")

    def _identity(self, wanted: SearchRequest, chosen: RowFilter | None) -> str:
        return cursor.digest(
            {
                "target": self._target,
                "table": self._codec.table.name,
                "index": self._index,
                "name": wanted.name,
                "text": wanted.text,
                "since": wanted.since,
                "until": wanted.until,
                "filter": None if chosen is None else chosen.identity,
                "sort": wanted.sort,
                **wanted.scope,
            }
        )

    @cached_property
    def _fields(self) -> Mapping[str, FieldType]:
        """The fields that the index has, whoever made it."""
        table = self._codec.table.name
        try:
            return dict(self._client.describe_search_index(table, self._index).fields)
        except TableNotFound as error:
            error.hint = error.hint or self._others(table)
            raise

    def _others(self, table: str) -> str | None:
        """Return a hint that names the other search indexes of the table, if it has any."""
        try:
            names = self._client.list_search_indexes(table)
        except TableNotFound:
            return None
        if not names:
            return None
        setting = f"tables.{self._codec.layout.noun}.search_index"
        return f"the table has {', '.join(names)}: name it in the profile as {setting}, or run init-tables to make one"


class Hits(Generic[Item]):
    """The rows of an index that match, page after page of the service's."""

    def __init__(
        self,
        ask: Callable[[Search], SearchPage],
        codec: Codec[Item],
        query: IndexQuery,
        matches: Callable[[Row, Item], bool],
        place: SearchPosition | None,
        want: int | None,
        *,
        counted: bool,
        few: bool,
    ) -> None:
        self._ask = ask
        self._codec = codec
        self._query = query
        self._matches = matches
        self._left = want
        self._counts = counted
        self._few = few
        self._exact = False
        """True if all rows that the index finds match, as the last page said."""
        self._after = place
        self._token = None if place is None else place.token
        self._next: bytes | None = self._token
        self._rows: Iterator[tuple[int, Row]] = iter(())
        self._size = 0
        self._begun = False
        self._keys: list[Key] = []
        """The keys of the last page."""
        self._recent: deque[Key] = deque(maxlen=_RECENT_ROWS)
        self._empty = 0
        """Pages since the last one with a row that was new."""
        self._peeked: tuple[SearchPosition, Item] | None = None
        self._given: deque[SearchPosition] = deque(maxlen=2)
        self.at_most: int | None = None
        """The number of rows that the index finds; None if it was not asked."""
        self.is_exact = False
        """True if all of those match."""

    def __iter__(self) -> Iterator[tuple[Key, Item]]:
        return self

    def __next__(self) -> tuple[Key, Item]:
        hit = self._peeked or self._find_next()
        self._peeked = None
        if hit is None:
            raise StopIteration
        place, item = hit
        self._given.append(place)
        if self._left is not None:
            self._left = max(0, self._left - 1)
        return place.key, item

    def has_more(self) -> bool:
        """True if another item follows."""
        if self._peeked is None:
            if self._exact and self._begun and self._next is not None:
                return True
            self._peeked = self._find_next()
        return self._peeked is not None

    def place_of(self, key: Key) -> SearchPosition:
        """Return the place of one of the last two items that were given out."""
        return next(place for place in self._given if place.key == key)

    def _find_next(self) -> tuple[SearchPosition, Item] | None:
        while True:
            for number, row in self._rows:
                item = self._codec.decode(row)
                time = getattr(item, self._codec.layout.time)
                if not self._was_given(row.key, time) and self._matches(row, item):
                    ends = number == self._size and self._next is not None
                    return SearchPosition(*((self._next, 0) if ends else (self._token, number)), row.key, time), item
            if self._begun and self._next is None:
                return None
            self._fetch()

    def _was_given(self, key: Key, time: int | None) -> bool:
        """True if a row lies before the place from which to go on."""
        after = self._after
        if after is None:
            return False
        if self._query.by_time:
            return _order(key, time) <= _order(after.key, after.time)
        if after.skip == 0:
            return False
        self._after = after._replace(skip=after.skip - 1)
        return True

    def _fetch(self) -> None:
        self._token = self._next
        search = Search(self._query.query, (self._query.sorter,), self._limit(), token=self._token)
        page = self._ask(search._replace(count=self._counts))
        self._exact = self._query.exact and page.total_is_exact
        if self._counts:
            self.at_most, self.is_exact, self._counts = page.total, self._exact, False
        self._begun = True
        self._check_progress(page)
        self._rows, self._size, self._next = enumerate(page.rows, 1), len(page.rows), page.token

    def _check_progress(self, page: SearchPage) -> None:
        """Raise InvalidReply for a page that is the one before, and when page after page brings nothing new: tokens
        would lead on and on."""
        index, keys = self._codec.layout.search.name, [row.key for row in page.rows]
        if len(keys) > 1 and keys == self._keys:
            raise InvalidReply(f"search index '{index}' answered with the same page again")
        self._empty = self._empty + 1 if set(self._recent).issuperset(keys) else 0
        self._keys = keys
        self._recent.extend(keys)
        if self._empty > MAX_EMPTY_PAGES and page.token is not None:
            raise InvalidReply(f"search index '{index}' answered with {self._empty:,} pages without a new row")

    def _limit(self) -> int:
        """Return the rows to ask for: few where few are wanted, unless the first page did not have enough."""
        if self._left is None or not self._few or (self._begun and not self._exact):
            return MAX_PAGE
        skip = 0 if self._after is None or self._begun else self._after.skip
        return max(1, min(MAX_PAGE, self._left + skip + (not self._exact)))


class SearchStream(ItemStream[Item]):
    """The items that a search finds, and their total."""

    def __init__(
        self, hits: Hits[Item], wanted: SearchRequest, token_at: Callable[[Key], str], read_progress: ReadProgress
    ) -> None:
        super().__init__(hits, wanted.limit, token_at, wanted.page_token, read_progress)
        self._hits = hits
        self._from_start = wanted.page_token is None

    @property
    def total(self) -> Total:
        """The number of items in all, to be asked when those wanted are used up. It is exact if the index's count is,
        and if all were given out."""
        at_most = self._hits.at_most
        if self._hits.is_exact and at_most is not None:
            return Total(at_most, at_most)
        ended = self._from_start and self.next_page_token is None
        return Total(self._taken if ended else None, at_most)


def _order(key: Key, time: int | None) -> tuple[bool, int, Key]:
    """A row's place newest first, in which rows without time come last."""
    return (time is None, 0 if time is None else -time, key)
