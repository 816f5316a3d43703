"""Times that a store has already for what an import brings in without one."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tsmem import limits
from tsmem.errors import InvalidInput, TableNotFound
from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, Range, Row
from tsmem.store.layout import Layout
from tsmem.store.listing.pages import Scan
from tsmem.store.listing.scan import RowScan

MAX_AT_ONCE = 16
"""Lookups under way at once; as many conversations are held in memory meanwhile."""


class StoredTimes:
    """Looks times up by id. Where the tables are not there yet, there are none."""

    def __init__(self, client: TableClient, layout: Layout) -> None:
        self._client = client
        self._layout = layout

    @property
    def width(self) -> int:
        """How many lookups are worth having under way at once."""
        return min(self._client.limiter.width, MAX_AT_ONCE)

    def of_session(self, user_id: str, session_id: str) -> int | None:
        """Return the update time of a session. Cost: 1 request."""
        key = user_id, session_id
        if not _is_key(user_id=user_id, session_id=session_id):
            return None
        try:
            row = self._client.get_row(self._layout.session.ref, key, ("update_time",))
        except TableNotFound:
            return None
        time = None if row is None else row.columns.get("update_time")
        return time if type(time) is int else None

    def of_messages(self, session_id: str, message_ids: Collection[str]) -> MessageTimes | None:
        """Begin to look up the times of messages; None where no key can be made of their ids. Cost: ceil(n / 5,000)
        requests, where n is how many messages the session has between the first and the last of the ids."""
        usable = frozenset(each for each in message_ids if _is_key(session_id=session_id, message_id=each))
        return MessageTimes(self._client, self._layout, session_id, usable) if usable else None


def _is_key(**parts: str) -> bool:
    try:
        limits.check_key(tuple(parts), tuple(parts.values()))
    except InvalidInput:
        return False
    return all(parts.values())


class MessageTimes:
    """One lookup of the times of a session's messages."""

    def __init__(self, client: TableClient, layout: Layout, session_id: str, message_ids: frozenset[str]) -> None:
        self._client = client
        self._layout = layout
        self._session_id = session_id
        self._ids = message_ids
        first, last = min(message_ids), max(message_ids)
        span = Range((session_id, first, MIN), (session_id, last, MAX))
        self._rows = RowScan(client, Scan(layout.message.index_ref, span, columns=("session_id",))).begin()

    def result(self) -> dict[str, list[int]]:
        """Return the times of each id that the session has, in order."""
        found: dict[str, list[int]] = {}
        for message_id, time in self._pairs():
            if message_id in self._ids:
                found.setdefault(message_id, []).append(time)
        return found

    def _pairs(self) -> Iterator[tuple[str, int]]:
        try:
            for row in self._rows:
                yield str(row.key[1]), int(row.key[2])
        except TableNotFound:
            for row in self._in_table():
                yield str(row.key[2]), int(row.key[1])

    def _in_table(self) -> Iterator[Row]:
        """Read the keys of the table itself, where there is no index."""
        span = Range((self._session_id, MIN, MIN), (self._session_id, MAX, MAX))
        try:
            yield from RowScan(self._client, Scan(self._layout.message.ref, span, columns=("session_id",)))
        except TableNotFound:
            return
