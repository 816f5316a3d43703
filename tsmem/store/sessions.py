"""Sessions: the conversations of users. Listed most recent first through the secondary index, which has only keys, so
that whole sessions are then read in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Unpack

from tsmem import limits
from tsmem.clock import Clock, Time
from tsmem.errors import ConditionFailed, InvalidInput, InvalidReply, TableNotFound
from tsmem.port import RowRead, TableClient, rows_of
from tsmem.rows import UNCONDITIONAL, Comparison, Condition, Delete, Existence, Key, Op, Row, Update, Value
from tsmem.store.codec import Codec
from tsmem.store.collection import NO_CHANGES, Changes, Collection
from tsmem.store.concurrency import Pending, prefetch, submit
from tsmem.store.listing import cursor
from tsmem.store.listing.scan import ItemStream, RowScan, Scan
from tsmem.store.messages import Messages
from tsmem.store.metadata import EMPTY, Metadata
from tsmem.store.model import Page, Session
from tsmem.store.requests import DEFAULT_LIMIT, ListOptions, ListRequest, PageOptions, Sort

if TYPE_CHECKING:
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.search.finder import SearchStream
    from tsmem.store.sharing import Pair

MAX_MISSING = 100_000
"""Consecutive index rows without a session before a listing ends with an error. An index is in step with its table, so
only sessions deleted between the two reads are missing."""
MIN_REFILL = 10
"""Sessions fetched at least to replace deleted ones, however few are wanted."""


class Sessions(Collection[Session]):
    """The sessions of a store: `store.sessions`."""

    def __init__(
        self, client: TableClient, codec: Codec[Session], clock: Clock, target: str, messages: Messages
    ) -> None:
        super().__init__(client, codec, clock, target)
        self._messages = messages

    def new(
        self,
        user_id: str,
        session_id: str,
        *,
        update_time: int | None = None,
        search_content: str | None = None,
        metadata: Mapping[str, Value] = EMPTY,
    ) -> Session:
        """Return a session to put; update_time is now by default. Nothing is written."""
        time = self._clock.now_us() if update_time is None else update_time
        return Session(user_id, session_id, time, search_content, Metadata(metadata))

    def get(self, user_id: str, session_id: str) -> Session:
        """Return a session. Raises NotFound. Cost: 1 request."""
        return self._get(self._codec.key(user_id, session_id))

    def find(self, user_id: str, session_id: str) -> Session | None:
        """Return a session, or None. Cost: 1 request."""
        return self._find(self._codec.key(user_id, session_id))

    def update(
        self,
        user_id: str,
        session_id: str,
        *,
        update_time: int | None = None,
        search_content: str | None = None,
        changes: Changes = NO_CHANGES,
    ) -> None:
        """Change what is given and keep the rest of an existing session.

        Raises NotFound, InvalidInput. Cost: 1 request, 2 with `replace_metadata`."""
        key = self._codec.key(user_id, session_id)
        self._update(key, {"update_time": update_time, "search_content": search_content}, changes)

    def check_key(self, user_id: str, session_id: str) -> None:
        """Raise InvalidInput or LimitExceeded if this is not a valid key. Sends nothing."""
        self._codec.key(user_id, session_id)

    def touch(self, user_id: str, session_id: str, time: int) -> None:
        """Raise update_time to `time` (microseconds), unless it is later.

        Raises NotFound. Cost: 1 request, 2 if it is later."""
        key = self._codec.key(user_id, session_id)
        is_older = Comparison("update_time", Op.LT, time, pass_if_missing=True)
        condition = Condition(Existence.EXPECT_EXIST, is_older)
        update = Update(self._codec.table, key, {"update_time": time}, condition=condition)
        limits.check_write(update)
        try:
            self._client.write_row(update)
        except ConditionFailed as error:
            if self._find(key) is None:
                raise self._missing(key) from error

    def delete(
        self,
        user_id: str,
        session_id: str,
        *,
        with_messages: bool = False,
        shared_too: bool = False,
        missing_ok: bool = False,
        result: BulkResult | None = None,
    ) -> BulkResult:
        """Delete a session. `with_messages` deletes its messages first and the session last, so that a failed call can
        be repeated.

        A message's key has no user. If another user has a session with the same id, the messages are kept and counted
        as shared, unless `shared_too`. Raises NotFound unless `missing_ok`; InvalidInput if other users cannot be
        looked up. Cost: 1 request; with n messages 3 + ceil(n / 5,000) + ceil(n / 200), 1 less with `shared_too`."""
        from tsmem.store.bulk.result import BulkResult

        key = self._codec.key(user_id, session_id)
        result = BulkResult() if result is None else result
        if with_messages:
            if self._client.get_row(self._codec.table, key, ("user_id",)) is None:
                # Any messages with this id belong to another user or to nobody, so they stay.
                if missing_ok:
                    return result
                raise self._missing(key)
            if not shared_too and self._shared_or_raise([(user_id, session_id)]):
                result.keep_shared(session_id)
            else:
                self._messages.purge(session_id, result=result)
        result.sessions += self._delete(key, missing_ok=missing_ok)
        return result

    def shared(self, pairs: Sequence[Pair], *, after: int | None = None) -> dict[Pair, list[str]]:
        """Return some of the other users for each pair whose session id other users have too, according to the search
        index; with `after`, only users whose session is later than that, or has no update time. At most
        `sharing.MAX_IDS` pairs of `sharing.MAX_USERS` users.

        Raises TableNotFound, InvalidInput without a search index that has both ids. Cost: 1 request, and 1 more for
        each 100 sessions found."""
        from tsmem.store.sharing import others

        return others(self._client, self._codec.table, self._layout.search.name, pairs, after=after)

    def _shared_or_raise(self, pairs: Sequence[Pair], after: int | None = None) -> dict[Pair, list[str]]:
        try:
            return self.shared(pairs, after=after)
        except (InvalidInput, TableNotFound) as error:
            raise InvalidInput(
                f"cannot look for other users with the same session ids: {error.message}",
                hint="create the search index with init-tables, or delete the messages anyway with --shared-too",
            ) from error

    # Listings

    def page(self, user_id: str | None, **options: Unpack[PageOptions]) -> Page[Session]:
        """Return a page of a user's sessions in order of id, or of everyone's (None) by user.

        Raises InvalidInput. Cost: ceil(n / 5,000) requests for n rows read."""
        options.setdefault("limit", DEFAULT_LIMIT)
        return self.iterate(user_id, **options).page()

    def iterate(self, user_id: str | None, **options: Unpack[PageOptions]) -> ItemStream[Session]:
        """Stream sessions, all by default; otherwise as `page`."""
        table = self._codec.table
        request = ListRequest("list", {"user": user_id}, **options)
        return self._stream(request, table, lambda _: Scan(table, self._span(table, user_id)))

    def rows(self, user_id: str | None, session_id: str | None = None) -> Iterator[Row]:
        """Return the rows of a user's sessions, of all users' sessions with an id, or of everyone's sessions. Raises
        InvalidInput at once, also when both ids are given.

        Cost: ceil(n / 5,000) requests. For a session id n counts all sessions, because the key begins with the user."""
        if user_id is not None and session_id is not None:
            raise InvalidInput("give a user or a session, not both")
        test = None
        if session_id is not None:
            test = Comparison("session_id", Op.EQ, self._codec.check_id("session_id", session_id))
        table = self._codec.table
        return self._rows(Scan(table, self._span(table, user_id), test), None)

    def recent(self, user_id: str | None, **options: Unpack[ListOptions]) -> ItemStream[Session]:
        """Stream a user's sessions, latest first, within a window of update_time. Sessions without update_time are
        left out. Everyone's (None) come from the search index.

        Raises InvalidInput. Cost: ceil(n / 5,000) + ceil(n / 100) requests for n sessions in the window; with a filter
        on ids and times alone, the second n counts the matches. For everyone: as `search`."""
        options.setdefault("limit", DEFAULT_LIMIT)
        if user_id is None:
            return self._finder.find(ListRequest("recent", {}, **options))
        index = self._layout.index_ref
        request = ListRequest("recent", {"user": self._codec.check_id("user_id", user_id)}, **options)

        return self._stream(
            request,
            index,
            lambda window: Scan(index, self._span(index, user_id, window, backward=True)),
            partial(self._whole, request.limit),
        )

    def _whole(
        self, want: int | None, rows: RowScan, test: Callable[[Row], bool] | None
    ) -> Iterator[tuple[Key, Session]]:
        """Yield the sessions of index rows with their index keys, fetched 100 at a time. A session that was deleted
        meanwhile is skipped, and replaced if few are wanted. `want` is the number of sessions expected to be used;
        `test` selects sessions."""
        left = want if test is None else None
        least = 1  # index rows of the next chunk
        missing = 0  # index rows since the last one with a session

        def chunks() -> Iterator[list[Key]]:
            while True:
                size = limits.MAX_ROWS_PER_READ if left is None else min(limits.MAX_ROWS_PER_READ, max(least, left))
                keys = [row.key for row in islice(rows, size)]
                if not keys:
                    return
                yield keys

        def fetch(index_keys: list[Key]) -> tuple[list[Key], Pending[list[RowRead]]]:
            keys = [(user_id, session_id) for user_id, _, session_id in index_keys]
            return index_keys, submit(self._client.limiter, partial(self._client.get_rows, self._codec.table, keys))

        # Where few sessions are wanted, the size of a chunk depends on the one before it.
        for index_keys, pending in prefetch(self._client.limiter, chunks(), fetch, None if want is None else 1):
            found = rows_of(pending.result())
            if None in found:
                least = MIN_REFILL
            missing = 0 if any(row is not None for row in found) else missing + len(found)
            if missing > MAX_MISSING:
                table = self._codec.table.name
                raise InvalidReply(f"table '{table}' has none of {missing:,} sessions that its index names")
            for key, row in zip(index_keys, found, strict=True):
                if row is not None and (test is None or test(row)):
                    left = None if left is None else left - 1
                    yield key, self._codec.decode(row)

    def search(
        self,
        text: str | None = None,
        *,
        user_id: str | None = None,
        sort: Sort = "newest",
        **options: Unpack[ListOptions],
    ) -> SearchStream[Session]:
        """Stream the sessions whose search content contains the text, ignoring case, and that match all other
        arguments: newest first, those without update_time last, or by the backend's own score.

        The embedded store finds every part of a text; TableStore finds whole words, and the parts that its index knows.
        Raises InvalidInput if the index lacks a field, TableNotFound without the index. Cost: 1 request for each 100
        rows that the index proposes, and 1 more once in a store."""
        options.setdefault("limit", DEFAULT_LIMIT)
        return self._finder.find(ListRequest("search", {"user_id": user_id}, **options, text=text, sort=sort))

    # Deleting many

    def purge(
        self,
        user_id: str | None,
        *,
        until: Time | None = None,
        filter: str | None = None,  # noqa: A002
        with_messages: bool = False,
        shared_too: bool = False,
        dry_run: bool = False,
        result: BulkResult | None = None,
    ) -> BulkResult:
        """Delete a user's sessions, or everyone's (None): with `until`, those whose update_time is not later; with
        `filter`, those that match it when they are read.

        `with_messages` deletes messages before their session. A session with a message later than `until` is kept
        whole, as is one whose update_time passes `until` meanwhile; both count as skipped. If another user keeps a
        session with the same id, the messages are kept and the session counts as shared, unless `shared_too`. Only keys
        and the columns of the filter are read. Raises InvalidInput; PartialFailure if rows are refused. Cost:
        ceil(n / 5,000) + ceil(n / 200) requests; with messages 1 more for each session, with `until` too 3, and 1
        search for each 500 sessions or 100 users."""
        from tsmem.store.bulk.purge import Candidate, SessionPurge
        from tsmem.store.bulk.result import BulkResult

        result = BulkResult() if result is None else result
        until_us = cursor.resolve(None, until, self._clock.now_us()).until
        condition, table = UNCONDITIONAL, self._codec.table
        scan = Scan(table, self._span(table, user_id), columns=("user_id",))
        messages_of = has_later = None
        if with_messages:
            messages_of = partial(self._messages.deletes, window=cursor.Window(None, until_us), begin=True)
        if until_us is not None:
            is_old = Comparison("update_time", Op.LE, until_us)
            scan = scan._replace(filter=is_old, columns=("user_id", "update_time"))
            condition = Condition(filter=is_old)
            has_later = partial(self._messages.has_later, time=until_us) if with_messages else None
        keys: Iterator[Key] = (row.key for row in self._rows(scan, filter))
        takes_all = user_id is None and filter is None
        if with_messages and not shared_too and not (takes_all and until_us is None):
            # Of everyone's sessions, all that are not later go, so those do not protect each other's messages.
            pairs = self._with_sharing(keys, until_us if takes_all else None)
        else:
            pairs = ((key, False) for key in keys)
        candidates = (Candidate(Delete(table, key, condition), shared) for key, shared in pairs)
        purge = SessionPurge(self._client, result, messages_of=messages_of, has_later=has_later, dry_run=dry_run)
        purge.run(candidates)
        result.raise_failures("deleted")
        return result

    def _with_sharing(self, keys: Iterator[Key], after: int | None) -> Iterator[tuple[Key, bool]]:
        """Yield keys with True if another user has a session with the same id that is later than `after`."""
        from tsmem.store.sharing import split_pairs

        for pairs in split_pairs((str(user_id), str(session_id)) for user_id, session_id in keys):
            shared = self._shared_or_raise(pairs, after)
            yield from ((pair, pair in shared) for pair in pairs)
