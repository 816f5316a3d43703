"""Deleting many sessions, in either of two ways: behind their messages, in batches that many sessions share, or each by
itself. One rule: no session before the last of its messages is gone. A dry run counts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import NamedTuple

from tsmem.errors import PartialFailure, TsmemError
from tsmem.port import ConcurrencyLimiter, TableClient
from tsmem.rows import Delete
from tsmem.store.bulk.batches import GRACE_S, BatchWriter
from tsmem.store.bulk.result import BulkResult
from tsmem.store.concurrency import Pending, submit, wait_for_all, wait_for_one

_MAX_WAITING = 1000
"""Sessions that wait for messages before them to be deleted."""


class Purge:
    """Deletes sessions behind their messages; `with` it. Cost: ceil(n / 200) requests for n rows of each table."""

    def __init__(self, client: TableClient, session_table: str, result: BulkResult, *, dry_run: bool) -> None:
        self.dry_run = dry_run
        self._tally = result
        self._messages = BatchWriter(client, session_table, result)
        self._sessions = BatchWriter(client, session_table, result, skip_failed_conditions=True)
        self._waiting: deque[tuple[int, Delete]] = deque()
        """Sessions with their turn, in order."""
        self._turn = 1

    def __enter__(self) -> Purge:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._sessions, self._messages:
            if error is not None:
                raise error
            self._messages.flush()
            self._release()

    def message(self, delete: Delete) -> None:
        """Queue a message of the session that comes next, unless it is queued: two users may share a session's id."""
        if self.dry_run:
            self._tally.messages += 1
        elif not self._messages.holds(delete):
            self._messages.add(delete, self._turn)

    def session(self, delete: Delete) -> None:
        """Queue a session: it goes when its messages are gone."""
        if self.dry_run:
            self._tally.sessions += 1
            return
        self._waiting.append((self._turn, delete))
        self._turn += 1
        if len(self._waiting) > _MAX_WAITING:
            self._messages.flush()
        self._release()

    def _release(self) -> None:
        """Queue the sessions whose messages are gone. Raises PartialFailure when a message was refused: then its
        session stays, so that this can be repeated."""
        if self._messages.failed:
            self._tally.raise_failures("deleted")
        oldest = self._messages.oldest
        while self._waiting and (oldest is None or self._waiting[0][0] < oldest):  # type: ignore[operator]
            self._sessions.add(self._waiting.popleft()[1])


class Job(NamedTuple):
    """A session to be deleted with its messages."""

    session_id: str
    delete: Callable[[BulkResult], None]
    """Does it, and counts what was done."""


def one_by_one(limiter: ConcurrencyLimiter, jobs: Iterable[Job], result: BulkResult) -> None:
    """Delete sessions, as many at once as the pace allows; those that share an id one after another, because they share
    messages. What fails stops the rest, and is raised once those under way have ended."""
    try:
        _all_of(limiter, jobs, result)
    except PartialFailure:
        result.raise_failures("deleted")
        raise
    except TsmemError as error:
        result.add_to(error)
        raise


def _all_of(limiter: ConcurrencyLimiter, jobs: Iterable[Job], result: BulkResult) -> None:
    flight: deque[tuple[Job, BulkResult, Pending[None]]] = deque()

    def under_way(job: Job, part: BulkResult) -> None:
        submit(limiter, partial(job.delete, part), lambda pending: flight.append((job, part, pending)))

    def land() -> None:
        wait_for_one([flight[0][2]])  # an interrupt leaves it in flight
        _, part, pending = flight.popleft()
        try:
            pending.result()
        finally:
            result.add(part)

    try:
        for job in jobs:
            while any(other.session_id == job.session_id for other, _, _ in flight):
                land()
            under_way(job, BulkResult(is_part=True))
            while len(flight) >= limiter.width:
                land()
        while flight:
            land()
    finally:
        try:
            wait_for_all([pending for _, _, pending in flight], GRACE_S)
        finally:
            for _, part, _ in flight:
                result.add(part)
