"""The command `tsmem search`: find messages by their text, and show them in their conversations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import root
from tsmem.cli.app.context import Context
from tsmem.cli.app.shell_words import NOT_SHOWN, repeated_command
from tsmem.cli.commands import items
from tsmem.cli.io.feedback import AskedListing, show_scan, why_empty
from tsmem.cli.io.last_listing import save_place
from tsmem.errors import InvalidInput
from tsmem.render.result import Conversation, HitGroup, Listing, Moment, Report, Section
from tsmem.store.model import Message, Session
from tsmem.words import quantity

MAX_SESSIONS = 100
"""Maximum number of sessions whose users are looked up."""


@root.command(
    help="""Find messages that contain a text, and show them in their conversations, newest first.

    Each hit comes with the command that opens its conversation there. TEXT is found as message search finds it; that
    command prints the hits as a table. --sessions counts the hits in each session instead.
    """,
    example='tsmem search "no such flight" --since 7d -C 1',
    shows="message",
)
def search(
    context: Context,
    text: Annotated[str | None, o.argument("[TEXT]", "Text to find; it can be omitted with --errors.")] = None,
    user: o.OwnerOption = None,
    session: o.SessionOption = None,
    role: o.Role = None,
    since: o.Since = None,
    until: o.Until = None,
    filter: o.Filter = None,  # noqa: A002 - the option's own name
    errors: Annotated[bool, o.flag("--errors", "Only tool messages that report an error.")] = False,
    neighbours: Annotated[int, o.option("-C", "N", "Show N messages before and after each hit, too.")] = 0,
    sessions: Annotated[bool, o.flag("--sessions", "Show a line for each session, with its number of hits.")] = False,
    limit: o.Limit = None,
    page_token: o.PageToken = None,
) -> Listing | Report:
    if text is None and not errors:
        raise InvalidInput("give a text to find, or --errors")
    o.refuse_both(user is not None, session is not None, "--user or --session")
    if neighbours < 0:
        raise InvalidInput(f"-C must be 0 or more, not {neighbours}")
    if errors and role not in (None, "tool"):
        raise InvalidInput("--errors finds messages of the role tool; leave out --role")
    if sessions and page_token is not None:
        raise InvalidInput("--sessions reads all hits, so it has no pages")
    options = {**items.time_options(context, since, until), **items.page_options(context, filter, limit, page_token)}
    if sessions:
        options["limit"] = None
    messages = context.store.messages
    stream = messages.search(text, session_id=session, user_id=user, role=role, failed=errors, **options)
    asked = AskedListing(
        "message", session, filter, text=text, role=role, since=since, until=until, user=user, errors=errors or None
    )
    if sessions:
        return _sessions_report(context, stream, asked, context.limit(limit))
    listing = items.listing_of(context, asked, stream, page_token)
    return listing._replace(
        total=lambda: stream.total, highlight=text, grouped=partial(_hit_groups, context, neighbours)
    )


def _hit_groups(context: Context, neighbours: int, hits: Sequence[Message]) -> Iterator[HitGroup]:
    owners = _owners(context, list(dict.fromkeys(hit.session_id for hit in hits)))
    for excerpt in context.store.messages.hits_by_session(hits, neighbours):
        messages = excerpt.messages
        session_id = messages[0].session_id
        commands = {
            position: repeated_command(context, "show", arguments=(session_id,), around=messages[position].message_id)
            or (NOT_SHOWN,)
            for position in excerpt.marked
        }
        conversation = Conversation(owners.get(session_id), messages, excerpt.left_out, excerpt.marked)
        yield HitGroup(conversation, commands)


def _owners(context: Context, session_ids: Sequence[str]) -> dict[str, Session]:
    """Return the session of each id, as far as it is known. If users share an id, one of their sessions is returned."""
    if not session_ids:
        return {}
    found = context.store.sessions.start_lookup(*session_ids[:MAX_SESSIONS]).result()
    return {session.session_id: session for session in reversed(found)}


def _sessions_report(context: Context, hits: Iterator[Message], asked: AskedListing, limit: int | None) -> Report:
    show_scan(context, asked)
    counts: Counter[str] = Counter()
    latest: dict[str, int] = {}
    for hit in hits:
        counts[hit.session_id] += 1
        latest.setdefault(hit.session_id, hit.create_time)
    context.clear_line()
    if not counts:
        context.say(why_empty(context, asked))
    shown = counts.most_common(limit)
    if context.streams.stdout_is_terminal and context.format == "table" and counts:
        number = quantity(len(counts), "session")
        of = f"{len(shown):,} of {number}" if len(shown) < len(counts) else number
        context.say(f"{of}, {quantity(counts.total(), 'hit')} in all")
        save_place(context, "message", None)  # so that `tsmem next` does not continue an older listing
    owners = _owners(context, [session_id for session_id, _ in shown])
    columns = ("session_id", "user_id", "hits", "latest_hit")
    rows = [
        (session_id, owners[session_id].user_id if session_id in owners else None, count, latest[session_id])
        for session_id, count in shown
    ]
    document = {"items": [dict(zip(columns, row, strict=True)) for row in rows], "sessions": len(counts)}
    table = Section("", columns, [(*row[:3], Moment(row[3])) for row in rows])
    return Report(document, columns, rows, parts=(table,) if rows else ())
