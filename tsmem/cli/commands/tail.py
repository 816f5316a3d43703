"""`tsmem message tail --follow` while it waits: it says when the store cannot be reached, and when it can again, and it
notices that nobody reads any more although there is nothing to write.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tsmem.cli.io.emptiness import nearest_session
from tsmem.store.listing.tail import check_interval

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.errors import Unavailable
    from tsmem.store.model import Message


def followed(
    context: Context,
    session: str,
    *,
    last: int,
    interval_s: float,
    role: str | None,
    filter: str | None,  # noqa: A002 - the option's own name
) -> Iterator[Message]:
    """Return the session's messages, for ever. Iterating raises BrokenPipeError once the reader of stdout went away."""
    check_interval(interval_s, "--interval")
    messages = context.store.messages
    pages = shown = 0

    def on_unavailable(error: Unavailable | None) -> None:
        context.say("the store answers again" if error is None else f"warning: {error.message}; it is tried again")

    def on_page() -> None:
        nonlocal pages
        context.streams.check_reader()
        pages += 1
        if pages == 2 and not shown and not messages.sample(session).rows:
            near = nearest_session(context.store, session)
            context.say(f"session '{session}' has no messages yet{f'; {near}' if near else ''}")

    def counted() -> Iterator[Message]:
        nonlocal shown
        for message in stream:
            shown += 1
            yield message

    messages.read_progress.on_page = on_page
    stream = messages.follow(
        session, last=last, interval_s=interval_s, role=role, filter=filter, trouble=on_unavailable
    )
    return counted()
