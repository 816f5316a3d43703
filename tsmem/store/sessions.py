"""Sessions: the conversations of users. Listed most recent first through the secondary index, which has only keys, so
that whole sessions are then read in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from tsmem import limits
from tsmem.clock import Clock, Time
from tsmem.errors import ConditionFailed, InvalidInput, TableNotFound
from tsmem.port import TableClient
from tsmem.rows import UNCONDITIONAL, Comparison, Condition, Delete, Existence, Key, Op, Row, Update, Value
from tsmem.store.codec import Codec
from tsmem.store.collection import DEFAULT_LIMIT, NO_CHANGES, Changes, Collection
from tsmem.store.concurrency import prefetch
from tsmem.store.listing import cursor
from tsmem.store.listing.cursor import Window
from tsmem.store.listing.scan import ItemStream, Scan
from tsmem.store.listing.whole_rows import whole_sessions
from tsmem.store.messages import Messages
from tsmem.store.metadata import EMPTY, Metadata
from tsmem.store.model import Page, Session
from tsmem.store.requests import ListRequest, Sort

if TYPE_CHECKING:
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.search.finder import SearchStream
    from tsmem.store.sharing import Pair


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
                hint="init-tables makes the search index that this needs; --shared-too deletes the messages unasked",
            ) from error

    # Listings

    def page(
        self,
        user_id: str | None,
        *,
        filter: str | None = None,  # noqa: A002 - TableStore's own word for it
        limit: int = DEFAULT_LIMIT,
        page_token: str | None = None,
    ) -> Page[Session]:
        """Return a page of a user's sessions in order of id, or of everyone's (None) by user. `filter` is an expression
        in the filter language; the limit counts the sessions that match it.

        Raises InvalidInput. Cost: ceil(n / 5,000) requests for n rows read."""
        return self.iterate(user_id, filter=filter, limit=limit, page_token=page_token).page()

    def iterate(
        self,
        user_id: str | None,
        *,
        filter: str | None = None,  # noqa: A002
        limit: int | None = None,
        page_token: str | None = None,
    ) -> ItemStream[Session]:
        """Stream sessions; otherwise as `page`."""
        request = ListRequest("list", {"user": user_id}, limit=limit, page_token=page_token, filter=filter)
        table = self._codec.table
        return self._stream(request, table, lambda _: Scan(table, self._span(table, user_id)))

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
        """Stream a user's sessions, latest first, within a window of update_time that includes both ends. Sessions
        without update_time are left out. Everyone's (None) come from the search index.

        Raises InvalidInput. Cost: ceil(n / 5,000) + ceil(n / 100) requests for n sessions in the window; with a filter
        on ids and times alone, the second n counts the matches. For everyone: as `search`."""
        if user_id is None:
            request = ListRequest("recent", {}, since, until, limit, page_token, filter)
            return self._finder.find(request)
        index = self._layout.index_ref
        user = self._codec.check_id("user_id", user_id)
        request = ListRequest("recent", {"user": user}, since, until, limit, page_token, filter)
        return self._stream(
            request,
            index,
            lambda window: Scan(index, self._span(index, user, window, backward=True)),
            partial(whole_sessions, self._client, self._codec, limit),
        )

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
        """Stream the sessions whose search content contains the text, ignoring case, and that match all other
        arguments: newest first, those without update_time last, or by the backend's own score.

        The embedded store finds every part of a text; TableStore finds whole words, and the parts that its index knows.
        Raises InvalidInput if the index lacks a field, TableNotFound without the index. Cost: 1 request for each 100
        rows that the index proposes, and 1 more once in a store."""
        user = None if user_id is None else self._codec.check_id("user_id", user_id)
        return self._finder.find(
            ListRequest("search", {"user_id": user}, since, until, limit, page_token, filter, text, sort)
        )

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
        ceil(n / 5,000) + ceil(n / 200) requests; with messages 1 more for each session, with `until` too 5, and 1
        search for each 500 sessions or 100 users."""
        from tsmem.store.bulk.result import BulkResult

        result = BulkResult() if result is None else result
        until_us = cursor.resolve(None, until, self._clock.now_us()).until
        scan = Scan(self._codec.table, self._span(self._codec.table, user_id), columns=("user_id",))
        if until_us is not None:
            is_old = Comparison("update_time", Op.LE, until_us)
            scan = scan._replace(filter=is_old, columns=("user_id", "update_time"))
        rows = self._rows(scan, filter)
        candidates: Iterator[tuple[Row, bool]]
        if not with_messages or shared_too or (user_id is None and until_us is None and filter is None):
            candidates = ((row, False) for row in rows)
        else:
            # Of everyone's sessions, all that are not later go, so those do not protect each other's messages.
            candidates = self._with_sharing(rows, until_us if user_id is None and filter is None else None)
        if with_messages and until_us is not None:
            self._purge_one_by_one(candidates, until_us, result, dry_run=dry_run)
        else:
            self._purge_in_batches(candidates, until_us, result, with_messages=with_messages, dry_run=dry_run)
        result.raise_failures("deleted")
        return result

    def _with_sharing(self, rows: Iterator[Row], after: int | None) -> Iterator[tuple[Row, bool]]:
        """Yield rows with True if another user has a session with the same id that is later than `after`."""
        from tsmem.store.sharing import split_pairs

        for pairs in split_pairs((str(row.key[0]), str(row.key[1])) for row in rows):
            shared = self._shared_or_raise(pairs, after)
            yield from ((Row(pair, {}), pair in shared) for pair in pairs)

    def _purge_in_batches(
        self,
        candidates: Iterator[tuple[Row, bool]],
        until: int | None,
        result: BulkResult,
        *,
        with_messages: bool,
        dry_run: bool,
    ) -> None:
        from tsmem.store.bulk.purge import delete_in_batches

        seen: set[str] = set()  # a dry run counts messages that two users share once

        def begin(candidate: tuple[Row, bool]) -> tuple[Delete, Iterator[Delete]]:
            row, shared = candidate
            session, session_id = Delete(self._codec.table, row.key, _not_after(until)), str(row.key[1])
            if shared:
                result.keep_shared(session_id)
            if not with_messages or shared or session_id in seen:
                return session, iter(())
            if dry_run:
                seen.add(session_id)
            return session, self._messages.deletes(session_id, Window(None, until), begin=True)

        sessions = prefetch(self._client.limiter, candidates, begin)
        delete_in_batches(self._client, self._codec.table.name, sessions, result, dry_run=dry_run)

    def _purge_one_by_one(
        self, candidates: Iterator[tuple[Row, bool]], until: int, result: BulkResult, *, dry_run: bool
    ) -> None:
        """Delete each session right after its messages: in a shared batch, a message that arrives meanwhile would lose
        its session."""
        from tsmem.store.bulk.purge import Job, delete_one_by_one

        seen: set[str] = set()  # a dry run counts messages that two users share once

        def job(candidate: tuple[Row, bool]) -> Job:
            row, shared = candidate
            session_id = str(row.key[1])
            with_messages = not shared and session_id not in seen
            if dry_run:
                seen.add(session_id)

            def delete(part: BulkResult) -> None:
                if self._purge_old(row.key, until, part, dry_run=dry_run, with_messages=with_messages) and shared:
                    part.keep_shared(session_id)

            return Job(session_id, delete)

        delete_one_by_one(self._client.limiter, map(job, candidates), result)

    def _purge_old(self, key: Key, until: int, part: BulkResult, *, dry_run: bool, with_messages: bool) -> bool:
        """Delete a session. Return False if it has, or gets, a message later than `until`, and is kept."""
        from tsmem.store.bulk.batches import BatchWriter

        session_id = str(key[1])
        if self._messages.has_later(session_id, until):
            part.skipped += 1
            return False
        if with_messages:
            self._messages.purge(session_id, until=until, dry_run=dry_run, result=part)
        if dry_run:
            part.sessions += 1
            return True
        if self._messages.has_later(session_id, until):
            part.skipped += 1
            return False
        table = self._codec.table
        with BatchWriter(self._client, table.name, part, skip_failed_conditions=True) as writer:
            writer.add(Delete(table, key, _not_after(until)))
        return True


def _not_after(until: int | None) -> Condition:
    if until is None:
        return UNCONDITIONAL
    return Condition(Existence.IGNORE, Comparison("update_time", Op.LE, until))
