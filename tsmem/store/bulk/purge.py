"""Deletes many sessions with their messages, group by group. `Sessions.purge` uses it.

For each group it deletes the messages first, then the sessions. One batch can hold messages of several sessions. A
session is deleted only after all messages that are deleted with it, so a purge that failed can be repeated.
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
from tsmem.store.concurrency import Pending, prefetch, submit

_GROUP_SIZE = 1000
_CHECKED_GROUP_SIZE = 50
"""Sessions in a group that is checked for later messages. Few, so that little time passes between check and delete."""


class Candidate(NamedTuple):
    """A session that a purge may delete."""

    delete: Delete
    shared: bool
    """True if another user still has a session of this id after the purge. Its messages are then not deleted."""

    @property
    def session_id(self) -> str:
        return str(self.delete.key[1])


class SessionPurge:
    """Deletes sessions, or only counts them in a dry run."""

    def __init__(
        self,
        client: TableClient,
        result: BulkResult,
        *,
        messages_of: Callable[[str], Iterator[Delete]] | None,
        has_later: Callable[[str], bool] | None,
        dry_run: bool,
    ) -> None:
        """`messages_of(session_id)` starts to read a session's messages and returns their deletes; without it none is
        deleted. `has_later(session_id)` is true if a message is later than the end of the purge, so that the session
        is kept; without it sessions are not checked."""
        self._limiter = client.limiter
        self._result = result
        self._messages_of = messages_of
        self._has_later = has_later
        self._dry_run = dry_run
        self._sessions = BatchWriter(client, result, skip_failed_conditions=True)
        self._messages = BatchWriter(client, result)
        self._counted: set[str] = set()
        """Session ids whose messages a dry run has counted: two users may have sessions of one id."""

    def run(self, candidates: Iterator[Candidate]) -> None:
        """Delete the candidates and their messages, or count them. Raises PartialFailure if a message cannot be
        deleted: the sessions of its group are then kept, and later groups are not started.

        Cost: ceil(n / 200) requests to delete n rows of a table, and at most 2 for each group, whose last batches are
        not full. Reading messages, and checking twice for later ones, costs extra."""
        size = _GROUP_SIZE if self._has_later is None else _CHECKED_GROUP_SIZE
        try:
            with self._sessions, self._messages:
                while group := list(islice(candidates, size)):
                    self._delete(group)
        except TsmemError as error:
            self._result.add_to(error)
            raise

    def _delete(self, group: list[Candidate]) -> None:
        group = self._without_later(group)
        self._delete_messages(group)
        if not self._dry_run:
            group = self._without_later(group)
        for each in group:
            if self._dry_run:
                self._result.sessions += 1
            else:
                self._sessions.add(each.delete)
            if each.shared:
                self._result.keep_shared(each.session_id)
        if self._has_later is not None:
            self._sessions.flush()

    def _delete_messages(self, group: list[Candidate]) -> None:
        if self._messages_of is None:
            return
        ids = dict.fromkeys(each.session_id for each in group if not each.shared)
        for deletes in prefetch(self._limiter, [each for each in ids if each not in self._counted], self._messages_of):
            for delete in deletes:
                if self._dry_run:
                    self._result.messages += 1
                else:
                    self._messages.add(delete)
        if self._dry_run:
            self._counted.update(ids)
        self._messages.flush()
        if self._messages.failed:
            self._result.raise_failures("deleted")

    def _without_later(self, group: list[Candidate]) -> list[Candidate]:
        """Return the sessions without a later message, and count the others as skipped."""
        if self._has_later is None:
            return group
        has_later = self._has_later

        def ask(session_id: str) -> tuple[str, Pending[bool]]:
            return session_id, submit(self._limiter, partial(has_later, session_id))

        asked = prefetch(self._limiter, dict.fromkeys(each.session_id for each in group), ask)
        kept = {session_id for session_id, answer in asked if answer.result()}
        self._result.skipped += sum(each.session_id in kept for each in group)
        return [each for each in group if each.session_id not in kept]
