"""All of a store's memory at once, in constant memory: read, checked, written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tsmem.errors import InvalidInput, RowFailure
from tsmem.limits import MAX_ROWS_PER_READ
from tsmem.port import TableClient, rows_of
from tsmem.rows import MAX, MIN, Comparison, Key, Op, Range, TableRef
from tsmem.store.bulk.loading import ImportedItem, Loader, LoadOptions, RecentKeys, line_or_key, named
from tsmem.store.bulk.result import BulkResult
from tsmem.store.bulk.stored_times import StoredTimes
from tsmem.store.codec import Codecs
from tsmem.store.layout import Layout
from tsmem.store.listing.pages import Scan
from tsmem.store.listing.scan import RowScan
from tsmem.store.messages import Messages
from tsmem.store.model import Message, Session
from tsmem.store.sessions import Sessions


class Bulk:
    """`store.bulk`."""

    def __init__(
        self, client: TableClient, layout: Layout, codecs: Codecs, sessions: Sessions, messages: Messages
    ) -> None:
        self._client = client
        self._layout = layout
        self._codecs = codecs
        self._sessions = sessions
        self._messages = messages

    def items(self, *, user_id: str | None = None, session_id: str | None = None) -> Iterator[Session | Message]:
        """Everything: all sessions, then all messages. Or one user's sessions, then their messages session by session.
        Or the sessions of one id, then its messages (this reads the whole session table: its key begins with the user).

        Cost: ceil(s / 5,000) + ceil(m / 5,000) requests; for a user, the sessions twice, and one at
        least for each of them."""
        yield from self.sessions(user_id=user_id, session_id=session_id)
        if user_id is not None:
            yield from self._messages.of_sessions(each.session_id for each in self._sessions.iterate(user_id))
        else:
            yield from self._messages.iterate(session_id)

    def sessions(self, *, user_id: str | None = None, session_id: str | None = None) -> Iterator[Session]:
        """The sessions among `items`. Raises InvalidInput at once where both are given."""
        if user_id is not None and session_id is not None:
            raise InvalidInput("a user and a session cannot both be asked for")
        return self._sessions.iterate(user_id) if session_id is None else self._sessions_of(session_id)

    def check(self, records: Iterable[ImportedItem], options: LoadOptions | None = None) -> BulkResult:
        """Count what would be written. Raises InvalidInput, with the line, for what could not be, unless that is kept:
        then it counts as failed. Sends nothing."""
        options = options or LoadOptions()
        result, keys = BulkResult(), RecentKeys()
        for record in records:
            try:
                result.repeated += keys.repeats(self._codecs.writes(record.item, options.condition))
            except InvalidInput as error:
                if options.on_refused is None:
                    raise named(record, error) from error
                result.fail(RowFailure(line_or_key(record), error))
            else:
                result.count(record.item)
        return result

    def load(
        self, records: Iterable[ImportedItem], options: LoadOptions | None = None, *, result: BulkResult
    ) -> BulkResult:
        """Write records. Raises InvalidInput at a bad record when nothing was written yet, else PartialFailure;
        PartialFailure too when rows are refused; AlreadyExists under `fail`. Cost: ceil(n / 200) requests where 4 MB
        does not bind."""
        Loader(self._client, self._codecs, options or LoadOptions(), result).load(records)
        return result

    def present(self, items: Iterable[Session | Message]) -> bool:
        """Whether there is a row for each of these. Cost: ceil(n / 100) requests for each kind."""
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
        """Times that the store has for what is imported without one."""
        return StoredTimes(self._client, self._layout)

    def _sessions_of(self, session_id: str) -> Iterator[Session]:
        codec = self._codecs.session
        test = Comparison("session_id", Op.EQ, codec.check_id("session_id", session_id))
        for row in RowScan(self._client, Scan(codec.table, Range((MIN, MIN), (MAX, MAX)), test)):
            yield codec.decode(row)
