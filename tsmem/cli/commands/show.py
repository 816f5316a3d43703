"""The command `tsmem show`: get the messages of one session, and return them as a conversation for render to draw."""

from __future__ import annotations

from typing import Annotated

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.app.shell_words import command_hint
from tsmem.cli.io.feedback import AskedListing, nearest_session, why_empty
from tsmem.errors import InvalidInput, NotFound
from tsmem.render.result import Conversation


@root.command(
    help="""Show a conversation.

    On a terminal, long content is folded and its size is shown; JSON and tool calls are split over several lines.
    --markdown renders content as Markdown, except the output of tools; links are shown with their targets.
    """,
    example="tsmem show trip-7 --user ada --last 10",
    shows="message",
)
def show(
    context: Context,
    session: o.SessionId,
    user: Annotated[
        str | None, o.option("--user", "USER", "Also show this user's session metadata.", o.complete_user)
    ] = None,
    last: Annotated[int | None, o.option("--last", "N", "Only the last N messages.")] = None,
    full: o.Full = False,
    markdown: Annotated[bool, o.flag("--markdown", "Render content as Markdown.")] = False,
) -> Conversation:
    if last is not None and last < 1:
        raise InvalidInput(f"--last must be 1 or more, not {last}")
    found = None if user is None else context.store.sessions.get(user, session)
    messages, earlier = context.store.messages.last(session, last)
    if not messages and found is not None:
        context.say(why_empty(context, AskedListing("message", session)))
    elif not messages:
        near = nearest_session(context.store, session).removeprefix("; ")
        hint = near or f"{command_hint(context, 'session', 'list')} shows what there is"
        raise NotFound(f"session '{session}' has no messages", hint=hint)
    return Conversation(found, messages, earlier, full, markdown)
