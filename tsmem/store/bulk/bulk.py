"""`store.bulk`: all items of a store, read, checked and written in constant memory. Used by export, import and copy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tsmem.errors import InvalidInput
from tsmem.limits import MAX_ROWS_PER_READ
from tsmem.port import TableClient, rows_of
from tsmem.rows import Comparison, Key, Op, TableRef
from tsmem.store.bulk.loading import ImportedItem, LoadOptions, encode, load
from tsmem.store.bulk.result import BulkResult
from tsmem.store.bulk.stored_times import StoredTimes
from tsmem.store.codec import Codecs
from tsmem.store.layout import Layout
from tsmem.store.listing.scan import RowScan, Scan
from tsmem.store.messages import Messages
from tsmem.store.model import Message, Session
from tsmem.store.sessions import Sessions


class Bulk:
    """Reads, checks and writes all items of a store."""

    def __init__(
        self, client: TableClient, layout: Layout, codecs: Codecs, sessions: Sessions, messages: Messages
    ) -> None:
        self._client = client
        self._layout = layout
        self._codecs = codecs
        self._sessions = sessions
        self._messages = messages

    def items(self, *, user_id: str | None = None, session_id: str | None = None) -> Iterator[Session | Message]:
        """Yield all sessions, then all messages. With `user_id`: the user's sessions, then their messages, session by
        session. With `session_id`: the sessions of that id, then its messages.

        Cost: ceil(s / 5,000) + ceil(m / 5,000) requests for s sessions and m messages. For a user, the sessions are
        read twice, and each costs at least 1 more. For a session id the whole session table is read, because its key
        begins with the user."""
        yield from self.sessions(user_id=user_id, session_id=session_id)
        if user_id is not None:
            yield from self._messages.of_sessions(each.session_id for each in self._sessions.iterate(user_id))
        else:
            yield from self._messages.iterate(session_id)

    def sessions(self, *, user_id: str | None = None, session_id: str | None = None) -> Iterator[Session]:
        """Return the sessions among `items`. Raises InvalidInput at once when both ids are given."""
        if user_id is not None and session_id is not None:
            raise InvalidInput("a user and a session cannot both be asked for")
        if session_id is None:
            return self._sessions.iterate(user_id)
        codec = self._codecs.session
        test = Comparison("session_id", Op.EQ, codec.check_id("session_id", session_id))
        return map(codec.decode, RowScan(self._client, Scan(codec.table, codec.table.range_of(), test)))

    def check(self, records: Iterable[ImportedItem], options: LoadOptions | None = None) -> BulkResult:
        """Count what would be written, and send nothing. A record that cannot be written raises InvalidInput with its
        line, or counts as failed if `options.on_refused` keeps it."""
        result = BulkResult()
        for record, writes in encode(self._codecs, records, options or LoadOptions(), result):
            if writes:
                result.count(record.item)
        return result

    def load(
        self, records: Iterable[ImportedItem], options: LoadOptions | None = None, *, result: BulkResult
    ) -> BulkResult:
        """Write records, and count them in `result`.

        Raises InvalidInput at an invalid record when nothing was written yet, else PartialFailure; PartialFailure when
        rows are refused; AlreadyExists under `fail`. Cost: ceil(n / 200) requests where 4 MB does not bind."""
        load(self._client, self._codecs, records, options or LoadOptions(), result)
        return result

    def present(self, items: Iterable[Session | Message]) -> bool:
        """Return True if every item's row exists. Cost: ceil(n / 100) requests for each kind."""
        keys: dict[TableRef, list[Key]] = {}
        for item in items:
            codec = self._codecs.session if isinstance(item, Session) else self._codecs.message
            keys.setdefault(codec.table, []).append(codec.key_of(item))  # type: ignore[arg-type]
        return all(
            row is not None
            for table, wanted in keys.items()
            for start in range(0, len(wanted), MAX_ROWS_PER_READ)
            for row in rows_of(self._client.get_rows(table, wanted[start : start + MAX_ROWS_PER_READ], table.key[:1]))
        )

    def stored_times(self) -> StoredTimes:
        """Return a lookup of the times that the store has for items imported without one."""
        return StoredTimes(self._client, self._layout)
