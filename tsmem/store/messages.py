"""Messages: what was said in sessions. A message's key holds its time, so one that is named by its id alone is first
looked up through the secondary index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Literal

from tsmem.clock import Time
from tsmem.errors import AlreadyExists, Ambiguous, InvalidInput, NotFound
from tsmem.rows import MAX, MIN, And, Comparison, Delete, Filter, Key, Op, Range, Row, Value
from tsmem.store.collection import DEFAULT_LIMIT, NO_CHANGES, Changes, Collection, Query
from tsmem.store.concurrency import prefetch
from tsmem.store.listing import cursor
from tsmem.store.listing.cursor import Window
from tsmem.store.listing.pages import Scan, read_filter
from tsmem.store.listing.scan import ItemStream, RowScan
from tsmem.store.metadata import EMPTY, Metadata
from tsmem.store.model import Message, Page

if TYPE_CHECKING:
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.listing.tail import OnUnavailable
    from tsmem.store.search.criteria import Sort
    from tsmem.store.search.finder import SearchStream

MAX_PAGES_AHEAD = 8
"""Pages of whole messages, up to 4 MB each, that are read ahead."""
Order = Literal["asc", "desc"]


class Messages(Collection[Message]):
    """`store.messages`."""

    def get(self, session_id: str, message_id: str, *, create_time: int | None = None) -> Message:
        """Raises NotFound, and Ambiguous where the id is used twice and no time is given.
        Cost: 1 request with create_time, else 2."""
        return self._get(self._key(session_id, message_id, create_time))

    def find(self, session_id: str, message_id: str, *, create_time: int | None = None) -> Message | None:
        """The message, or None. Raises Ambiguous. Cost: as `get`."""
        key = self._locate(session_id, message_id, create_time)
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
        """Change what is named and leave the rest; it never creates. Returns the key that was updated.

        Raises NotFound, Ambiguous, InvalidInput. Cost: 1 request, one more without create_time, one more with
        `replace_metadata`."""
        fields = {"content": content, "role": role, "search_content": search_content}
        self._codec.check_fields({name: value for name, value in fields.items() if value is not None})
        key = self._key(session_id, message_id, create_time)
        self._update(key, fields, changes)
        return key

    def delete(
        self, session_id: str, message_id: str, *, create_time: int | None = None, missing_ok: bool = False
    ) -> bool:
        """Delete one message; False when it was not there and that is all right.

        Raises NotFound unless `missing_ok`, Ambiguous. Cost: 1 request with create_time, else 2."""
        key = self._locate(session_id, message_id, create_time)
        if key is not None:
            return self._delete(key, missing_ok=missing_ok)
        if missing_ok:
            return False
        raise self._unknown(session_id, message_id)

    def check_unused(self, session_id: str, message_id: str) -> None:
        """Raises AlreadyExists when a session has a message of this id, whatever its time: the key alone, of which the
        time is a part, would not tell. Cost: 1 request."""
        if times := self._ids(session_id, message_id):
            raise AlreadyExists(
                f"message '{message_id}' of session '{session_id}' exists already",
                hint=f"--create-time {' or '.join(map(str, times))} replaces that one, --new keeps both",
            )

    def _unknown(self, session_id: str, message_id: str) -> NotFound:
        """What to say of an id that the session has at no time."""
        return NotFound(f"there is no message '{message_id}' of session '{session_id}'")

    def _key(self, session_id: str, message_id: str, create_time: int | None) -> Key:
        key = self._locate(session_id, message_id, create_time)
        if key is None:
            raise self._unknown(session_id, message_id)
        return key

    def _locate(self, session_id: str, message_id: str, create_time: int | None) -> Key | None:
        if create_time is not None:
            return self._codec.key(session_id, create_time, message_id)
        times = self._ids(session_id, message_id)
        if len(times) > 1:
            raise Ambiguous(
                f"the id '{message_id}' is used more than once in session '{session_id}'",
                hint=f"say which by its create time: {' and '.join(map(str, times))} are the first",
            )
        return (session_id, times[0], message_id) if times else None

    def _ids(self, session_id: str, message_id: str) -> list[int]:
        """The times of the first two messages of an id, through the secondary index."""
        session = self._codec.check_id("session_id", session_id)
        message = self._codec.check_id("message_id", message_id)
        span = Range((session, message, MIN), (session, message, MAX))
        rows = RowScan(self._client, Scan(self._layout.index_ref, span), 2)
        return [int(row.key[2]) for row in islice(rows, 2)]

    # Listings

    def page(
        self,
        session_id: str | None,
        *,
        role: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        filter: str | None = None,  # noqa: A002 - TableStore's own word for it
        order: Order = "asc",
        limit: int = DEFAULT_LIMIT,
        page_token: str | None = None,
    ) -> Page[Message]:
        """A session's messages in order of time; None asks for those of all sessions, by session id. The window's ends
        are included. `filter` is in the filter language of `filters.py`, and the limit counts what fulfils it.

        Raises InvalidInput. Cost: ceil(n / 5,000) requests; with `role` or `filter`, and for a window over all
        sessions, n counts the rows looked at."""
        return self.iterate(
            session_id,
            role=role,
            since=since,
            until=until,
            filter=filter,
            order=order,
            limit=limit,
            page_token=page_token,
        ).page()

    def iterate(
        self,
        session_id: str | None,
        *,
        role: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        filter: str | None = None,  # noqa: A002
        order: Order = "asc",
        limit: int | None = None,
        page_token: str | None = None,
    ) -> ItemStream[Message]:
        """As `page`, streamed."""
        if order not in ("asc", "desc"):
            raise InvalidInput(f"the order is asc or desc, not '{order}'")
        scope = {"session": session_id, "role": role, "order": order}
        query = Query("list", scope, since, until, limit, page_token, filter)
        return self._stream(
            query,
            self._codec.table,
            lambda window: self._scan(session_id, window, role=role, backward=order == "desc"),
            self._whole,
        )

    def of_sessions(self, session_ids: Iterable[str]) -> Iterator[Message]:
        """The messages of many sessions, one session after another. Raises InvalidInput. Cost: ceil(n / 5,000) requests
        for each."""
        return map(self._codec.decode, self.rows_of(session_ids))

    def rows_of(self, session_ids: Iterable[str]) -> Iterator[Row]:
        """As `of_sessions`, as rows."""

        def begun(session_id: str) -> RowScan:
            scan = self._scan(session_id, Window(None, None))
            return RowScan(self._client, scan, read_progress=self.read_progress).begin()

        for rows in prefetch(self._client.limiter, session_ids, begun, MAX_PAGES_AHEAD):
            yield from self._watched(rows)

    def last(
        self,
        session_id: str,
        count: int | None,
        *,
        role: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        filter: str | None = None,  # noqa: A002
    ) -> tuple[list[Message], bool]:
        """The last `count` messages of a session (None: all), oldest first, and whether there are earlier ones.

        Raises InvalidInput. Cost: as `page`."""
        stream = self.iterate(session_id, role=role, since=since, until=until, filter=filter, order="desc", limit=count)
        messages = list(stream)
        return messages[::-1], stream.next_page_token is not None

    def follow(
        self,
        session_id: str,
        *,
        last: int = 10,
        interval_s: float = 2.0,
        role: str | None = None,
        filter: str | None = None,  # noqa: A002
        trouble: OnUnavailable | None = None,
    ) -> Iterator[Message]:
        """The last messages of a session, oldest first, and then new ones as they come, for as long as they are asked
        for. Each comes once, those that one look finds in order of their keys; one that stands up to a minute before
        the latest, and before up to 1,000, is found too (`tail.py`). Put over again or changed, it does not come again.

        While the store cannot be reached, `trouble` hears why, once, and None when it answers again; without it
        Unavailable is raised. Raises InvalidInput at once. Cost: 1 request a look where little is new, and the
        messages of the last minute are read each time; the first looks back to the minute before the latest and, with
        `role` or `filter`, as far as the last ones are."""
        from tsmem.store.listing.tail import SessionTail, check_interval

        if last < 0:
            raise InvalidInput(f"the number of last messages must be 0 or more, not {last}")
        session, interval_s = self._codec.check_id("session_id", session_id), check_interval(interval_s)
        chosen = read_filter(filter)
        fulfils = None if chosen is None else chosen.test(self._readable(self._codec.table))

        def wanted(row: Row) -> bool:
            return (role is None or row.columns.get("role") == role) and (fulfils is None or fulfils(row))

        tail = SessionTail(self._client, self._codec, self._clock, self.read_progress, session, wanted)
        return tail.messages(last, interval_s, trouble)

    def has_later(self, session_id: str, time: int) -> bool:
        """Whether a session has a message after `time` (microseconds). Cost: 1 request."""
        scan = self._scan(session_id, Window(None, None), backward=True)
        last = next(RowScan(self._client, scan._replace(columns=("session_id",)), 1), None)
        return last is not None and int(last.key[1]) > time

    def _scan(self, session_id: str | None, window: Window, *, role: str | None = None, backward: bool = False) -> Scan:
        tests: list[Filter] = []
        if role is not None:
            tests.append(Comparison("role", Op.EQ, role))
        if session_id is None:
            low, high = (MIN, MIN, MIN), (MAX, MAX, MAX)
            # Times are no leading part of the key here: rows are tested one by one.
            if window.since is not None:
                tests.append(Comparison("create_time", Op.GE, window.since))
            if window.until is not None:
                tests.append(Comparison("create_time", Op.LE, window.until))
            span = Range(high, low, backward=True) if backward else Range(low, high)
        else:
            span = self._session_span(session_id, window, backward)
        return Scan(self._codec.table, span, And(tuple(tests)) if len(tests) > 1 else next(iter(tests), None))

    def _session_span(self, session_id: str, window: Window, backward: bool) -> Range:
        session = self._codec.check_id("session_id", session_id)
        low = (session, MIN if window.since is None else window.since, MIN)
        high = (session, MAX if window.until is None else window.until, MAX)
        return Range(high, low, backward=True) if backward else Range(low, high)

    def ids_of(self, session_id: str, prefix: str = "") -> Iterator[str]:
        """The ids of a session's messages that begin so, in order, each once. Cost: ceil(n / 5,000) requests."""
        session = self._codec.check_id("session_id", session_id)
        span = Range((session, prefix or MIN, MIN), (session, MAX, MAX))
        last = None
        for row in RowScan(self._client, Scan(self._layout.index_ref, span, columns=("session_id",))):
            if not (found := str(row.key[1])).startswith(prefix):
                return
            if found != last:
                yield (last := found)

    def search(
        self,
        text: str | None = None,
        *,
        session_id: str | None = None,
        role: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        filter: str | None = None,  # noqa: A002
        sort: Sort = "newest",
        limit: int | None = DEFAULT_LIMIT,
        page_token: str | None = None,
    ) -> SearchStream[Message]:
        """Messages whose content or search content has the text as a part, whatever its case, and all else that is
        asked for; newest first, or by score, which is the backend's own.

        In the embedded store every part of a text is found; on TableStore whole words, and parts that the index knows.
        Raises InvalidInput where the index lacks a field, TableNotFound without the index. Cost: 1 request for each 100
        rows that the index proposes, 1 more once in a store."""
        from tsmem.store.search.finder import SearchRequest

        session = None if session_id is None else self._codec.check_id("session_id", session_id)
        scope = {"session_id": session, "role": role}
        return self._finder.find(SearchRequest("search", text, scope, since, until, filter, sort, limit, page_token))

    # Many at once

    def purge(
        self,
        session_id: str | None,
        *,
        until: Time | None = None,
        filter: str | None = None,  # noqa: A002
        dry_run: bool = False,
        result: BulkResult | None = None,
    ) -> BulkResult:
        """Delete a session's messages, or all sessions' (None): those not after `until`, where that is said, and that
        fulfil the filter when they are read.

        Keys are read, and the columns of the filter. Raises InvalidInput; PartialFailure when rows are refused.
        Cost: ceil(n / 5,000) requests for n messages looked at, ceil(n / 200) for n deleted."""
        from tsmem.store.bulk.batches import BatchWriter
        from tsmem.store.bulk.result import BulkResult

        result = BulkResult() if result is None else result
        window = cursor.resolve(None, until, self._clock.now_us())
        with BatchWriter(self._client, "", result) as writer:
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
        *,
        begun: bool = False,
    ) -> Iterator[Delete]:
        """The deletes of a session's messages in a window, or of all sessions'; keys are read, and what a filter looks
        at. `begun` asks for the first page now. Raises InvalidInput at once."""
        scan = self._scan(session_id, window)._replace(columns=("session_id", "create_time"))
        return (Delete(self._codec.table, row.key) for row in self._rows(scan, filter, begun=begun))

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
        """A message to be put, its create_time now where none is given. Nothing is written."""
        time = self._clock.now_us() if create_time is None else create_time
        return Message(session_id, message_id, time, role, content, search_content, Metadata(metadata))
