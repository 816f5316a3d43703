"""Deletes many sessions with their messages. A session goes only after the last of its messages.

`Purge` deletes messages and sessions in batches that many sessions share; `Sessions.purge` uses it where all messages
go. With `--until`, each session is checked for later messages around its deletion, so `one_by_one` deletes sessions
each by itself, several at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from tsmem.errors import PartialFailure, TsmemError
from tsmem.port import ConcurrencyLimiter, TableClient
from tsmem.rows import Delete
from tsmem.store.bulk.batches import GRACE_S, BatchWriter
from tsmem.store.bulk.result import BulkResult
from tsmem.store.concurrency import Pending, wait_for_all, wait_for_one

_MAX_WAITING = 1000


class Purge:
    """Deletes sessions after their messages, within a `with` block. A dry run only counts.

    Cost: ceil(n / 200) requests for n rows of each table."""

    def __init__(self, client: TableClient, session_table: str, result: BulkResult, *, dry_run: bool) -> None:
        self._dry_run = dry_run
        self._result = result
        self._messages = BatchWriter(client, session_table, result)
        self._sessions = BatchWriter(client, session_table, result, skip_failed_conditions=True)
        self._waiting: deque[tuple[int, Delete]] = deque()
        """Sessions with their numbers, in order. Their messages are queued under the same numbers."""
        self._number = 1

    def __enter__(self) -> Purge:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with self._sessions, self._messages:
            if error is not None:
                raise error
            self._messages.flush()
            self._release()

    def message(self, delete: Delete) -> None:
        """Queue a message of the next session, unless it is queued already: two users may share a session's id."""
        if self._dry_run:
            self._result.messages += 1
        elif not self._messages.holds(delete):
            self._messages.add(delete, self._number)

    def session(self, delete: Delete) -> None:
        """Queue a session, to be deleted when its messages are gone."""
        if self._dry_run:
            self._result.sessions += 1
            return
        self._waiting.append((self._number, delete))
        self._number += 1
        if len(self._waiting) > _MAX_WAITING:
            self._messages.flush()
        self._release()

    def _release(self) -> None:
        """Delete the sessions whose messages are gone. Raises PartialFailure when a message was refused: its session
        stays, so that the purge can be repeated."""
        if self._messages.failed:
            self._result.raise_failures("deleted")
        oldest = self._messages.oldest
        while self._waiting and (oldest is None or self._waiting[0][0] < oldest):
            self._sessions.add(self._waiting.popleft()[1])


class Job(NamedTuple):
    """The deletion of one session with its messages."""

    session_id: str
    delete: Callable[[BulkResult], None]


def one_by_one(limiter: ConcurrencyLimiter, jobs: Iterable[Job], result: BulkResult) -> None:
    """Delete sessions, as many at once as the limiter allows; those that share an id one after another, because they
    share messages. A failure stops the rest, and is raised once the deletions under way have ended."""
    under_way: deque[tuple[str, BulkResult, Pending[None]]] = deque()

    def finish_first() -> None:
        wait_for_one([under_way[0][2]])  # an interrupt leaves it among those under way
        _, part, pending = under_way.popleft()
        try:
            pending.result()
        finally:
            result.add(part)

    try:
        try:
            for job in jobs:
                while any(session_id == job.session_id for session_id, _, _ in under_way):
                    finish_first()
                part = BulkResult(is_part=True)
                pending = Pending(partial(job.delete, part))
                under_way.append((job.session_id, part, pending))  # before it starts: an interrupt must not lose it
                pending.start(limiter)
                while len(under_way) >= limiter.width:
                    finish_first()
            while under_way:
                finish_first()
        finally:
            try:
                wait_for_all([pending for _, _, pending in under_way], GRACE_S)
            finally:
                for _, part, _ in under_way:
                    result.add(part)
    except PartialFailure:
        result.raise_failures("deleted")
        raise
    except TsmemError as error:
        result.add_to(error)
        raise
