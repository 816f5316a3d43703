"""Sessions: the conversations of users. Read most recent first through the secondary index, which carries keys only, so
that whole sessions are fetched behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tsmem import limits
from tsmem.clock import Clock, Time
from tsmem.errors import ConditionFailed, InvalidInput, TableNotFound
from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, Comparison, Condition, Delete, Existence, Key, Op, Range, Row, Update, Value
from tsmem.store.codec import Codec
from tsmem.store.collection import DEFAULT_LIMIT, NO_CHANGES, Changes, Collection, Query
from tsmem.store.concurrency import prefetch
from tsmem.store.listing import cursor
from tsmem.store.listing.cursor import Window
from tsmem.store.listing.pages import Scan
from tsmem.store.listing.scan import ItemStream, RowScan
from tsmem.store.listing.whole_rows import WholeRows
from tsmem.store.messages import Messages
from tsmem.store.metadata import EMPTY, Metadata
from tsmem.store.model import Page, Session

if TYPE_CHECKING:
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.filters.row_filter import RowFilter
    from tsmem.store.search.criteria import Sort
    from tsmem.store.search.finder import SearchStream
    from tsmem.store.sharing import Pair


class Sessions(Collection[Session]):
    """`store.sessions`."""

    def __init__(
        self, client: TableClient, codec: Codec[Session], clock: Clock, target: str, messages: Messages
    ) -> None:
        super().__init__(client, codec, clock, target)
        self._messages = messages

    def get(self, user_id: str, session_id: str) -> Session:
        """Raises NotFound. Cost: 1 request."""
        return self._get(self._codec.key(user_id, session_id))

    def find(self, user_id: str, session_id: str) -> Session | None:
        """The session, or None. Cost: 1 request."""
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
        """Change what is named and leave the rest; it never creates.

        Raises NotFound, InvalidInput. Cost: 1 request, 2 with `replace_metadata`."""
        key = self._codec.key(user_id, session_id)
        self._update(key, {"update_time": update_time, "search_content": search_content}, changes)

    def check_key(self, user_id: str, session_id: str) -> None:
        """Raises InvalidInput or LimitExceeded for what cannot be a session's key. Sends nothing."""
        self._codec.key(user_id, session_id)

    def touch(self, user_id: str, session_id: str, time: int) -> None:
        """Raise update_time to `time` (microseconds); a later one stays.

        Raises NotFound. Cost: 1 request, 2 when a later one stands."""
        key = self._codec.key(user_id, session_id)
        older = Comparison("update_time", Op.LT, time, pass_if_missing=True)
        update = Update(
            self._codec.table, key, {"update_time": time}, condition=Condition(Existence.EXPECT_EXIST, older)
        )
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
        """Delete a session; with its messages, those go first and the session last, so that a failure can be repeated.

        Message keys carry no user: where another user has a session of the same id, the messages are kept, and counted
        as shared, unless `shared_too`. Raises NotFound unless `missing_ok`, InvalidInput where other users cannot be
        looked for. Cost: 1 request; with n messages 3 + ceil(n / 5,000) + ceil(n / 200), 1 less with `shared_too`."""
        from tsmem.store.bulk.result import BulkResult

        key = self._codec.key(user_id, session_id)
        result = BulkResult() if result is None else result
        if with_messages:
            if self._client.get_row(self._codec.table, key, ("user_id",)) is None:
                # Messages under this id, if any, belong to nobody known: they are not this session's to delete.
                if missing_ok:
                    return result
                raise self._missing(key)
            if not shared_too and self._others([(user_id, session_id)]):
                result.keep_shared(session_id)
            else:
                self._messages.purge(session_id, result=result)
        result.sessions += self._delete(key, missing_ok=missing_ok)
        return result

    # Session ids of several users

    def shared(self, pairs: Sequence[Pair], *, after: int | None = None) -> dict[Pair, list[str]]:
        """Return, for each of these users with a session id that other users have too, some of those users, as far as
        the search index knows; with `after`, only where their session is later than that, or has no update time. At
        most `sharing.MAX_IDS` pairs of `sharing.MAX_USERS` users.

        Raises TableNotFound, InvalidInput without a search index that has both ids. Cost: 1 request, and 1 more for
        each 100 sessions that are found."""
        from tsmem.store.sharing import others

        return others(self._client, self._codec.table, self._layout.search.name, pairs, after=after)

    def _others(self, pairs: Sequence[Pair], after: int | None = None) -> dict[Pair, list[str]]:
        """As `shared`, before messages are deleted: what cannot be known is an error then."""
        try:
            return self.shared(pairs, after=after)
        except (InvalidInput, TableNotFound) as error:
            raise InvalidInput(
                f"cannot look for other users with the same session ids: {error.message}",
                hint="init-tables makes the search index that this needs; --shared-too deletes the messages unasked",
            ) from error

    def _with_sharing(self, rows: Iterator[Row], *, looked_for: bool, after: int | None) -> Iterator[tuple[Row, bool]]:
        """Rows, and whether another user has a session of the same id, later than `after`."""
        from tsmem.store.sharing import split_pairs

        if not looked_for:
            yield from ((row, False) for row in rows)
            return
        for chunk in split_pairs((str(row.key[0]), str(row.key[1])) for row in rows):
            found = self._others(chunk, after)
            yield from ((Row(pair, {}), pair in found) for pair in chunk)

    # Listings

    def page(
        self,
        user_id: str | None,
        *,
        filter: str | None = None,  # noqa: A002 - TableStore's own word for it
        limit: int = DEFAULT_LIMIT,
        page_token: str | None = None,
    ) -> Page[Session]:
        """A user's sessions in order of id; None asks for everyone's, by user. `filter` is in the filter language of
        `filters.py`, and the limit counts what fulfils it.

        Raises InvalidInput. Cost: ceil(n / 5,000) requests, n the rows looked at."""
        return self.iterate(user_id, filter=filter, limit=limit, page_token=page_token).page()

    def iterate(
        self,
        user_id: str | None,
        *,
        filter: str | None = None,  # noqa: A002
        limit: int | None = None,
        page_token: str | None = None,
    ) -> ItemStream[Session]:
        """As `page`, streamed."""
        query = Query("list", {"user": user_id}, limit=limit, page_token=page_token, filter=filter)
        return self._stream(query, self._codec.table, lambda _: self._scan(user_id), self._whole)

    def recent(
        self,
        user_id: str | None,
        *,
        since: Time | None = None,
        until: Time | None = None,
        filter: str | None = None,  # noqa: A002
        limit: int | None = DEFAULT_LIMIT,
        page_token: str | None = None,
    ) -> ItemStream[Session]:
        """A user's sessions, latest first, within a window of update_time whose ends are included; None asks for
        everyone's, which come through the search index. A session without update_time is not among them. `filter` may
        look at anything, although the secondary index carries keys only.

        Raises InvalidInput. Cost: ceil(n / 5,000) + ceil(n / 100) requests, n the sessions in the window; of a filter
        that looks at ids and times alone, the second n are those that fulfil it. Of everyone's: as `search`."""
        if user_id is None:
            from tsmem.store.search.finder import SearchRequest

            return self._finder.find(
                SearchRequest("recent", None, {}, since, until, filter, "newest", limit, page_token)
            )
        user = self._codec.check_id("user_id", user_id)

        def scan(window: Window) -> Scan:
            top = MAX if window.until is None else window.until
            bottom = MIN if window.since is None else window.since
            return Scan(self._layout.index_ref, Range((user, top, MAX), (user, bottom, MIN), backward=True))

        query = Query("recent", {"user": user}, since, until, limit, page_token, filter)
        return self._stream(query, self._layout.index_ref, scan, partial(self._hydrated, limit))

    def _hydrated(self, want: int | None, rows: RowScan, wanted: RowFilter | None) -> WholeRows:
        """Whole sessions; a filter that the index could not decide is decided on them."""
        decided = wanted is None or self._readable(self._layout.index_ref).covers(wanted)
        test = None if wanted is None or decided else wanted.test(self._readable(self._codec.table))
        return WholeRows(self._client, self._codec, rows, want, test)

    def _scan(self, user_id: str | None) -> Scan:
        if user_id is None:
            return Scan(self._codec.table, Range((MIN, MIN), (MAX, MAX)))
        user = self._codec.check_id("user_id", user_id)
        return Scan(self._codec.table, Range((user, MIN), (user, MAX)))

    def ids_of(self, user_id: str, prefix: str = "") -> Iterator[str]:
        """The ids of a user's sessions that begin so, in order; keys only. Cost: ceil(n / 5,000) requests."""
        user = self._codec.check_id("user_id", user_id)
        span = Range((user, prefix or MIN), (user, MAX))
        for row in RowScan(self._client, Scan(self._codec.table, span, columns=("user_id",))):
            if not str(row.key[1]).startswith(prefix):
                return
            yield str(row.key[1])

    def search(
        self,
        text: str | None = None,
        *,
        user_id: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        filter: str | None = None,  # noqa: A002
        sort: Sort = "newest",
        limit: int | None = DEFAULT_LIMIT,
        page_token: str | None = None,
    ) -> SearchStream[Session]:
        """Sessions whose search content has the text as a part, whatever its case, and all else that is asked for;
        newest first, those without update_time last, or by score, which is the backend's own.

        In the embedded store every part of a text is found; on TableStore whole words, and parts that the index knows.
        Raises InvalidInput where the index lacks a field, TableNotFound without the index. Cost: 1 request for each 100
        rows that the index proposes, 1 more once in a store."""
        from tsmem.store.search.finder import SearchRequest

        user = None if user_id is None else self._codec.check_id("user_id", user_id)
        wanted = SearchRequest("search", text, {"user_id": user}, since, until, filter, sort, limit, page_token)
        return self._finder.find(wanted)

    # Many at once

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
        """Delete a user's sessions, or everyone's (None); with `until`, those whose update_time is not after it; with
        `filter`, those that fulfil it when they are read.

        With messages, a session that has a message later than `until` is kept whole. A session whose time passes
        `until` meanwhile is kept too; both count as skipped. Messages go before their session; they are kept, and their
        session counts as shared, where another user has a session of the same id, unless `shared_too`; of everyone's
        without a filter, where that session stays. Keys are read, and the columns of the filter. Raises InvalidInput;
        PartialFailure when rows are refused. Cost: ceil(n / 5,000) + ceil(n / 200) requests; with messages 1 more for
        each session, with `until` too 5, and 1 search for each 500 sessions or 100 users."""
        from tsmem.store.bulk.result import BulkResult

        result = BulkResult() if result is None else result
        window = cursor.resolve(None, until, self._clock.now_us())
        all_go = user_id is None and window.until is None and filter is None
        looked_for = with_messages and not shared_too and not all_go
        # Sessions of everyone up to a time all go: one of them is no reason to keep the messages of another.
        after = window.until if user_id is None and filter is None else None
        rows = self._purgeable(user_id, window.until, filter)
        shared = self._with_sharing(rows, looked_for=looked_for, after=after)
        if with_messages and window.until is not None:
            self._purge_old(shared, window, result, dry_run=dry_run)
        else:
            self._purge_all(shared, window, result, with_messages=with_messages, dry_run=dry_run)
        result.raise_failures("deleted")
        return result

    def _purgeable(self, user_id: str | None, until: int | None, filter: str | None) -> Iterator[Row]:  # noqa: A002
        scan = self._scan(user_id)._replace(columns=("user_id",))
        if until is not None:
            scan = scan._replace(filter=Comparison("update_time", Op.LE, until), columns=("user_id", "update_time"))
        return self._rows(scan, filter)

    def _purge_all(
        self,
        rows: Iterator[tuple[Row, bool]],
        window: Window,
        result: BulkResult,
        *,
        with_messages: bool,
        dry_run: bool,
    ) -> None:
        """Delete sessions, and all of their messages where they go too: in batches that sessions share."""
        from tsmem.store.bulk.purge import Purge

        seen: set[str] = set()  # messages that two users share would go once

        def begun(found: tuple[Row, bool]) -> tuple[Row, Iterator[Delete]]:
            row, shared = found
            session_id = str(row.key[1])
            if shared:
                result.keep_shared(session_id)
            if not with_messages or shared or session_id in seen:
                return row, iter(())
            if dry_run:
                seen.add(session_id)
            return row, self._messages.deletes(session_id, window, begun=True)

        with Purge(self._client, self._codec.table.name, result, dry_run=dry_run) as purge:
            for row, messages in prefetch(self._client.limiter, rows, begun):
                for delete in messages:
                    purge.message(delete)
                purge.session(Delete(self._codec.table, row.key, _not_after(window.until)))

    def _purge_old(
        self, rows: Iterator[tuple[Row, bool]], window: Window, result: BulkResult, *, dry_run: bool
    ) -> None:
        """Delete sessions with their messages, each by itself: a message that comes while others are deleted would be
        left alone."""
        from tsmem.store.bulk.purge import Job, one_by_one

        seen: set[str] = set()  # messages that two users share are counted once

        def job(found: tuple[Row, bool]) -> Job:
            row, shared = found
            session_id = str(row.key[1])
            kept = shared or (dry_run and session_id in seen)
            if dry_run:
                seen.add(session_id)

            def delete(part: BulkResult) -> None:
                if self._purge_one(row.key, window, part, dry_run=dry_run, messages=not kept) and shared:
                    part.keep_shared(session_id)

            return Job(session_id, delete)

        one_by_one(self._client.limiter, map(job, rows), result)

    def _purge_one(self, key: Key, window: Window, part: BulkResult, *, dry_run: bool, messages: bool) -> bool:
        """Delete one session, mostly with its messages, unless it has, or gets, a message that is later: then return
        False."""
        from tsmem.store.bulk.batches import BatchWriter

        session_id, until = str(key[1]), window.until
        assert until is not None
        if self._messages.has_later(session_id, until):
            part.skipped += 1
            return False
        if messages:
            self._messages.purge(session_id, until=until, dry_run=dry_run, result=part)
        if dry_run:
            part.sessions += 1
        elif self._messages.has_later(session_id, until):
            part.skipped += 1
            return False
        else:
            table = self._codec.table
            with BatchWriter(self._client, table.name, part, skip_failed_conditions=True) as writer:
                writer.add(Delete(table, key, _not_after(until)))
        return True

    def new(
        self,
        user_id: str,
        session_id: str,
        *,
        update_time: int | None = None,
        search_content: str | None = None,
        metadata: Mapping[str, Value] = EMPTY,
    ) -> Session:
        """A session to be put, its update_time now where none is given. Nothing is written."""
        time = self._clock.now_us() if update_time is None else update_time
        return Session(user_id, session_id, time, search_content, Metadata(metadata))


def _not_after(until: int | None) -> Condition:
    if until is None:
        return Condition()
    return Condition(Existence.IGNORE, Comparison("update_time", Op.LE, until))
