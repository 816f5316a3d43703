"""Looks up the times of rows that exist, for imported items that carry no time of their own.

`transfer/formats/openai.py` uses it, so that importing a conversation again does not date its messages anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tsmem import limits
from tsmem.errors import InvalidInput, TableNotFound
from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, Range
from tsmem.store.layout import Layout
from tsmem.store.listing.pages import Scan
from tsmem.store.listing.scan import RowScan

MAX_AT_ONCE = 16
"""Lookups under way at once. Each keeps a conversation in memory."""


class StoredTimes:
    """Looks up times by id. A missing table has none."""

    def __init__(self, client: TableClient, layout: Layout) -> None:
        self._client = client
        self._layout = layout

    @property
    def width(self) -> int:
        """The number of lookups worth having under way at once."""
        return min(self._client.limiter.width, MAX_AT_ONCE)

    def of_session(self, user_id: str, session_id: str) -> int | None:
        """Return the update time of a session. Cost: 1 request."""
        if not _is_key(user_id=user_id, session_id=session_id):
            return None
        try:
            row = self._client.get_row(self._layout.session.ref, (user_id, session_id), ("update_time",))
        except TableNotFound:
            return None
        time = None if row is None else row.columns.get("update_time")
        return time if type(time) is int else None

    def of_messages(self, session_id: str, message_ids: Collection[str]) -> MessageTimes | None:
        """Start a lookup of the times of messages; None if no key can be made of any id. Cost: ceil(n / 5,000)
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
    """A lookup of the times of a session's messages, under way from the start."""

    def __init__(self, client: TableClient, layout: Layout, session_id: str, message_ids: frozenset[str]) -> None:
        self._ids = message_ids
        span = Range((session_id, min(message_ids), MIN), (session_id, max(message_ids), MAX))
        self._index_rows = RowScan(client, Scan(layout.message.index_ref, span, columns=("session_id",))).begin()
        whole_session = Range((session_id, MIN, MIN), (session_id, MAX, MAX))
        self._table_rows = RowScan(client, Scan(layout.message.ref, whole_session, columns=("session_id",)))

    def result(self) -> dict[str, list[int]]:
        """Return the times of each id that the session has, in order."""
        try:
            return self._times((str(row.key[1]), int(row.key[2])) for row in self._index_rows)
        except TableNotFound:  # no index: read the keys of the table itself
            pass
        try:
            return self._times((str(row.key[2]), int(row.key[1])) for row in self._table_rows)
        except TableNotFound:
            return {}

    def _times(self, pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for message_id, time in pairs:
            if message_id in self._ids:
                found.setdefault(message_id, []).append(time)
        return found
