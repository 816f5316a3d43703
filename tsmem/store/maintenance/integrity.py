"""Finds what does not fit together in a store, for `tsmem doctor`: messages without a session, session ids that users
share, sessions older than their last message, and cells near their limit.

Sessions come in the order of users and messages in the order of session ids, so the two tables cannot be merged as they
are read. They are compared for one range of session ids at a time: the session table is read for the smallest 50,000 to
100,000 ids that are left, then the messages of those ids, which are one range of their table. So each message is read
once, the session table once for each range of ids, and memory is bounded.

Changes made meanwhile may be seen partly: a session that is created after its range was read looks missing. Orphans
that began within 15 minutes of the start are therefore marked as recent. An import of old messages meanwhile is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from tsmem.limits import MAX_INTEGER
from tsmem.rows import MAX, MIN, Comparison, Op, Range, Row
from tsmem.store.bulk.result import BulkResult
from tsmem.store.codec import Codecs
from tsmem.store.listing.scan import Scan
from tsmem.store.maintenance.statistics import CellSize, large_cells
from tsmem.store.messages import Messages
from tsmem.store.sessions import Sessions

MAX_USERS = 10
MARGIN_US = 15 * 60 * 1_000_000
"""The largest difference between clocks: the service refuses requests beyond it."""


class Orphans(NamedTuple):
    """Messages whose session id no session has."""

    session_id: str
    messages: int
    first_time: int
    last_time: int
    recent: bool = False
    """True if their session may have been written after it was looked for."""


class Shared(NamedTuple):
    """A session id of several users. Nobody can tell which of them its messages belong to."""

    session_id: str
    users: tuple[str, ...]
    """The first ten, in order."""
    user_count: int
    messages: int


class Behind(NamedTuple):
    """A session whose update_time is before its last message, or missing although it has messages."""

    user_id: str
    session_id: str
    update_time: int | None
    last_time: int


Trouble = Orphans | Shared | Behind | CellSize


class _Owners(NamedTuple):
    users: tuple[str, ...]
    number: int
    update_time: int | None
    """The update time of the first user's session."""


class IdRange:
    """The sessions of a range of session ids."""

    def __init__(self, start: str | None, most: int) -> None:
        """The range begins with the id `start`, None for the first one, and ends where `most` to twice as many ids are
        kept."""
        self.start = start
        self.end: str | None = None
        """The first id behind the range; None for no end."""
        self._most = most
        self._owners: dict[str, _Owners] = {}

    def add(self, row: Row) -> None:
        """Keep a session if its id is in the range."""
        user_id, session_id = str(row.key[0]), str(row.key[1])
        if (self.start is not None and session_id < self.start) or (self.end is not None and session_id >= self.end):
            return
        owners = self._owners.get(session_id)
        if owners is not None:
            users = (*owners.users, user_id)[:MAX_USERS]
            self._owners[session_id] = owners._replace(users=users, number=owners.number + 1)
            return
        update_time = row.columns.get("update_time")
        if update_time is not None and type(update_time) is not int:
            update_time = MAX_INTEGER  # another library's value cannot be compared, so it is behind nothing
        self._owners[session_id] = _Owners((user_id,), 1, update_time)
        if len(self._owners) == 2 * self._most:
            beyond = sorted(self._owners)[self._most :]
            self.end = beyond[0]
            for later in beyond:
                del self._owners[later]

    def check(self, found: Orphans, now_us: int) -> Iterator[Trouble]:
        """Yield what is wrong with the messages of an id. `found` describes them as if they had no session."""
        owners = self._owners.pop(found.session_id, None)
        if owners is None:
            yield found._replace(recent=abs(found.first_time - now_us) <= MARGIN_US)
        elif owners.number > 1:
            yield Shared(found.session_id, owners.users, owners.number, found.messages)
        elif owners.update_time is None or owners.update_time < found.last_time:
            yield Behind(owners.users[0], found.session_id, owners.update_time, found.last_time)

    def check_rest(self) -> Iterator[Trouble]:
        """Yield what is wrong with the ids that have no messages."""
        for session_id, owners in sorted(self._owners.items()):
            if owners.number > 1:
                yield Shared(session_id, owners.users, owners.number, 0)


def find_troubles(
    codecs: Codecs, sessions: Sessions, messages: Messages, now_us: int, result: BulkResult, ids_at_once: int
) -> Iterator[Trouble]:
    """Yield what does not fit together, as it is found. `result` counts the rows read. At most twice `ids_at_once`
    session ids are kept in memory."""
    ids = IdRange(None, ids_at_once)
    while True:
        scan = Scan(codecs.session.table, codecs.session.table.range_of())
        if ids.start is not None:  # the first pass has looked at all cells
            later = Comparison("session_id", Op.GE, ids.start)
            scan = scan._replace(filter=later, columns=("session_id", "update_time"))
        for row in sessions.read(scan):
            if ids.start is None:
                result.sessions += 1
                yield from large_cells("session", row)
            ids.add(row)

        start = MIN if ids.start is None else ids.start
        end = MAX if ids.end is None else ids.end
        scan = Scan(codecs.message.table, Range((start, MIN, MIN), (end, MIN, MIN)))
        for session_id, of_session in groupby(messages.read(scan), lambda row: str(row.key[0])):
            count = first = last = 0
            for row in of_session:  # in the order of time
                result.messages += 1
                yield from large_cells("message", row)
                last = int(row.key[1])
                first = last if count == 0 else first
                count += 1
            yield from ids.check(Orphans(session_id, count, first, last), now_us)
        yield from ids.check_rest()
        if ids.end is None:
            return
        ids = IdRange(ids.end, ids_at_once)
