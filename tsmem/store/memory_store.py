"""The storage core that every command and the library use: sessions, messages, tables, and moving them in bulk.

It decides how; the client that it is given says with what. It knows neither files nor networks, flags nor formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING

from tsmem.clock import Clock, SystemClock
from tsmem.errors import InvalidInput
from tsmem.port import Cost, TableClient
from tsmem.store.codec import Codecs
from tsmem.store.layout import DEFAULT, Layout
from tsmem.store.messages import Messages
from tsmem.store.sessions import Sessions

if TYPE_CHECKING:
    from tsmem.store.bulk.bulk import Bulk
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.maintenance.integrity import Trouble
    from tsmem.store.maintenance.statistics import Statistics
    from tsmem.store.tables import Tables


class MemoryStore:
    """An agent's memory. Safe to use from several threads where its client is; close it, or use it in a `with`."""

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
        self._codecs = Codecs(layout)
        self.layout = layout
        self.clock: Clock = SystemClock() if clock is None else clock
        self.target = target
        """What this store points to, in words: part of what a page token belongs to."""
        self.is_local = is_local
        """True if it is embedded: its tables cost nothing, and an import creates them."""
        self.messages = Messages(client, self._codecs.message, self.clock, target)
        self.sessions = Sessions(client, self._codecs.session, self.clock, target, self.messages)

    @cached_property
    def tables(self) -> Tables:
        """The tables themselves."""
        from tsmem.store.tables import Tables

        return Tables(self._client, self.layout, self.clock)

    @cached_property
    def bulk(self) -> Bulk:
        """Everything at once: what exports, imports and copies use."""
        from tsmem.store.bulk.bulk import Bulk

        return Bulk(self._client, self.layout, self._codecs, self.sessions, self.messages)

    def statistics(
        self, *, user_id: str | None = None, session_id: str | None = None, result: BulkResult | None = None
    ) -> Statistics:
        """How much there is of what, since when, and what is big: of everything, one user, or one session id. `tally`
        is kept up to date while it is counted.

        Raises InvalidInput. Cost: ceil(n / 5,000) requests a table; for a user, one at least for each session."""
        from tsmem.store.bulk.result import BulkResult
        from tsmem.store.maintenance.statistics import Survey

        if user_id is not None and session_id is not None:
            raise InvalidInput("a user and a session cannot both be asked for")
        survey = Survey(
            self._client, self._codecs, self.sessions, self.messages, BulkResult() if result is None else result
        )
        if user_id is not None:
            return survey.of_user(user_id)
        return survey.of_everything() if session_id is None else survey.of_session(session_id)

    def troubles(self, *, ids_at_once: int | None = None, result: BulkResult | None = None) -> Iterator[Trouble]:
        """What does not fit together: orphan messages, session ids that users share, sessions that are older than their
        last message, cells near their limit. Each comes as it is found; `ids_at_once` bounds what is kept.

        Cost: ceil(m / 5,000) requests and k more for m messages, and k * ceil(s / 5,000) for s sessions, where k is
        ceil(s / 50,000)."""
        from tsmem.store.bulk.result import BulkResult
        from tsmem.store.maintenance.integrity import IDS_AT_ONCE, find_troubles

        read_progress = self.sessions.read_progress, self.messages.read_progress
        result = BulkResult() if result is None else result
        ids_at_once = IDS_AT_ONCE if ids_at_once is None else ids_at_once
        return find_troubles(self._client, self._codecs, read_progress, self.clock.now_us(), result, ids_at_once)

    def clock_skew_s(self) -> float | None:
        """Seconds by which the service's clock was ahead of this machine's at its last answer; None where it has none
        of its own, or has not answered. Cost: nothing."""
        return self._client.clock_skew_s()

    @property
    def cost(self) -> Cost:
        """What all calls so far cost together."""
        return self._client.meter.total

    @staticmethod
    def new_id() -> str:
        """An id for a session or a message: a random UUID."""
        import uuid

        return str(uuid.uuid4())

    def close(self) -> None:
        """Let go of connections and files."""
        self._client.close()

    def __enter__(self) -> MemoryStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
