"""`MemoryStore`. Its parts that few commands need, such as bulk operations and maintenance, are loaded on first use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from tsmem.clock import Clock, SystemClock, Time
from tsmem.port import Cost, TableClient
from tsmem.store.codec import Codec
from tsmem.store.layout import DEFAULT, Layout
from tsmem.store.listing.requests import resolve_window
from tsmem.store.messages import Messages
from tsmem.store.model import Message, PreviewedSession, Session
from tsmem.store.sessions import Sessions

if TYPE_CHECKING:
    from tsmem.store.bulk.bulk import Bulk
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.maintenance.fields import StoreFields
    from tsmem.store.maintenance.groups import GroupedCounts
    from tsmem.store.maintenance.integrity import Trouble
    from tsmem.store.maintenance.statistics import Statistics
    from tsmem.store.tables import Tables


class MemoryStore:
    """An agent's memory. Threads can share it if they can share its client. Close it, or use it in a `with` block."""

    def __init__(
        self,
        client: TableClient,
        layout: Layout = DEFAULT,
        *,
        clock: Clock | None = None,
        target: str = "",
        is_local: bool = False,
    ) -> None:
        self._client = client
        self.layout = layout
        self.clock: Clock = SystemClock() if clock is None else clock
        self.target = target
        """The name of the store in messages. A page token is valid only for its own target."""
        self.is_local = is_local
        """True for the embedded store, where requests cost nothing and an import creates missing tables."""
        self.messages = Messages(
            client, Codec(layout.message, Message), self.clock, target, lambda user_id: self.sessions.ids_of(user_id)
        )
        self.sessions = Sessions(client, Codec(layout.session, Session), self.clock, target, self.messages)

    @cached_property
    def tables(self) -> Tables:
        from tsmem.store.tables import Tables

        return Tables(self._client, self.layout, self.clock)

    @cached_property
    def bulk(self) -> Bulk:
        from tsmem.store.bulk.bulk import Bulk

        return Bulk(self._client, self.sessions, self.messages)

    def statistics(
        self,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        result: BulkResult | None = None,
    ) -> Statistics:
        """Return counts, sizes and times of all rows, of one user's, or of those with one session id. With `since` or
        `until`, only sessions updated and messages created in this time count. `result` is updated while rows are
        counted.

        Raises InvalidInput. Cost: ceil(n / 5,000) requests a table; for a user, at least 1 for each session."""
        from tsmem.store.bulk.result import BulkResult
        from tsmem.store.maintenance.scope import RowScope
        from tsmem.store.maintenance.statistics import Survey

        result = BulkResult() if result is None else result
        scope = RowScope(user_id, session_id, resolve_window(since, until, self.clock.now_us()))
        return Survey(self.sessions, self.messages, result).run(scope)

    def count_by(
        self,
        fields: Sequence[str],
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        failed: bool = False,
        result: BulkResult | None = None,
    ) -> GroupedCounts:
        """Count sessions and messages by the values of fields: a column's name, `metadata.NAME`, or `day` for the UTC
        day. With `failed`, only tool messages that report an error count. The other arguments are those of
        `statistics`.

        Raises InvalidInput. Cost: the same as `statistics`."""
        from tsmem.store.bulk.result import BulkResult
        from tsmem.store.maintenance.groups import GroupCounter
        from tsmem.store.maintenance.scope import RowScope

        result = BulkResult() if result is None else result
        scope = RowScope(user_id, session_id, resolve_window(since, until, self.clock.now_us()))
        return GroupCounter(self.sessions, self.messages, result).run(fields, scope, failed=failed)

    def fields(
        self, *, user_id: str | None = None, session_id: str | None = None, result: BulkResult | None = None
    ) -> StoreFields:
        """Return the columns that sessions and messages have, with their types and examples of their values. The
        arguments are those of `statistics`.

        Raises InvalidInput. Cost: the same as `statistics`."""
        from tsmem.store.bulk.result import BulkResult
        from tsmem.store.maintenance.fields import find_fields
        from tsmem.store.maintenance.scope import RowScope

        result = BulkResult() if result is None else result
        return find_fields(self.sessions, self.messages, RowScope(user_id, session_id), result)

    def previews(
        self, sessions: Iterable[Session], *, title: bool = True, count: bool = True
    ) -> Iterator[PreviewedSession]:
        """Yield the sessions with a title and the number of their messages. Up to 7 sessions more are read ahead. A
        message's key has no user, so users who have sessions with the same id share its messages and their number.

        Cost for each session: ceil(n / 5,000) requests for its n messages; 1 for the title, unless metadata `title` or
        the search content gives it; with a title of the messages, none for the count of up to 10."""
        from tsmem.store.listing.previews import preview_sessions

        return preview_sessions(self.messages, sessions, title=title, count=count)

    def troubles(self, *, ids_at_once: int = 50_000, result: BulkResult | None = None) -> Iterator[Trouble]:
        """Yield inconsistencies as they are found: orphan messages, session ids that users share, sessions older than
        their last message, and cells near the size limit. At most twice `ids_at_once` session ids are in memory.

        Cost: ceil(m / 5,000) + k requests for m messages, and k * ceil(s / 5,000) for s sessions, where k is
        ceil(s / ids_at_once)."""
        from tsmem.store.bulk.result import BulkResult
        from tsmem.store.maintenance.integrity import find_troubles

        result = BulkResult() if result is None else result
        return find_troubles(self.sessions, self.messages, self.clock.now_us(), result, ids_at_once)

    def clock_skew_s(self) -> float | None:
        """Return the seconds by which the service's clock was ahead of this machine's at its last reply, if known."""
        return self._client.clock_skew_s()

    @property
    def cost(self) -> Cost:
        return self._client.meter.total

    @staticmethod
    def new_id() -> str:
        import uuid

        return str(uuid.uuid4())

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> MemoryStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
