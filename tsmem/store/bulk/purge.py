"""Deletes many sessions with their messages. A session goes only after the last of its messages.

Where all messages go, `delete_in_batches` deletes messages and sessions in batches that many sessions share. With
`--until`, each session is checked for later messages around its deletion, so `delete_one_by_one` deletes sessions each
by itself, several at once. `Sessions.purge` uses both.
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
"""Sessions that wait for their messages to be gone."""


def delete_in_batches(
    client: TableClient,
    session_table: str,
    sessions: Iterable[tuple[Delete, Iterable[Delete]]],
    result: BulkResult,
    *,
    dry_run: bool,
) -> None:
    """Delete sessions, each given with its messages. A dry run only counts. Raises PartialFailure when a message is
    refused: its session stays, so that the purge can be repeated. Cost: ceil(n / 200) requests for n rows of each
    table."""
    if dry_run:
        for _, messages in sessions:
            result.messages += sum(1 for _ in messages)
            result.sessions += 1
        return
    waiting: list[Delete] = []
    with (
        BatchWriter(client, session_table, result, skip_failed_conditions=True) as session_writer,
        BatchWriter(client, session_table, result) as message_writer,
    ):

        def release() -> None:
            message_writer.flush()
            if message_writer.failed:
                result.raise_failures("deleted")
            for session in waiting:
                session_writer.add(session)
            waiting.clear()

        for session, messages in sessions:
            for message in messages:
                if not message_writer.holds(message):  # two users may share a session's id
                    message_writer.add(message)
            waiting.append(session)
            if len(waiting) == _MAX_WAITING or message_writer.failed:
                release()
        release()


class Job(NamedTuple):
    """The deletion of one session with its messages."""

    session_id: str
    delete: Callable[[BulkResult], None]


def delete_one_by_one(limiter: ConcurrencyLimiter, jobs: Iterable[Job], result: BulkResult) -> None:
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
                while len(under_way) >= limiter.width or job.session_id in [each[0] for each in under_way]:
                    finish_first()
                part = BulkResult(is_part=True)
                pending = Pending(partial(job.delete, part))
                under_way.append((job.session_id, part, pending))  # before it starts: an interrupt must not lose it
                pending.start(limiter)
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
