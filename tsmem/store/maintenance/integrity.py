"""Find problems in the rows of a store, for `MemoryStore.troubles` and `tsmem doctor`.

Sessions are ordered by user id and messages by session id, so the two tables cannot be merged while they are read. They
are compared for one range of session ids at a time. First the whole session table is read, and the smallest session ids
that are not checked yet are kept; they are the range. Then the messages of these ids are read. Each message is thus
read once, the session table once for each range, and memory is bounded.

A session that is created after the session table was read looks missing. Orphan messages whose first time is within 15
minutes of the start of the check are therefore marked as recent. This does not help if old messages are imported during
the check.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from tsmem.limits import MAX_INTEGER
from tsmem.rows import MAX, MIN, Comparison, Op, Range, Row
from tsmem.store.bulk.result import BulkResult
from tsmem.store.listing.scan import Scan
from tsmem.store.maintenance.statistics import CellSize, large_cells
from tsmem.store.messages import Messages
from tsmem.store.sessions import Sessions

MAX_USERS = 10
MARGIN_US = 15 * 60 * 1_000_000
"""Microseconds within which messages count as recent. It is the largest clock difference that the service accepts."""


class OrphanMessages(NamedTuple):
    """Messages whose session id no session has."""

    session_id: str
    message_count: int
    first_time: int
    last_time: int
    is_recent: bool = False


class SharedSessionId(NamedTuple):
    """A session id that several users have. Its messages do not tell whose they are."""

    session_id: str
    users: tuple[str, ...]
    """The first MAX_USERS users, in order."""
    user_count: int
    message_count: int


class OutdatedSession(NamedTuple):
    """A session whose update_time is missing, or earlier than its last message."""

    user_id: str
    session_id: str
    update_time: int | None
    last_time: int


Trouble = OrphanMessages | SharedSessionId | OutdatedSession | CellSize


class _Owners(NamedTuple):
    users: tuple[str, ...]
    user_count: int
    update_time: int | None
    """Update time of the first user's session."""


class IdRange:
    """A range of session ids, with the users of each id. Both bounds can be None; the end is exclusive."""

    def __init__(self, start: str | None, min_ids: int) -> None:
        """Only the smallest of the ids that are added are kept: at least `min_ids`, and fewer than twice as many."""
        self.start = start
        self.end: str | None = None
        self._min_ids = min_ids
        self._owners: dict[str, _Owners] = {}

    def add(self, row: Row) -> None:
        user_id, session_id = str(row.key[0]), str(row.key[1])
        if (self.start is not None and session_id < self.start) or (self.end is not None and session_id >= self.end):
            return
        owners = self._owners.get(session_id)
        if owners is not None:
            users = (*owners.users, user_id)[:MAX_USERS]
            self._owners[session_id] = owners._replace(users=users, user_count=owners.user_count + 1)
            return
        update_time = row.columns.get("update_time")
        if update_time is not None and type(update_time) is not int:
            update_time = MAX_INTEGER  # another library's value, which cannot be compared with a message's time
        self._owners[session_id] = _Owners((user_id,), 1, update_time)
        if len(self._owners) == 2 * self._min_ids:
            dropped = sorted(self._owners)[self._min_ids :]
            self.end = dropped[0]
            for each in dropped:
                del self._owners[each]

    def check(self, messages: OrphanMessages, now_us: int) -> Iterator[Trouble]:
        """Yield what is wrong with one id. Its messages are given as if they were orphans."""
        owners = self._owners.pop(messages.session_id, None)
        if owners is None:
            yield messages._replace(is_recent=abs(messages.first_time - now_us) <= MARGIN_US)
        elif owners.user_count > 1:
            yield SharedSessionId(messages.session_id, owners.users, owners.user_count, messages.message_count)
        elif owners.update_time is None or owners.update_time < messages.last_time:
            yield OutdatedSession(owners.users[0], messages.session_id, owners.update_time, messages.last_time)

    def check_without_messages(self) -> Iterator[Trouble]:
        """Yield what is wrong with the ids that `check` was not called for."""
        for session_id, owners in sorted(self._owners.items()):
            if owners.user_count > 1:
                yield SharedSessionId(session_id, owners.users, owners.user_count, 0)


def find_troubles(
    sessions: Sessions, messages: Messages, now_us: int, result: BulkResult, ids_at_once: int
) -> Iterator[Trouble]:
    """`result` counts the rows read. At most twice `ids_at_once` session ids are in memory."""
    ids = IdRange(None, ids_at_once)
    while True:
        scan = Scan(sessions.codec.table, sessions.codec.table.range_of())
        if ids.start is not None:  # the first pass has checked the size of all cells
            is_unchecked = Comparison("session_id", Op.GE, ids.start)
            scan = scan._replace(filter=is_unchecked, columns=("session_id", "update_time"))
        for row in sessions.read(scan):
            if ids.start is None:
                result.sessions += 1
                yield from large_cells("session", row)
            ids.add(row)

        start = MIN if ids.start is None else ids.start
        end = MAX if ids.end is None else ids.end
        scan = Scan(messages.codec.table, Range((start, MIN, MIN), (end, MIN, MIN)))
        for session_id, of_session in groupby(messages.read(scan), lambda row: str(row.key[0])):
            count = first = last = 0
            for row in of_session:  # ordered by time
                result.messages += 1
                yield from large_cells("message", row)
                last = int(row.key[1])
                first = last if count == 0 else first
                count += 1
            yield from ids.check(OrphanMessages(session_id, count, first, last), now_us)
        yield from ids.check_without_messages()
        if ids.end is None:
            return
        ids = IdRange(ids.end, ids_at_once)
