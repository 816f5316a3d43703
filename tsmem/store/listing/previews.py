"""Say what sessions are about: a title and the number of their messages. `MemoryStore.previews` uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice

from tsmem.store.concurrency import prefetch, submit
from tsmem.store.listing.scan import RowScan, Scan
from tsmem.store.messages import Messages
from tsmem.store.model import PreviewedSession, Session

FIRST_MESSAGES = 10
"""Number of messages among which the first of a user is looked for."""
TITLE_CHARACTERS = 200


def preview_sessions(
    messages: Messages, sessions: Iterable[Session], *, title: bool = True, count: bool = True
) -> Iterator[PreviewedSession]:
    limiter = messages.client.limiter
    started = prefetch(
        limiter,
        sessions,
        lambda session: submit(limiter, partial(_preview, messages, session, title=title, count=count)),
    )
    for pending in started:
        yield pending.result()


def _preview(messages: Messages, session: Session, *, title: bool, count: bool) -> PreviewedSession:
    text = _one_line(session.metadata.get("title")) or _one_line(session.search_content) if title else None
    number = None
    if title and text is None:
        scan = _scan(messages, session, ("role", "content"))
        rows = list(islice(RowScan(messages.client, scan, FIRST_MESSAGES + 1), FIRST_MESSAGES + 1))
        said = (row.columns.get("content") for row in rows if row.columns.get("role") == "user")
        text = next(filter(None, map(_one_line, said)), None)
        number = len(rows) if len(rows) <= FIRST_MESSAGES else None
    if count and number is None:
        number = sum(1 for _ in RowScan(messages.client, _scan(messages, session, ("session_id",))))
    return PreviewedSession(
        session.user_id,
        session.session_id,
        session.update_time,
        session.search_content,
        session.metadata,
        text,
        number if count else None,
    )


def _scan(messages: Messages, session: Session, columns: tuple[str, ...]) -> Scan:
    table = messages.codec.table
    return Scan(table, table.range_of(session.session_id), columns=columns)


def _one_line(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return " ".join(value[: 2 * TITLE_CHARACTERS].split())[:TITLE_CHARACTERS] or None
