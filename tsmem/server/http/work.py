"""How long a request may work, and how many searches work at once.

The work of a request ends when its time is up, or when its client has left: nobody would read the answer. Only reads
are ended so; a write that has begun is done. A search may take long, so only some run at once, and leave the
processors and the store's connections to other requests. One that has no turn before its time is up ends in the same
way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tsmem import interruption
from tsmem.clock import Clock
from tsmem.errors import from_service
from tsmem.server.http.connection import Connection
from tsmem.server.http.settings import Settings

SEARCHES = ("Search", "ParallelScan")
_STEP_S = 0.05
"""Seconds between two checks of a search that waits for its turn."""


class Turns:
    """The turns of searches. Any thread may take one."""

    def __init__(self, max_searches: int) -> None:
        self._free = threading.Semaphore(max_searches)

    @contextmanager
    def taken(self, action: str, check: interruption.Check) -> Iterator[None]:
        """Wait for a turn, where the action is a search, and hold it for the block. Raises what the check raises."""
        if action not in SEARCHES:
            yield
            return
        while not self._free.acquire(timeout=_STEP_S):
            check()
        try:
            yield
        finally:
            self._free.release()


class Work:
    """The work of one request."""

    def __init__(self, wire: Connection, settings: Settings, clock: Clock) -> None:
        self._wire = wire
        self._clock = clock
        self._due_s = clock.monotonic_s() + settings.work_s
        self.is_abandoned = False
        """Whether it was ended because the client has left."""

    def check(self) -> None:
        """Raise OTSTimeout if the work must end."""
        self.is_abandoned = self._wire.is_gone()
        if self.is_abandoned or self._clock.monotonic_s() >= self._due_s:
            raise from_service("OTSTimeout", "Operation timeout.")
