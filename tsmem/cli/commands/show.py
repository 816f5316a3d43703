"""The command `tsmem show`: read a session, or a part of it, and return it as a conversation for render to draw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.app.shell_words import command_hint
from tsmem.cli.io.feedback import AskedListing, nearest_session, read_session, why_empty
from tsmem.errors import InvalidInput, NotFound
from tsmem.render.result import CONVERSATION_FORMATS, Conversation

if TYPE_CHECKING:
    from tsmem.store.listing.excerpt import Selection

DEFAULT_NEIGHBOURS = 5
MAX_USERS = 5
"""Maximum number of users of a shared session that are named."""


@root.command(
    help="""Show a conversation, or a part of it.

    What people and models said is shown whole. On a terminal, long output of tools and system prompts are folded, and
    their size is shown; JSON and tool calls are split over several lines, and what is longer than the screen goes
    through $TSMEM_PAGER, $PAGER or less. -o markdown and -o html write a document to share.
    """,
    example="tsmem show trip-7 --errors -C 3",
    formats=CONVERSATION_FORMATS,
    shows="message",
)
def show(
    context: Context,
    session: Annotated[
        str | None,
        o.argument("[SESSION]", "The session's id; on a terminal its beginning is enough.", o.complete_session),
    ] = None,
    latest: Annotated[bool, o.flag("--latest", "Show the session that was updated last.")] = False,
    user: Annotated[
        str | None, o.option("--user", "USER", "The session's user. By default the user is looked up.", o.complete_user)
    ] = None,
    last: Annotated[int | None, o.option("--last", "N", "Only the last N messages.")] = None,
    around: Annotated[
        str | None, o.option("--around", "MESSAGE", "Only this message and those next to it.", o.complete_message)
    ] = None,
    neighbours: Annotated[
        int | None,
        o.option("-C", "N", "With --around, --errors or another condition: N messages before and after, too."),
    ] = None,
    role: o.Role = None,
    since: o.Since = None,
    until: o.Until = None,
    errors: Annotated[bool, o.flag("--errors", "Only tool messages that report an error.")] = False,
    full: o.Full = False,
    rendered: Annotated[bool, o.flag("--rendered", "Draw content as Markdown, except the output of tools.")] = False,
) -> Conversation:
    from tsmem.store.listing.excerpt import Selection

    o.refuse_both(session is not None, latest, "SESSION or --latest")
    if last is not None and last < 1:
        raise InvalidInput(f"--last must be 1 or more, not {last}")
    if context.options.fields is not None and context.format in ("markdown", "html"):
        raise InvalidInput(f"--fields does not apply to -o {context.format}")
    selection = Selection(
        last=last,
        around=around,
        neighbours=(0 if around is None else DEFAULT_NEIGHBOURS) if neighbours is None else neighbours,
        role=role,
        since=context.time(since, "--since"),
        until=context.time(until, "--until", end_of_day=True),
        failed=errors,
    )
    if neighbours is not None:
        if neighbours < 0:
            raise InvalidInput(f"-C must be 0 or more, not {neighbours}")
        if around is None and not selection.has_condition:
            raise InvalidInput("-C needs --around, --role, --since, --until or --errors")
    if around is not None and (last is not None or selection.has_condition):
        raise InvalidInput("--around goes with -C alone: leave out --last, --role, --since, --until and --errors")
    if session is None:
        if not latest:
            hint = f"{command_hint(context, 'session', 'recent')} lists sessions"
            raise InvalidInput("give a session, or --latest", hint=hint)
        session = _latest_session(context, user)
    conversation = read_session(context, session, lambda whole: _read(context, whole, user, selection), user)
    return conversation._replace(full=full, rendered=rendered)


def _latest_session(context: Context, user: str | None) -> str:
    for session in context.store.sessions.recent(user, limit=1):
        return session.session_id
    asked = AskedListing("session", user)
    raise NotFound(why_empty(context, asked))


def _read(context: Context, session: str, user: str | None, selection: Selection) -> Conversation:
    """Raises NotFound if there is neither the session of that user nor a message of it."""
    store, found = context.store, None
    lookup = None
    if user is not None:
        found = store.sessions.get(user, session)
    elif context.format not in ("jsonl", "csv"):  # they show messages alone
        lookup = store.sessions.start_lookup(session)
    excerpt = store.messages.excerpt(session, selection)
    if lookup is not None:
        owners = lookup.result()
        found = owners[0] if owners else None
        if len(owners) > 1:
            users = ", ".join(f"'{each.user_id}'" for each in owners[:MAX_USERS])
            context.say(f"{len(owners)} users have a session with this id, and share its messages: {users}")
    if not excerpt.messages:
        if found is None and not store.messages.first_rows(session)[0]:
            near = nearest_session(store, session).removeprefix("; ")
            hint = near or f"{command_hint(context, 'session', 'list')} shows what there is"
            raise NotFound(f"session '{session}' has no messages", hint=hint)
        asked = AskedListing(
            "message",
            session,
            since=selection.since,
            until=selection.until,
            role=selection.role,
            errors=selection.failed or None,
        )
        context.say(why_empty(context, asked))
    return Conversation(found, excerpt.messages, excerpt.left_out, excerpt.marked)
