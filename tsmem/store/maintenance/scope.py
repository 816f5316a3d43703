"""The rows of a user, of a session id or of the whole store, read once, for statistics and the like.

Rows are not kept, and messages come session by session, so memory does not grow with the store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tsmem.rows import Row
from tsmem.store.bulk.result import BulkResult
from tsmem.store.listing.requests import Window
from tsmem.store.messages import Messages
from tsmem.store.sessions import Sessions


class RowScope(NamedTuple):
    """The rows to read: those of a user, of a session id, or all rows."""

    user_id: str | None = None
    session_id: str | None = None
    window: Window = Window(None, None)
    """Messages created, and sessions updated, in this time."""

    def has_session(self, row: Row) -> bool:
        since, until = self.window
        if since is None and until is None:
            return True
        time = row.columns.get("update_time")
        if type(time) is not int:
            return False
        return (since is None or since <= time) and (until is None or time <= until)


def read_rows(
    sessions: Sessions, messages: Messages, scope: RowScope, result: BulkResult, on_session: Callable[[Row], None]
) -> Iterator[Row]:
    """Yield the rows of messages, session by session and ordered by time, and call `on_session` with the row of each
    session. Without a user, all sessions come before the first message. `on_session` gets sessions outside the window
    too, because they can have messages within it; `result` does not count them. Raises InvalidInput."""

    def session_ids() -> Iterator[str]:
        for row in sessions.rows(scope.user_id, scope.session_id):
            on_session(row)
            result.sessions += scope.has_session(row)
            yield str(row.key[1])

    ids = session_ids()
    if scope.user_id is not None:
        rows = messages.rows_of(ids, scope.window)
    else:
        deque(ids, maxlen=0)  # only for `on_session`
        rows = messages.rows(scope.session_id, scope.window)
    for row in rows:
        yield row
        result.messages += 1
