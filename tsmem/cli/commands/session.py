"""The commands of `tsmem session`, one function for each verb."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import OPENS_STORE, PARTLY_DONE, root
from tsmem.cli.app.context import Context
from tsmem.cli.app.shell_words import command_hint
from tsmem.cli.commands import items
from tsmem.cli.io.feedback import AskedListing, counted, read_session
from tsmem.cli.io.values import parse_metadata
from tsmem.errors import InvalidInput
from tsmem.render.result import Listing, Report
from tsmem.store.model import Changes, Session
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.store.bulk.result import BulkResult

group = root.group("session", "List, find, write and delete sessions.")


@group.command(
    help="""Write a session; an existing one is replaced as a whole, metadata included.

    To change single values, use session update. At a terminal, tsmem shows what would be lost and asks first; otherwise
    it replaces without asking.
    """,
    example="tsmem session put ada trip-7 -m topic=travel -m score:=0.5",
    shows="session",
)
def put(
    context: Context,
    user: o.User,
    session: Annotated[str | None, o.argument("[SESSION]", "The session's id; default: a new UUID.")] = None,
    metadata: o.Meta = None,
    update_time: o.UpdateTime = None,
    search_content: o.SessionSearchContent = None,
    if_absent: o.IfAbsent = False,
    yes: o.Yes = False,
) -> Session | None:
    item = context.store.sessions.new(
        user,
        context.store.new_id() if session is None else session,
        update_time=context.time_us(update_time, "--update-time"),
        search_content=search_content,
        metadata=parse_metadata(metadata or (), context.read_file),
    )
    if not items.put_item(context, context.store.sessions, item, if_absent=if_absent, yes=yes):
        return None
    if context.can_ask and session is not None:
        from tsmem.transfer.shared_ids import SharedIds

        SharedIds(context.say, context.store).check(user, session)
    return next(iter(items.with_chosen_previews(context, [item])))


@group.command(help="Show one session.", example="tsmem session get ada trip-7 -o json", shows="session")
def get(context: Context, user: o.User, session: o.SessionId) -> Session:
    found = read_session(context, session, lambda whole: context.store.sessions.get(user, whole), user)
    return next(iter(items.with_chosen_previews(context, [found])))


@group.command(
    help="Change parts of an existing session; the rest is kept.",
    example="tsmem session update ada trip-7 -m topic=refund --unset score --touch",
)
def update(
    context: Context,
    user: o.User,
    session: o.SessionId,
    metadata: o.Meta = None,
    unset: o.Unset = None,
    replace_metadata: o.ReplaceMetadata = False,
    search_content: o.SessionSearchContent = None,
    update_time: o.UpdateTime = None,
    touch: Annotated[bool, o.flag("--touch", "Set the update time to now.")] = False,
) -> None:
    o.refuse_both(touch, update_time is not None, "--touch or --update-time")
    time = context.clock.now_us() if touch else context.time_us(update_time, "--update-time")
    context.store.sessions.update(
        user,
        session,
        update_time=time,
        search_content=search_content,
        changes=Changes(parse_metadata(metadata or (), context.read_file), tuple(unset or ()), replace_metadata),
    )
    context.say(f"updated session '{session}' of user '{user}'")


@group.command(
    help="""Delete one session; with --with-messages, also its messages.

    Messages belong to a session id, not to a user. If another user has a session with the same id, the messages are
    kept even with --with-messages, and tsmem says so; add --shared-too to delete them.
    """,
    example="tsmem session delete ada trip-7 --with-messages",
    exit_codes=(*OPENS_STORE, PARTLY_DONE),
)
def delete(
    context: Context,
    user: o.User,
    session: o.SessionId,
    with_messages: Annotated[bool, o.flag("--with-messages", "Delete its messages too.")] = False,
    shared_too: o.SharedToo = False,
    missing_ok: o.MissingOk = False,
) -> None:
    o.check_shared_too(shared_too, with_messages)
    result = context.store.sessions.delete(
        user, session, with_messages=with_messages, shared_too=shared_too, missing_ok=missing_ok, result=context.result
    )
    items.say_kept(context, result)
    also = f" and {counted(replace(result, sessions=0))}" if with_messages and result.sessions else ""
    context.say(f"{'deleted' if result.sessions else 'there was no'} session '{session}' of user '{user}'{also}")
    if result.sessions and not with_messages:
        purge = command_hint(context, "message", "purge", session=session)
        context.say(f"its messages were kept; this deletes them, for all users of the id: {purge}")


@group.command(
    help="""Delete sessions of one user or of everyone; with --until, only the older ones.

    Messages belong to a session id, not to a user. If another user has a session with the same id, the messages are
    kept even with --with-messages, and tsmem says so; add --shared-too to delete them. With --everyone and without
    --filter, an id whose sessions are all deleted is shared with nobody, and needs no --shared-too.
    """,
    example="tsmem session purge --everyone --until 90d --with-messages --dry-run",
    exit_codes=(*OPENS_STORE, PARTLY_DONE),
)
def purge(
    context: Context,
    user: o.UserOption = None,
    everyone: Annotated[bool, o.flag("--everyone", "The sessions of all users.")] = False,
    until: o.UpdatedUntil = None,
    filter: o.Filter = None,  # noqa: A002 - the option's own name
    with_messages: Annotated[bool, o.flag("--with-messages", "Delete their messages too.")] = False,
    shared_too: o.SharedToo = False,
    dry_run: o.DryRun = False,
    yes: o.YesDelete = False,
    progress: o.Progress = False,
) -> Report | None:
    o.refuse_both(user is not None, everyone, "--user or --everyone")
    if not everyone and user is None:
        raise InvalidInput("say whose sessions: --user USER, or --everyone", hint="give exactly one")
    until_time = context.time(until, "--until", end_of_day=True)
    o.check_shared_too(shared_too, with_messages)

    def question(found: BulkResult) -> str:
        whose = "everyone" if user is None else f"user '{user}'"
        whose += o.up_to(context, until_time) + ("" if filter is None else f" where {filter}")
        also = ""
        if not with_messages:
            also = ", but not their messages"
        elif shared_too:
            also = " (including messages shared with another user's session with the same id)"
        elif found.shared:
            kept = quantity(found.shared, "session")
            also = f" (the messages of {kept} are kept: another user has a session with the same id)"
        return f"Delete {counted(found)} of {whose}{also}?"

    filter = o.valid_filter(filter)  # noqa: A001
    delete_sessions = partial(context.store.sessions.purge, user, until=until_time, filter=filter)
    delete_them = partial(delete_sessions, with_messages=with_messages, shared_too=shared_too)
    asked = AskedListing("session", user, filter, until=until)
    options = items.PurgeOptions(dry_run, yes, progress)
    report = items.purge_after_question(context, delete_them, asked, options, question)
    if report is not None and context.result.sessions and not with_messages:
        list_them = f"{command_hint(context, 'doctor')} lists the messages that are left"
        next_step = "--with-messages deletes them too" if dry_run else list_them
        context.say(f"their messages {'would be' if dry_run else 'were'} kept; {next_step}")
    return report


@group.command(
    help="List sessions, sorted by user and then by session id.",
    example="tsmem session list --user ada --fields session_id,metadata.topic",
    shows="session",
)
def list_(
    context: Context,
    user: o.UserOption = None,
    filter: o.Filter = None,  # noqa: A002
    preview: items.Preview = None,
    limit: o.Limit = None,
    page_token: o.PageToken = None,
) -> Listing:
    stream = context.store.sessions.iterate(user, **items.page_options(context, filter, limit, page_token))
    return items.session_listing(context, AskedListing("session", user, filter), stream, page_token, preview)


@group.command(
    help="""List the sessions of one user or of everyone, latest update first.

    Sessions without an update time are never listed. Without --user, sessions are read through the search index.
    """,
    example="tsmem session recent --user ada --since 7d",
    shows="session",
)
def recent(
    context: Context,
    user: o.UserOption = None,
    since: o.UpdatedSince = None,
    until: o.UpdatedUntil = None,
    filter: o.Filter = None,  # noqa: A002
    preview: items.Preview = None,
    limit: o.Limit = None,
    page_token: o.PageToken = None,
) -> Listing:
    times, pages = items.time_options(context, since, until), items.page_options(context, filter, limit, page_token)
    stream = context.store.sessions.recent(user, **times, **pages)
    asked = AskedListing("session", user, filter, since=since, until=until)
    return items.session_listing(context, asked, stream, page_token, preview)


@group.command(
    help="""Find sessions whose search content contains a text, latest first.

    Case does not matter. In a store in a local file, TEXT is found anywhere, even inside a word. In TableStore, TEXT
    matches whole words, and parts of words if the index is fuzzy; init-tables creates fuzzy indexes.
    """,
    example='tsmem session search "refund" --user ada --since 30d',
    shows="session",
)
def search(
    context: Context,
    text: items.Text = None,
    user: o.UserOption = None,
    since: o.UpdatedSince = None,
    until: o.UpdatedUntil = None,
    filter: o.Filter = None,  # noqa: A002
    sort: items.Sorting = "newest",
    preview: items.Preview = None,
    limit: o.Limit = None,
    page_token: o.PageToken = None,
) -> Listing:
    times, pages = items.time_options(context, since, until), items.page_options(context, filter, limit, page_token)
    stream = context.store.sessions.search(text, user_id=user, sort=sort, **times, **pages)
    asked = AskedListing("session", user, filter, text=text, since=since, until=until)
    listing = items.session_listing(context, asked, stream, page_token, preview)
    return listing._replace(total=lambda: stream.total, highlight=text)
