"""Delete many sessions with their messages. `Sessions.purge` selects the sessions and calls `SessionPurge.run`.

Sessions are deleted in groups: first the messages of all sessions of a group, in shared batches, then the sessions. A
session is deleted only after its messages, so a purge that failed can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import NamedTuple

from tsmem.errors import TsmemError
from tsmem.port import TableClient
from tsmem.rows import Delete
from tsmem.store.bulk.batches import BatchWriter
from tsmem.store.bulk.result import BulkResult
from tsmem.store.concurrency import prefetch, submit

_GROUP_SIZE = 1000
_CHECKED_GROUP_SIZE = 50
"""Sessions in a group if sessions are checked for later messages. A small group keeps the time between the check and
the deletion short."""


class Candidate(NamedTuple):
    delete: Delete
    is_shared: bool
    """True if another user keeps a session with this id, so that the messages must stay."""

    @property
    def session_id(self) -> str:
        return str(self.delete.key[1])


class SessionPurge:
    def __init__(
        self,
        client: TableClient,
        result: BulkResult,
        *,
        start_deletes: Callable[[str], Iterator[Delete]] | None,
        has_later_message: Callable[[str], bool] | None,
        dry_run: bool,
    ) -> None:
        """`start_deletes` starts to read the messages of a session id, and returns their deletes; None keeps messages.
        `has_later_message` returns True if a session id has a message that is too new for the purge, so that its
        sessions must be kept; None checks nothing."""
        self._limiter = client.limiter
        self._result = result
        self._start_deletes = start_deletes
        self._has_later_message = has_later_message
        self._dry_run = dry_run
        self._sessions = BatchWriter(client, result, skip_failed_conditions=True)
        self._messages = BatchWriter(client, result)
        self._counted_ids: set[str] = set()
        """Session ids whose messages a dry run has counted: two users can have sessions with the same id."""

    def run(self, candidates: Iterator[Candidate]) -> None:
        """Delete the candidates and their messages, or only count them in a dry run. Raises PartialFailure if a message
        cannot be deleted; the sessions of its group and all later groups are then kept.

        Cost: ceil(n / 200) requests to delete n rows of a table, and up to 2 more for each group, because its last
        batches are seldom full. Reading the messages costs extra, and so do the two checks for later messages."""
        size = _GROUP_SIZE if self._has_later_message is None else _CHECKED_GROUP_SIZE
        try:
            with self._sessions, self._messages:
                while group := list(islice(candidates, size)):
                    self._delete(group)
        except TsmemError as error:
            self._result.append_counts_to(error)
            raise

    def _delete(self, group: list[Candidate]) -> None:
        group = self._skip_later(group)
        self._delete_messages(group)
        if not self._dry_run:
            group = self._skip_later(group)
        for each in group:
            if self._dry_run:
                self._result.sessions += 1
            else:
                self._sessions.add(each.delete)
            if each.is_shared:
                self._result.count_shared(each.session_id)
        if self._has_later_message is not None:
            self._sessions.flush()

    def _delete_messages(self, group: list[Candidate]) -> None:
        if self._start_deletes is None:
            return
        ids = dict.fromkeys(each.session_id for each in group if not each.is_shared)
        uncounted = [each for each in ids if each not in self._counted_ids]
        for deletes in prefetch(self._limiter, uncounted, self._start_deletes):
            for delete in deletes:
                if self._dry_run:
                    self._result.messages += 1
                else:
                    self._messages.add(delete)
        if self._dry_run:
            self._counted_ids.update(ids)
        self._messages.flush()
        if self._messages.failed:
            self._result.raise_failures("deleted")

    def _skip_later(self, group: list[Candidate]) -> list[Candidate]:
        """Count the sessions with a later message as skipped, and return the others."""
        if self._has_later_message is None:
            return group
        check = self._has_later_message
        ids = dict.fromkeys(each.session_id for each in group)
        checks = prefetch(self._limiter, ids, lambda session_id: submit(self._limiter, partial(check, session_id)))
        kept = {session_id for session_id, pending in zip(ids, checks, strict=True) if pending.result()}
        self._result.skipped += sum(each.session_id in kept for each in group)
        return [each for each in group if each.session_id not in kept]
