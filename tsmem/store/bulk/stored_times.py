"""Look up the times of rows that exist, for imported items without a time.

The importer of conversations (`transfer/formats/conversations.py`) uses it. Without it, importing a conversation again
would give its messages new times, and so store each of them twice.
"""

from __future__ import annotations

from collections.abc import Collection

from tsmem import limits
from tsmem.errors import InvalidInput, TableNotFound
from tsmem.port import TableClient
from tsmem.rows import MAX, MIN, Range
from tsmem.store.codec import Codecs
from tsmem.store.concurrency import Pending, submit
from tsmem.store.listing.scan import RowScan, Scan

MAX_AT_ONCE = 16
"""Most concurrent lookups. The importer keeps a conversation in memory for each."""


class StoredTimes:
    """Looks up times by id. A missing table counts as an empty one."""

    def __init__(self, client: TableClient, codecs: Codecs) -> None:
        self._client = client
        self._codecs = codecs

    @property
    def width(self) -> int:
        """The useful number of concurrent lookups."""
        return min(self._client.limiter.width, MAX_AT_ONCE)

    def of_session(self, user_id: str, session_id: str) -> int | None:
        """Return the update time of a session. Cost: 1 request."""
        if not _is_key(user_id=user_id, session_id=session_id):
            return None
        try:
            row = self._client.get_row(self._codecs.session.table, (user_id, session_id), ("update_time",))
        except TableNotFound:
            return None
        time = None if row is None else row.columns.get("update_time")
        return time if type(time) is int else None

    def of_messages(self, session_id: str, message_ids: Collection[str]) -> Pending[dict[str, list[int]]] | None:
        """Start to look up the times of messages. The result maps each id that exists to its times, in order. Return
        None if none of the ids can be part of a key.

        Cost: ceil(n / 5,000) requests, where n messages of the session have ids from the smallest to the largest one
        asked for."""
        usable = frozenset(each for each in message_ids if _is_key(session_id=session_id, message_id=each))
        return submit(self._client.limiter, lambda: self._times(session_id, usable)) if usable else None

    def _times(self, session_id: str, ids: frozenset[str]) -> dict[str, list[int]]:
        index, table = self._codecs.message.layout.index_ref, self._codecs.message.table
        span = Range((session_id, min(ids), MIN), (session_id, max(ids), MAX))
        for ref, part in ((index, span), (table, table.range_of(session_id))):
            at_id, at_time = ref.key.index("message_id"), ref.key.index("create_time")
            times: dict[str, list[int]] = {}
            try:
                for row in RowScan(self._client, Scan(ref, part, columns=("session_id",))):
                    if row.key[at_id] in ids:
                        times.setdefault(str(row.key[at_id]), []).append(int(row.key[at_time]))
            except TableNotFound:  # the index is missing, so read the table
                continue
            return times
        return {}


def _is_key(**parts: str) -> bool:
    try:
        limits.check_key(tuple(parts), tuple(parts.values()))
    except InvalidInput:
        return False
    return all(parts.values())
