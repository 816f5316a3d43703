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
    """The session's messages, for ever. Iterating raises BrokenPipeError once the reader of stdout went away."""

    def trouble(error: Unavailable | None) -> None:
        context.say("the store answers again" if error is None else f"warning: {error.message}; it is tried again")

    check_interval(interval_s, "--interval")
    messages = context.store.messages
    looks = given = 0

    def heard() -> None:
        nonlocal looks
        context.streams.check_reader()
        looks += 1
        if looks == 2 and not given and not messages.sample(session).rows:
            near = nearest_session(context.store, session)
            context.say(f"session '{session}' has no messages yet{f'; {near}' if near else ''}")

    def counted() -> Iterator[Message]:
        nonlocal given
        for message in followed_messages:
            given += 1
            yield message

    messages.read_progress.on_page = heard
    followed_messages = messages.follow(
        session, last=last, interval_s=interval_s, role=role, filter=filter, trouble=trouble
    )
    return counted()
