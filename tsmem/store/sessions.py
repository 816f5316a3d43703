"""Sessions, the conversations of users: `store.sessions`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Unpack

from tsmem import limits
from tsmem.clock import Clock, Time
from tsmem.errors import ConditionFailed, Denied, InvalidInput, InvalidReply, NotFound, TableNotFound
from tsmem.port import RowRead, TableClient, rows_of
from tsmem.rows import UNCONDITIONAL, Comparison, Condition, Delete, Existence, Key, Op, Row, Update, Value
from tsmem.store.codec import Codec
from tsmem.store.collection import Collection
from tsmem.store.concurrency import Pending, prefetch, submit
from tsmem.store.layout import check_key_types
from tsmem.store.listing.requests import DEFAULT_LIMIT, ListOptions, ListRequest, PageOptions, Window, resolve_window
from tsmem.store.listing.scan import ItemStream, RowScan, Scan
from tsmem.store.messages import Messages
from tsmem.store.metadata import EMPTY, Metadata
from tsmem.store.model import NO_CHANGES, Changes, Page, Session, Sort

if TYPE_CHECKING:
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.search.finder import SearchStream
    from tsmem.store.sharing import Pair

MAX_MISSING = 100_000
"""Maximum number of consecutive index rows whose session is missing; more are an error. The index is consistent with
the table, so a session can be missing only if it was deleted after its index row was read."""


class Sessions(Collection[Session]):
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
        """Return a session that `put` can write. `update_time` defaults to the current time."""
        time = self._clock.now_us() if update_time is None else update_time
        return Session(user_id, session_id, time, search_content, Metadata(metadata))

    def get(self, user_id: str, session_id: str) -> Session:
        """Return a session. Raises NotFound. Cost: 1 request."""
        return self._get(self.codec.key(user_id, session_id))

    def find(self, user_id: str, session_id: str) -> Session | None:
        """Return a session, or None. Cost: 1 request."""
        return self._find(self.codec.key(user_id, session_id))

    def update(
        self,
        user_id: str,
        session_id: str,
        *,
        update_time: int | None = None,
        search_content: str | None = None,
        changes: Changes = NO_CHANGES,
    ) -> None:
        """Change the given fields and metadata of an existing session, and keep the others.

        Raises NotFound, InvalidInput. Cost: 1 request, 2 with `replace_metadata`."""
        key = self.codec.key(user_id, session_id)
        self._update(key, {"update_time": update_time, "search_content": search_content}, changes)

    def touch(self, user_id: str, session_id: str, time: int) -> None:
        """Set update_time to `time` (microseconds) if the session's update_time is earlier or missing.

        Raises NotFound. Cost: 1 request, 2 if nothing is changed."""
        key = self.codec.key(user_id, session_id)
        is_older = Comparison("update_time", Op.LT, time, pass_if_missing=True)
        condition = Condition(Existence.EXPECT_EXIST, is_older)
        update = Update(self.codec.table, key, {"update_time": time}, condition=condition)
        limits.check_write(update)
        try:
            self.client.write_row(update)
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
        """Delete a session. With `with_messages`, its messages are deleted first and the session last, so that a failed
        call can be repeated.

        Users with the same session id share its messages. If another user has a session with this id, the messages are
        kept and the result counts the session as shared; with `shared_too`, they are deleted anyway.

        Raises NotFound unless `missing_ok`, and InvalidInput if other users cannot be looked up. Cost: 1 request; with
        `with_messages` and n messages, 3 + ceil(n / 5,000) + ceil(n / 200), or one fewer with `shared_too`."""
        from tsmem.store.bulk.result import BulkResult

        key = self.codec.key(user_id, session_id)
        result = BulkResult() if result is None else result
        if with_messages:
            if self.client.get_row(self.codec.table, key, ("user_id",)) is None:
                # Messages with this session id belong to another user or to nobody, so they are kept.
                if missing_ok:
                    return result
                raise self._missing(key)
            if not shared_too and self._shared_or_raise([(user_id, session_id)]):
                result.count_shared(session_id)
            else:
                self._messages.purge(session_id, result=result)
        result.sessions += self._delete(key, missing_ok=missing_ok)
        return result

    def shared(self, pairs: Sequence[Pair], *, after: int | None = None) -> dict[Pair, list[str]]:
        """Return the pairs whose session id other users have too, each with some of these users. With `after`, only
        sessions with a later update_time, or with none, count. `sharing.split_pairs` splits a list that is too long.
        The search index lags a few seconds behind the table, so a session that was just written might not be found.

        Raises TableNotFound without a search index, InvalidInput if the index lacks a field. Cost: 1 request, and at
        most 1 more for each 100 sessions found."""
        from tsmem.queries import Search
        from tsmem.store.sharing import others_query

        table, index = self.codec.table, self._layout.search.name
        found: dict[Pair, list[str]] = {}
        undecided = list(pairs)
        while undecided:  # usually once: the query leaves out the pairs' own users, and finds nothing
            page = self.client.search(table, index, Search(others_query(undecided, after), columns=()))
            check_key_types(table, page.rows)
            users: defaultdict[str, list[str]] = defaultdict(list)
            for row in page.rows:
                users[str(row.key[1])].append(str(row.key[0]))
            for user, session in undecided:
                if other_users := [each for each in users[session] if each != user]:
                    found[user, session] = other_users
            before, undecided = len(undecided), [pair for pair in undecided if pair not in found]
            if page.token is None or len(undecided) == before:
                break
        return found

    def _shared_or_raise(self, pairs: Sequence[Pair], after: int | None = None) -> dict[Pair, list[str]]:
        try:
            return self.shared(pairs, after=after)
        except (InvalidInput, TableNotFound) as error:
            raise InvalidInput(
                f"cannot look for other users with the same session ids: {error.message}",
                hint="create the search index with init-tables, or delete the messages anyway with --shared-too",
            ) from error

    def start_lookup(self, *session_ids: str) -> Pending[list[Session]]:
        """Start to look for the sessions with one of at most 500 ids, whoever their users are. At most 100 are found,
        and none if the search index is missing or cannot be used. The index lags a few seconds behind the table. Cost:
        1 request."""
        from tsmem.queries import Search, Terms

        table, index = self.codec.table, self._layout.search.name
        search = Search(Terms("session_id", tuple(self.codec.check_id("session_id", each) for each in session_ids)))

        def look_up() -> list[Session]:
            try:
                page = self.client.search(table, index, search)
            except (InvalidInput, NotFound, Denied):
                return []
            check_key_types(table, page.rows)
            return [self.codec.decode(row) for row in page.rows]

        return submit(self.client.limiter, look_up)

    # Listings

    def page(self, user_id: str | None, **options: Unpack[PageOptions]) -> Page[Session]:
        """Return a page of a user's sessions in order of session id; if `user_id` is None, of all sessions in order of
        user id. Cost: ceil(n / 5,000) requests for n rows read."""
        options.setdefault("limit", DEFAULT_LIMIT)
        return self.iterate(user_id, **options).page()

    def iterate(self, user_id: str | None, **options: Unpack[PageOptions]) -> ItemStream[Session]:
        """Stream the same sessions as `page`, by default without a limit."""
        table = self.codec.table
        request = ListRequest("list", {"user_id": user_id}, **options)
        return self._stream(request, table, lambda _: Scan(table, self._span(table, user_id)))

    def rows(self, user_id: str | None, session_id: str | None = None) -> Iterator[Row]:
        """Return the rows of one user's sessions, of every user's session with the given id, or of all sessions. Cost:
        ceil(n / 5,000) requests; with `session_id`, all sessions are read, because the key begins with the user id."""
        if user_id is not None and session_id is not None:
            raise InvalidInput("give a user or a session, not both")
        test = None
        if session_id is not None:
            test = Comparison("session_id", Op.EQ, self.codec.check_id("session_id", session_id))
        table = self.codec.table
        return self._matching_rows(Scan(table, self._span(table, user_id), test), None)

    def recent(self, user_id: str | None, **options: Unpack[ListOptions]) -> ItemStream[Session]:
        """Stream a user's sessions, latest first, within a window of update_time. Sessions without update_time are left
        out. If `user_id` is None, all users' sessions are listed from the search index.

        Raises InvalidInput. Cost: ceil(n / 5,000) + ceil(n / 100) requests for n sessions in the window. If a filter
        tests only ids and times, the second n counts only the matches. For all users, the cost of `search`."""
        options.setdefault("limit", DEFAULT_LIMIT)
        if user_id is None:
            return self._finder.find(ListRequest("recent", {}, **options))
        index = self._layout.index_ref
        request = ListRequest("recent", {"user_id": self.codec.check_id("user_id", user_id)}, **options)

        return self._stream(
            request,
            index,
            lambda window: Scan(index, self._span(index, user_id, window, backward=True)),
            partial(self._fetch_sessions, request.limit),
        )

    def _fetch_sessions(
        self, limit: int | None, rows: RowScan, test: Callable[[Row], bool] | None
    ) -> Iterator[tuple[Key, Session]]:
        """The secondary index has only keys, so the sessions are read from the table in batches. Yield those that pass
        `test`, each after the key of its index row. Skip those that were deleted after their index row was read."""
        left = limit if test is None else None
        some_deleted = False  # in the chunk before
        missing_count = 0  # index rows in the last chunks that had no session at all

        def chunks() -> Iterator[list[Key]]:
            while True:
                size = limits.MAX_ROWS_PER_READ
                if left is not None and not some_deleted:
                    size = max(1, min(size, left))
                keys = [row.key for row in islice(rows, size)]
                if not keys:
                    return
                yield keys

        def fetch(index_keys: list[Key]) -> tuple[list[Key], Pending[list[RowRead]]]:
            keys = [(user_id, session_id) for user_id, _, session_id in index_keys]
            return index_keys, submit(self.client.limiter, partial(self.client.get_rows, self.codec.table, keys))

        # With a limit, the size of a chunk depends on the chunk before it, so only one is read at a time.
        for index_keys, pending in prefetch(self.client.limiter, chunks(), fetch, None if limit is None else 1):
            found = rows_of(pending.result())
            some_deleted = None in found
            missing_count = 0 if any(row is not None for row in found) else missing_count + len(found)
            if missing_count > MAX_MISSING:
                table = self.codec.table.name
                raise InvalidReply(f"the index lists {missing_count:,} sessions, but table '{table}' has none of them")
            for key, row in zip(index_keys, found, strict=True):
                if row is not None and (test is None or test(row)):
                    left = None if left is None else left - 1
                    yield key, self.codec.decode(row)

    def search(
        self,
        text: str | None = None,
        *,
        user_id: str | None = None,
        sort: Sort = "newest",
        **options: Unpack[ListOptions],
    ) -> SearchStream[Session]:
        """Stream the sessions whose search content contains the text, ignoring case, and that match all other
        arguments. They come newest first, with those without update_time last, or in order of the backend's score.

        The embedded store matches any part of a text. TableStore matches whole words, and the parts of words that the
        field's analyzer makes. Raises InvalidInput if the index lacks a field, TableNotFound without the index. Cost: 1
        request for each 100 candidates, and 1 more for the store's first search."""
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
        """Delete a user's sessions, or all users' sessions if `user_id` is None.

        - `until`: only sessions whose update_time is not later. A session that is updated during the purge counts as
          skipped.
        - `filter`: only sessions that match when they are read. The deletion does not test the filter again.
        - `with_messages`: delete the messages of a session before it. With `until`, a session that has a later message
          is kept with all its messages, and counts as skipped. If another user has a session with the same id that is
          not deleted, only the session is deleted, and it counts as shared.
        - `shared_too`: delete the messages of shared sessions, too.

        Only keys and the columns of the filter are read. Raises InvalidInput, and PartialFailure if the service refuses
        to delete a row. Cost: ceil(n / 5,000) + ceil(n / 200) requests for n sessions; with messages 1 more for each
        session, or 3 more with `until`, and a search for at most 500 sessions or 100 users."""
        from tsmem.store.bulk.purge import Candidate, SessionPurge
        from tsmem.store.bulk.result import BulkResult

        result = BulkResult() if result is None else result
        until_us = resolve_window(None, until, self._clock.now_us()).until
        condition, table = UNCONDITIONAL, self.codec.table
        scan = Scan(table, self._span(table, user_id), columns=("user_id",))
        start_deletes = has_later_message = None
        if with_messages:
            start_deletes = partial(self._messages.deletes, window=Window(None, until_us))
        if until_us is not None:
            is_old = Comparison("update_time", Op.LE, until_us)
            scan = scan._replace(filter=is_old, columns=("user_id", "update_time"))
            condition = Condition(filter=is_old)
            has_later_message = partial(self._messages.has_later, time=until_us) if with_messages else None
        keys: Iterator[Key] = (row.key for row in self._matching_rows(scan, filter))
        is_everything = user_id is None and filter is None
        if with_messages and not shared_too and not (is_everything and until_us is None):
            # When all users' sessions are purged, only sessions that are later than `until` can still use messages.
            flagged = self._flag_shared(keys, until_us if is_everything else None)
        else:
            flagged = ((key, False) for key in keys)
        purge = SessionPurge(
            self.client, result, start_deletes=start_deletes, has_later_message=has_later_message, dry_run=dry_run
        )
        purge.run(Candidate(Delete(table, key, condition), is_shared) for key, is_shared in flagged)
        result.raise_failures("deleted")
        return result

    def _flag_shared(self, keys: Iterator[Key], after: int | None) -> Iterator[tuple[Key, bool]]:
        """Yield each key, and True if another user has a session with the same id (and later than `after`)."""
        from tsmem.store.sharing import split_pairs

        for pairs in split_pairs((str(user_id), str(session_id)) for user_id, session_id in keys):
            shared = self._shared_or_raise(pairs, after)
            yield from ((pair, pair in shared) for pair in pairs)
