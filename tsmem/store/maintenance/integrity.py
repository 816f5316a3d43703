"""What in a store does not fit together: messages whose session is not there, session ids that users share, sessions
that are older than their last message, and cells near their limit.

Sessions are in the order of users and messages in that of session ids, so the two tables cannot be merged as they come.
They are held against each other a stretch of session ids at a time: the session table is read for the smallest 50,000
to 100,000 ids that were not looked at yet, which are kept, and then the messages of the same stretch, which their order
makes a range. So each message is read once, the session table once for each stretch, and memory is bounded.

What is written meanwhile can be judged by half: a session that is made after its stretch of sessions was read looks
missing. Orphans that began within 15 minutes of the start are therefore marked as recent; an import of old messages
that runs at the same time is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tsmem.limits import MAX_INTEGER
from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, Comparison, Op, Range, Row
from tsmem.store.bulk.result import BulkResult
from tsmem.store.codec import Codecs
from tsmem.store.listing.pages import Scan
from tsmem.store.listing.scan import ReadProgress, RowScan
from tsmem.store.maintenance.statistics import CellSize, large_cells

IDS_AT_ONCE = 50_000
"""Session ids in a stretch at least, where there are more; up to twice as many are kept."""
MAX_USERS = 10
"""Users of a shared id that are named."""
MARGIN_US = 15 * 60 * 1_000_000
"""By how much clocks may differ: the service refuses more."""


class Orphans(NamedTuple):
    """Messages whose session id no session has."""

    session_id: str
    messages: int
    first_time: int
    last_time: int
    recent: bool = False
    """True if they are so new that their session may be written after it was looked for."""


class Shared(NamedTuple):
    """A session id of several users: which of them its messages belong to, nobody can tell."""

    session_id: str
    users: tuple[str, ...]
    """The first ten, in order."""
    user_count: int
    """Of all of them."""
    messages: int


class Behind(NamedTuple):
    """A session whose update_time is before its last message, or missing although it has messages."""

    user_id: str
    session_id: str
    update_time: int | None
    last_time: int


Trouble = Orphans | Shared | Behind | CellSize


class MessageSpan(NamedTuple):
    """What is known of the messages of one session id."""

    session_id: str
    messages: int
    first_time: int
    last_time: int


class _Owners:
    """Who has a session id."""

    __slots__ = ("count", "update_time", "users")

    def __init__(self, user_id: str, update_time: int | None) -> None:
        self.users: tuple[str, ...] = (user_id,)
        self.update_time = update_time
        self.count = 1

    def add(self, user_id: str) -> None:
        """Another user has it."""
        self.count += 1
        if len(self.users) < MAX_USERS:
            self.users += (user_id,)


class Stretch:
    """The sessions of a run of session ids."""

    def __init__(self, start: str | None, most: int) -> None:
        """From `start` on, included; None is the first id. It ends where `most` to twice as many are kept."""
        self.start = start
        self.end: str | None = None
        """The first id that is not in it; None while it goes to the end of all."""
        self._most = most
        self._sessions: dict[str, _Owners] = {}

    def add(self, user_id: str, session_id: str, update_time: int | None) -> None:
        """A session, which is kept if it is in the stretch."""
        if (self.start is not None and session_id < self.start) or (self.end is not None and session_id >= self.end):
            return
        if (owners := self._sessions.get(session_id)) is not None:
            owners.add(user_id)
            return
        self._sessions[session_id] = _Owners(user_id, update_time)
        if len(self._sessions) == 2 * self._most:
            beyond = sorted(self._sessions)[self._most :]
            self.end = beyond[0]
            for later in beyond:
                del self._sessions[later]

    def judged(self, said: MessageSpan, now_us: int) -> Iterator[Trouble]:
        """What is wrong with the messages of an id."""
        owners = self._sessions.pop(said.session_id, None)
        if owners is None:
            yield Orphans(*said, recent=abs(said.first_time - now_us) <= MARGIN_US)
        elif owners.count > 1:
            yield Shared(said.session_id, owners.users, owners.count, said.messages)
        elif owners.update_time is None or owners.update_time < said.last_time:
            yield Behind(owners.users[0], said.session_id, owners.update_time, said.last_time)

    def rest(self) -> Iterator[Trouble]:
        """What is wrong with the ids that have no messages."""
        for session_id in sorted(self._sessions):
            owners = self._sessions[session_id]
            if owners.count > 1:
                yield Shared(session_id, owners.users, owners.count, 0)


class Examination:
    """Reads a store for its troubles."""

    def __init__(
        self,
        client: TableClient,
        codecs: Codecs,
        read_progress: tuple[ReadProgress, ReadProgress],
        now_us: int,
        result: BulkResult,
    ) -> None:
        """`watches` hear of the pages of sessions and of messages."""
        self._client = client
        self._codecs = codecs
        self._of_sessions, self._of_messages = read_progress
        self._now_us = now_us
        self._tally = result

    def troubles(self, ids_at_once: int) -> Iterator[Trouble]:
        """All there are, as they are found."""
        stretch = Stretch(None, ids_at_once)
        yield from self._sessions(stretch)
        yield from self._messages(stretch)
        while stretch.end is not None:
            stretch = Stretch(stretch.end, ids_at_once)
            yield from self._sessions(stretch)
            yield from self._messages(stretch)

    def _sessions(self, stretch: Stretch) -> Iterator[CellSize]:
        """Read the session table: whole the first time, for its cells, then what the stretch needs."""
        scan = Scan(self._codecs.session.table, Range((MIN, MIN), (MAX, MAX)))
        if stretch.start is not None:
            later = Comparison("session_id", Op.GE, stretch.start)
            scan = scan._replace(filter=later, columns=("session_id", "update_time"))
        for row in RowScan(self._client, scan, read_progress=self._of_sessions):
            if stretch.start is None:
                self._tally.sessions += 1
                yield from large_cells("session", row)
            stretch.add(str(row.key[0]), str(row.key[1]), _update_time(row))

    def _messages(self, stretch: Stretch) -> Iterator[Trouble]:
        """Read the messages of a stretch, and judge them id by id."""
        start = MIN if stretch.start is None else stretch.start
        end = MAX if stretch.end is None else stretch.end
        scan = Scan(self._codecs.message.table, Range((start, MIN, MIN), (end, MIN, MIN)))
        said: MessageSpan | None = None
        for row in RowScan(self._client, scan, read_progress=self._of_messages):
            self._tally.messages += 1
            yield from large_cells("message", row)
            session_id, time = str(row.key[0]), int(row.key[1])
            if said is not None and said.session_id == session_id:
                said = said._replace(messages=said.messages + 1, last_time=time)
                continue
            if said is not None:
                yield from stretch.judged(said, self._now_us)
            said = MessageSpan(session_id, 1, time, time)
        if said is not None:
            yield from stretch.judged(said, self._now_us)
        yield from stretch.rest()


def _update_time(row: Row) -> int | None:
    """None where it is missing. What another library wrote in another type is behind nothing: it cannot be compared."""
    value = row.columns.get("update_time")
    return value if value is None or type(value) is int else MAX_INTEGER
