"""Messages, what was said in sessions: `store.messages`. A message's key contains its create time, so a message that
is given by its id alone is first looked up in the secondary index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Unpack

from tsmem.clock import Clock, Time
from tsmem.errors import AlreadyExists, Ambiguous, InvalidInput, NotFound
from tsmem.port import TableClient
from tsmem.rows import And, Comparison, Delete, Filter, Key, Op, Range, Row, Value
from tsmem.store.codec import Codec
from tsmem.store.collection import ANY_TIME, Collection
from tsmem.store.concurrency import prefetch, submit
from tsmem.store.listing.requests import (
    DEFAULT_LIMIT,
    ListOptions,
    ListRequest,
    Window,
    read_filter,
    resolve_window,
)
from tsmem.store.listing.scan import ItemStream, RowScan, Scan
from tsmem.store.metadata import EMPTY, Metadata
from tsmem.store.model import NO_CHANGES, Changes, Message, Order, Page, Sort

if TYPE_CHECKING:
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.listing.excerpt import Excerpt, Selection
    from tsmem.store.listing.tail import OnUnavailable
    from tsmem.store.search.finder import SearchStream

MAX_SESSIONS_AHEAD = 8
"""Maximum number of sessions whose first page, of up to 4 MB, is requested in advance."""


class Messages(Collection[Message]):
    def __init__(
        self,
        client: TableClient,
        codec: Codec[Message],
        clock: Clock,
        target: str,
        sessions_of: Callable[[str], Iterable[str]],
    ) -> None:
        """`sessions_of` returns the ids of a user's sessions, in order: a message's key does not have its user."""
        super().__init__(client, codec, clock, target)
        self._sessions_of = sessions_of

    def new(
        self,
        session_id: str,
        message_id: str,
        *,
        role: str | None = None,
        content: str | None = None,
        create_time: int | None = None,
        search_content: str | None = None,
        metadata: Mapping[str, Value] = EMPTY,
    ) -> Message:
        """Return a message that `put` can write. `create_time` defaults to the current time."""
        time = self._clock.now_us() if create_time is None else create_time
        return Message(session_id, message_id, time, role, content, search_content, Metadata(metadata))

    def get(self, session_id: str, message_id: str, *, create_time: int | None = None) -> Message:
        """Return a message. Raises NotFound, and Ambiguous if several messages of the session have the id and no
        create_time is given. Cost: 1 request with create_time, otherwise 2."""
        return self._get(self._key(session_id, message_id, create_time))

    def find(self, session_id: str, message_id: str, *, create_time: int | None = None) -> Message | None:
        """Return a message, or None if it does not exist. Raises Ambiguous. Cost: the same as `get`."""
        key = self._find_key(session_id, message_id, create_time)
        return None if key is None else self._find(key)

    def update(
        self,
        session_id: str,
        message_id: str,
        *,
        create_time: int | None = None,
        content: str | None = None,
        role: str | None = None,
        search_content: str | None = None,
        changes: Changes = NO_CHANGES,
    ) -> Key:
        """Change the given fields and metadata of an existing message, and keep the others. Return its key.

        Raises NotFound, Ambiguous, InvalidInput. Cost: 1 request, 1 more without create_time, 1 more with
        `replace_metadata`."""
        fields = {"content": content, "role": role, "search_content": search_content}
        self.codec.check_fields({name: value for name, value in fields.items() if value is not None})
        key = self._key(session_id, message_id, create_time)
        self._update(key, fields, changes)
        return key

    def delete(
        self, session_id: str, message_id: str, *, create_time: int | None = None, missing_ok: bool = False
    ) -> bool:
        """Delete one message. Return False if it did not exist.

        Raises NotFound unless `missing_ok`, Ambiguous. Cost: 1 request with create_time, otherwise 2."""
        find = self._find_key if missing_ok else self._key
        key = find(session_id, message_id, create_time)
        return key is not None and self._delete(key, missing_ok=missing_ok)

    def check_unused(self, session_id: str, message_id: str) -> None:
        """Raise AlreadyExists if a session has a message with this id, whatever its create time. Cost: 1 request."""
        if times := self._first_two_times(session_id, message_id):
            raise AlreadyExists(
                f"message '{message_id}' in session '{session_id}' exists already",
                hint=f"--create-time {' or '.join(map(str, times))} replaces the existing message; "
                "--new keeps it and adds another",
            )

    def _key(self, session_id: str, message_id: str, create_time: int | None) -> Key:
        key = self._find_key(session_id, message_id, create_time)
        if key is None:
            raise NotFound(f"there is no message '{message_id}' in session '{session_id}'")
        return key

    def _find_key(self, session_id: str, message_id: str, create_time: int | None) -> Key | None:
        if create_time is not None:
            return self.codec.key(session_id, create_time, message_id)
        times = self._first_two_times(session_id, message_id)
        if len(times) > 1:
            raise Ambiguous(
                f"the id '{message_id}' is used more than once in session '{session_id}'",
                hint=f"choose one by its time: --create-time {' or '.join(map(str, times))}",
            )
        return (session_id, times[0], message_id) if times else None

    def _first_two_times(self, session_id: str, message_id: str) -> list[int]:
        session = self.codec.check_id("session_id", session_id)
        message = self.codec.check_id("message_id", message_id)
        index = self._layout.index_ref
        rows = RowScan(self.client, Scan(index, index.range_of(session, message)), 2)
        return [int(row.key[2]) for row in islice(rows, 2)]

    # Listings

    def page(
        self, session_id: str | None, *, role: str | None = None, order: Order = "asc", **options: Unpack[ListOptions]
    ) -> Page[Message]:
        """Return a page of a session's messages in order of time; if `session_id` is None, of all messages in order of
        session id. Cost: ceil(n / 5,000) requests for n messages. With `role` or `filter`, or for a window over all
        sessions, n also counts the messages that do not match."""
        options.setdefault("limit", DEFAULT_LIMIT)
        return self.iterate(session_id, role=role, order=order, **options).page()

    def iterate(
        self,
        session_id: str | None,
        *,
        user_id: str | None = None,
        role: str | None = None,
        order: Order = "asc",
        **options: Unpack[ListOptions],
    ) -> ItemStream[Message]:
        """Stream the same messages as `page`, by default without a limit; with `user_id`, those of all sessions of a
        user, in order of session id. Cost: that of `page`; with `user_id`, 1 request for each 5,000 sessions and at
        least 1 for each session read. Up to 7 sessions more are read ahead."""
        if order not in ("asc", "desc"):
            raise InvalidInput(f"the order is asc or desc, not '{order}'")
        if user_id is not None:
            if session_id is not None:
                raise InvalidInput("give a session or a user, not both")
            return self._of_user(user_id, role, order, options)
        return self._stream(
            ListRequest("list", {"session_id": session_id, "role": role, "order": order}, **options),
            self.codec.table,
            lambda window: self._scan(session_id, window, role=role, backward=order == "desc"),
        )

    def _of_user(self, user_id: str, role: str | None, order: Order, options: ListOptions) -> ItemStream[Message]:
        table, backward = self.codec.table, order == "desc"
        request = ListRequest("list", {"user_id": user_id, "role": role, "order": order}, **options)
        start = request.resolve(self.codec, table, f"{self._target}/{table.name}", self._clock)
        session_ids = sorted(self._sessions_of(user_id), reverse=backward)
        if start.after is not None:
            first = str(start.after[0])
            session_ids = [each for each in session_ids if (each <= first if backward else each >= first)]

        def start_reading(session_id: str) -> RowScan:
            scan = self._filtered(self._scan(session_id, start.window, role=role, backward=backward), start.filter)
            after = start.after if start.after is not None and start.after[0] == session_id else None
            return self.read(scan, request.limit, after).start()

        scans = prefetch(self.client.limiter, session_ids, start_reading, MAX_SESSIONS_AHEAD)
        rows = (row for scan in scans for row in scan)
        return ItemStream(
            ((row.key, self.codec.decode(row)) for row in rows),
            lambda: next(rows, None) is not None,
            request.limit,
            start.token_after,
            request.page_token,
            self.read_progress,
        )

    def rows(self, session_id: str | None, window: Window = ANY_TIME) -> Iterator[Row]:
        """Return the rows of a session's messages, or of all messages. Cost: ceil(n / 5,000) requests."""
        return self._matching_rows(self._scan(session_id, window), None)

    def of_sessions(self, session_ids: Iterable[str]) -> Iterator[Message]:
        """Yield the messages of many sessions, one session after another. Cost: ceil(n / 5,000) requests for each."""
        return map(self.codec.decode, self.rows_of(session_ids))

    def rows_of(self, session_ids: Iterable[str], window: Window = ANY_TIME) -> Iterator[Row]:
        def start(session_id: str) -> RowScan:
            return self.read(self._scan(session_id, window)).start()

        for rows in prefetch(self.client.limiter, session_ids, start, MAX_SESSIONS_AHEAD):
            yield from self._counted(rows)

    def last(
        self, session_id: str, count: int | None, *, role: str | None = None, **options: Unpack[ListOptions]
    ) -> tuple[list[Message], bool]:
        """Return the last `count` messages of a session (all if None), oldest first, and True if there are earlier
        ones. Raises InvalidInput. Cost: the same as `page`."""
        options["limit"] = count
        stream = self.iterate(session_id, role=role, order="desc", **options)
        messages = list(stream)
        return messages[::-1], stream.next_page_token is not None

    def excerpt(self, session_id: str, selection: Selection) -> Excerpt:
        """Return a part of a session's messages, oldest first. Raises InvalidInput, and NotFound or Ambiguous for the
        id of a message. Cost: that of `page`; around a message, 3 requests; with neighbours of messages that pass a
        test, or for failed tool calls, ceil(n / 5,000) requests for the n messages of the session."""
        from tsmem.store.listing.excerpt import Excerpt, select

        selection.check()
        if selection.around is not None:
            return self._near(self._key(session_id, selection.around, None), selection.neighbours)
        if selection.neighbours or selection.failed:
            window = resolve_window(selection.since, selection.until, self._clock.now_us())
            messages = list(self.iterate(session_id))
            return select(messages, selection.test(window), selection.neighbours, selection.last)
        messages, has_earlier = self.last(
            session_id, selection.last, role=selection.role, since=selection.since, until=selection.until
        )
        return Excerpt(messages, {0: None} if has_earlier else {})

    def _near(self, key: Key, neighbours: int) -> Excerpt:
        from tsmem.store.listing.excerpt import Excerpt

        table, left_out = self.codec.table, dict[int, int | None]()
        span = table.range_of(key[0])
        before = self.read(Scan(table, Range(key, span.start, backward=True)), neighbours + 1, key)
        after = self.read(Scan(table, span._replace(start=key)), neighbours + 1)
        earlier = list(islice(before, neighbours))[::-1]
        if before.has_more():
            left_out[0] = None
        later = list(islice(after, neighbours + 1))
        if not later or later[0].key != key:  # it was deleted after its index row was read
            raise self._missing(key)
        messages = [self.codec.decode(row) for row in (*earlier, *later)]
        self.read_progress.returned += len(messages)
        if after.has_more():
            left_out[len(messages)] = None
        return Excerpt(messages, left_out, (len(earlier),))

    def follow(
        self,
        session_id: str,
        *,
        last: int = 10,
        interval_s: float = 2.0,
        role: str | None = None,
        filter: str | None = None,  # noqa: A002
        on_unavailable: OnUnavailable | None = None,
    ) -> Iterator[Message]:
        """Yield the last messages of a session, oldest first, and then new ones as they arrive, without end. Each
        message is yielded once, even if it is written again or changed. The session is polled every `interval_s`
        seconds (`tail.py`). A new message is missed if the session has a message that is more than a minute later, or
        more than 1,000 later messages.

        When the store cannot be reached, `on_unavailable` is called once with the error, and with None when it can be
        reached again; without `on_unavailable`, Unavailable is raised. Cost: each poll reads the messages of the last
        minute, usually with 1 request. The first poll also reads back to the first message that it yields."""
        from tsmem.store.listing.tail import SessionTail, check_interval

        if last < 0:
            raise InvalidInput(f"the number of last messages must be 0 or more, not {last}")
        session, interval_s = self.codec.check_id("session_id", session_id), check_interval(interval_s)
        row_filter = read_filter(filter)
        test = None if row_filter is None else row_filter.test(self.codec.table.key)

        def matches(row: Row) -> bool:
            return (role is None or row.columns.get("role") == role) and (test is None or test(row))

        tail = SessionTail(self.read, self.codec.table, self._clock, session, matches)
        return map(self.codec.decode, self._counted(tail.rows(last, interval_s, on_unavailable)))

    def has_later(self, session_id: str, time: int) -> bool:
        """Return True if a session has a message later than `time` (microseconds). Cost: 1 request."""
        scan = self._scan(session_id, backward=True)._replace(columns=("session_id",))
        last = next(RowScan(self.client, scan, 1), None)
        return last is not None and int(last.key[1]) > time

    def _scan(
        self, session_id: str | None, window: Window = ANY_TIME, *, role: str | None = None, backward: bool = False
    ) -> Scan:
        tests: list[Filter] = []
        if role is not None:
            tests.append(Comparison("role", Op.EQ, role))
        if session_id is None:  # times are ordered only within a session, so the window is tested on each row
            if window.since is not None:
                tests.append(Comparison("create_time", Op.GE, window.since))
            if window.until is not None:
                tests.append(Comparison("create_time", Op.LE, window.until))
        span = self._span(self.codec.table, session_id, window, backward=backward)
        return Scan(self.codec.table, span, And(tuple(tests)) if len(tests) > 1 else next(iter(tests), None))

    def search(
        self,
        text: str | None = None,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        role: str | None = None,
        failed: bool = False,
        sort: Sort = "newest",
        **options: Unpack[ListOptions],
    ) -> SearchStream[Message]:
        """Stream the messages whose content or search content contains the text: those of one session, or of all
        sessions of a user; with `failed`, only tool messages that report an error (`failures.py`). What a text matches,
        errors and cost are those of `Sessions.search`; `user_id` costs 1 request more for each 5,000 sessions."""
        options.setdefault("limit", DEFAULT_LIMIT)
        if session_id is not None and user_id is not None:
            raise InvalidInput("give a session or a user, not both")
        if failed and role not in (None, "tool"):
            raise InvalidInput(f"only messages with the role 'tool' report errors, not '{role}'")
        scope = {"session_id": session_id, "role": "tool" if failed else role}
        request = ListRequest("search", scope, **options, text=text, sort=sort, user=user_id, failed=failed)
        return self._finder.find(request, None if user_id is None else frozenset(self._sessions_of(user_id)))

    def hits_by_session(self, hits: Iterable[Message], neighbours: int) -> Iterator[Excerpt]:
        """Yield an excerpt of each session that has hits, in the order of the first hit: its hits and the messages next
        to them, in order of time. Cost: 2 requests a hit, or none without neighbours."""
        from tsmem.store.listing.excerpt import join_excerpts

        by_session: dict[str, list[Message]] = {}
        for hit in hits:
            by_session.setdefault(hit.session_id, []).append(hit)
        keys = [self.codec.key_of(hit) for each in by_session.values() for hit in each] if neighbours else []
        limiter = self.client.limiter
        parts = prefetch(limiter, keys, lambda key: submit(limiter, partial(self._near, key, neighbours + 1)))
        for each in by_session.values():
            yield join_excerpts(each, [next(parts).result() for _ in each] if neighbours else [], neighbours)

    # Deleting many

    def purge(
        self,
        session_id: str | None,
        *,
        until: Time | None = None,
        filter: str | None = None,  # noqa: A002
        dry_run: bool = False,
        result: BulkResult | None = None,
    ) -> BulkResult:
        """Delete a session's messages, or all messages if `session_id` is None. With `until`, only messages that are
        not later are deleted; with `filter`, only messages that match it when they are read.

        Only keys and the columns of the filter are read. Raises InvalidInput, and PartialFailure if the service refuses
        to delete a row. Cost: ceil(n / 5,000) requests for n messages read, and ceil(n / 200) for n deleted."""
        from tsmem.store.bulk.batches import BatchWriter
        from tsmem.store.bulk.result import BulkResult

        result = BulkResult() if result is None else result
        window = resolve_window(None, until, self._clock.now_us())
        with BatchWriter(self.client, result) as writer:
            for delete in self.deletes(session_id, window, filter):
                if dry_run:
                    result.messages += 1
                else:
                    writer.add(delete)
        result.raise_failures("deleted")
        return result

    def deletes(
        self,
        session_id: str | None,
        window: Window,
        filter: str | None = None,  # noqa: A002
    ) -> Iterator[Delete]:
        """Return deletes of the messages that match. The first page is requested when this is called."""
        scan = self._scan(session_id, window)._replace(columns=("session_id", "create_time"))
        return (Delete(self.codec.table, row.key) for row in self._matching_rows(scan, filter))
