"""Say what sessions are about: a title and the number of their messages. `MemoryStore.previews` uses it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from tsmem.store.concurrency import prefetch, submit
from tsmem.store.layout import check_key_types
from tsmem.store.listing.scan import RowScan, Scan
from tsmem.store.messages import MAX_SESSIONS_AHEAD, Messages
from tsmem.store.model import PreviewedSession, Session, title_text

FIRST_MESSAGES = 10
"""Number of messages among which the first of a user is looked for."""


def preview_sessions(
    messages: Messages, sessions: Iterable[Session], *, title: bool = True, count: bool = True
) -> Iterator[PreviewedSession]:
    limiter = messages.client.limiter
    started = prefetch(
        limiter,
        sessions,
        lambda session: submit(limiter, partial(_preview, messages, session, title=title, count=count)),
        MAX_SESSIONS_AHEAD,
    )
    for pending in started:
        yield pending.result()


def _preview(messages: Messages, session: Session, *, title: bool, count: bool) -> PreviewedSession:
    text = title_text(session.metadata.get("title")) or title_text(session.search_content) if title else None
    table, number = messages.codec.table, None
    span, key_only = table.range_of(session.session_id), table.key[:1]  # without a key column, bare rows are left out
    if title and text is None:
        # Not a RowScan, which would request more pages if large messages cut this one short.
        page = messages.client.get_range(table, span, limit=FIRST_MESSAGES, columns=(*key_only, "role", "content"))
        check_key_types(table, page.rows)
        said = (row.columns.get("content") for row in page.rows if row.columns.get("role") == "user")
        text = next(filter(None, map(title_text, said)), None)
        number = len(page.rows) if page.next_start is None else None
    if count and number is None:
        number = sum(1 for _ in RowScan(messages.client, Scan(table, span, columns=key_only)))
    return PreviewedSession(
        session.user_id,
        session.session_id,
        session.update_time,
        session.search_content,
        session.metadata,
        text,
        number if count else None,
    )
