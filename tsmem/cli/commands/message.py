"""The commands of `tsmem message`, one function for each verb."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from tsmem.cli.app import options as o
from tsmem.cli.app.command_tree import OPENS_STORE, PARTLY_DONE, root
from tsmem.cli.app.context import Context
from tsmem.cli.commands import items
from tsmem.cli.io.feedback import AskedListing, counted, nearest_session, read_session, show_scan, why_empty
from tsmem.cli.io.values import parse_metadata
from tsmem.errors import InvalidInput, NotFound, PartialFailure, Unavailable
from tsmem.render.result import Listing, LiveTail, Report, SingleMessage
from tsmem.store.model import Changes, Message, Order

if TYPE_CHECKING:
    from tsmem.store.bulk.result import BulkResult

TOUCH = "Also set the update time of USER's session to the message's create time."

group = root.group("message", "List, find, write and delete messages.")


@group.command(
    help="""Write a message with content, metadata, or both.

    A message id that the session already has is refused. To replace that message, give its --create-time; to add
    another message with the same id, give --new. At a terminal, tsmem shows what a replacement would lose, and asks.
    """,
    example='tsmem message put trip-7 --role user --content "Is my flight on time?" --touch ada',
    exit_codes=(*OPENS_STORE, PARTLY_DONE),
    shows="message",
)
def put(
    context: Context,
    session: o.SessionId,
    message: Annotated[str | None, o.argument("[MESSAGE]", "The message's id; default: a new UUID.")] = None,
    role: o.Role = None,
    content: o.Content = None,
    content_file: o.ContentFile = None,
    metadata: o.Meta = None,
    create_time: o.CreateTime = None,
    search_content: o.SearchContent = None,
    if_absent: o.IfAbsent = False,
    new: Annotated[bool, o.flag("--new", "Add a message even if the session has one with this id.")] = False,
    touch: Annotated[str | None, o.option("--touch", "USER", TOUCH, o.complete_user)] = None,
    yes: o.Yes = False,
) -> Message | None:
    messages = context.store.messages
    if new and (create_time is not None or if_absent):
        raise InvalidInput("--new cannot be combined with --create-time or --if-absent")
    if touch is not None:
        context.store.sessions.check(context.store.sessions.new(touch, session))
    item = messages.new(
        session,
        context.store.new_id() if message is None else message,
        role=role,
        content=_content(context, content, content_file),
        create_time=context.time_us(create_time, "--create-time"),
        search_content=search_content,
        metadata=parse_metadata(metadata or (), context.read_file),
    )
    messages.check(item)
    if item.content is None and item.search_content is None and not item.metadata:
        reminder = "" if message is None else f"'{message}' is the message's id; "
        hint = f"{reminder}--content TEXT gives the content"
        raise InvalidInput("the message has neither content nor metadata", hint=hint)
    if message is not None and create_time is None and not new:
        messages.check_unused(item.session_id, item.message_id)
    if not items.put_item(context, messages, item, if_absent=if_absent, yes=yes):
        return None
    if touch is not None:
        from tsmem.transfer.shared_ids import SharedIds

        try:
            context.store.sessions.touch(touch, session, item.create_time)
        except NotFound as error:
            written = f"message '{item.message_id}' was written (create time {item.create_time})"
            missing = f"session '{session}' of user '{touch}' does not exist, so it was not touched"
            raise PartialFailure(f"{written}, but {missing}", done=1) from error
        SharedIds(context.say, context.store).check(touch, session)
    return item


@group.command(help="Show one message whole.", example="tsmem message get trip-7 000003 -o json", shows="message")
def get(
    context: Context, session: o.SessionId, message: o.MessageId, create_time: o.StoredCreateTime = None
) -> SingleMessage:
    messages, time = context.store.messages, context.time_us(create_time, "--create-time")
    return SingleMessage(read_session(context, session, lambda whole: messages.get(whole, message, create_time=time)))


@group.command(
    help="Change parts of an existing message; the rest is kept.",
    example='tsmem message update trip-7 000003 --content "Corrected." --unset draft',
)
def update(
    context: Context,
    session: o.SessionId,
    message: o.MessageId,
    create_time: o.StoredCreateTime = None,
    content: o.Content = None,
    content_file: o.ContentFile = None,
    role: o.Role = None,
    search_content: o.SearchContent = None,
    metadata: o.Meta = None,
    unset: o.Unset = None,
    replace_metadata: o.ReplaceMetadata = False,
) -> None:
    key = context.store.messages.update(
        session,
        message,
        create_time=context.time_us(create_time, "--create-time"),
        content=_content(context, content, content_file),
        role=role,
        search_content=search_content,
        changes=Changes(parse_metadata(metadata or (), context.read_file), tuple(unset or ()), replace_metadata),
    )
    context.say(f"updated message '{message}' in session '{session}', create time {key[1]!r}")


@group.command(
    help="""Delete one message.

    Messages belong to a session id, not to a user, so the message is deleted for every user who has a session with that
    id.
    """,
    example="tsmem message delete trip-7 000003",
)
def delete(
    context: Context,
    session: o.SessionId,
    message: o.MessageId,
    create_time: o.StoredCreateTime = None,
    missing_ok: o.MissingOk = False,
) -> None:
    time = context.time_us(create_time, "--create-time")
    was_there = context.store.messages.delete(session, message, create_time=time, missing_ok=missing_ok)
    context.say(f"{'deleted' if was_there else 'there was no'} message '{message}' in session '{session}'")


@group.command(
    help="""Delete messages of one session or of all sessions; with --until, only the older ones.

    Messages belong to a session id, not to a user: if two users have a session with the same id, its messages are
    deleted for both.
    """,
    example="tsmem message purge --session trip-7 --until 2026-01-01 --dry-run",
    exit_codes=(*OPENS_STORE, PARTLY_DONE),
)
def purge(
    context: Context,
    session: o.SessionOption = None,
    everything: Annotated[bool, o.flag("--everything", "Messages of all sessions.")] = False,
    until: o.Until = None,
    filter: o.Filter = None,  # noqa: A002 - the option's own name
    dry_run: o.DryRun = False,
    yes: o.YesDelete = False,
    progress: o.Progress = False,
) -> Report | None:
    o.refuse_both(session is not None, everything, "--session or --everything")
    if not everything and session is None:
        raise InvalidInput("say which messages: --session SESSION, or --everything", hint="give exactly one")
    until_time = context.time(until, "--until", end_of_day=True)

    def question(found: BulkResult) -> str:
        owner = "all sessions (of all users)" if session is None else f"session '{session}' (of any user)"
        where = "" if filter is None else f", where {filter}"
        return f"Delete {counted(found)} of {owner}{o.up_to(context, until_time)}{where}?"

    filter = o.valid_filter(filter)  # noqa: A001
    delete_messages = partial(context.store.messages.purge, session, until=until_time, filter=filter)
    asked = AskedListing("message", session, filter, until=until)
    options = items.PurgeOptions(dry_run, yes, progress)
    return items.purge_after_question(context, delete_messages, asked, options, question)


@group.command(
    help="""List messages by session and time.

    With --user, the messages of all sessions of a user are listed, one session after the other.
    """,
    example="tsmem message list --session trip-7 --role user --last 5",
    shows="message",
)
def list_(
    context: Context,
    session: o.SessionOption = None,
    user: o.OwnerOption = None,
    role: o.Role = None,
    since: o.Since = None,
    until: o.Until = None,
    filter: o.Filter = None,  # noqa: A002
    order: Annotated[Order, o.option("--order", "ORDER", "asc or desc.")] = "asc",
    last: Annotated[int | None, o.option("--last", "N", "The last N messages of the session, oldest first.")] = None,
    limit: o.Limit = None,
    page_token: o.PageToken = None,
) -> Listing:
    o.refuse_both(session is not None, user is not None, "--session or --user")
    times, pages = items.time_options(context, since, until), items.page_options(context, filter, limit, page_token)
    asked = AskedListing("message", session, filter, user=user, role=role, since=since, until=until)
    if last is not None:
        if last < 1:
            raise InvalidInput(f"--last must be 1 or more, not {last}")
        if session is None or limit is not None or page_token is not None or order != "asc":
            raise InvalidInput(
                "--last needs --session, and cannot be combined with --limit, --page-token or --order desc"
            )
        show_scan(context, asked)
        found, _ = context.store.messages.last(session, last, role=role, filter=filter, **times)
        return Listing("message", found, why_empty=partial(why_empty, context, asked))
    stream = context.store.messages.iterate(session, user_id=user, role=role, order=order, **times, **pages)
    return items.listing_of(context, asked, stream, page_token)


@group.command(
    help="""Find messages that contain a text, newest first.

    TEXT is looked for in content and search content; case does not matter. In a store in a local file, TEXT is found
    anywhere, even inside a word. In TableStore, TEXT matches whole words, or the beginning of a word: `flight`
    finds `flights`, but `light` does not.
    """,
    example='tsmem message search "hi" --role user --limit 5',
    shows="message",
)
def search(
    context: Context,
    text: items.Text = None,
    session: o.SessionOption = None,
    user: o.OwnerOption = None,
    role: o.Role = None,
    since: o.Since = None,
    until: o.Until = None,
    filter: o.Filter = None,  # noqa: A002
    sort: items.Sorting = "newest",
    limit: o.Limit = None,
    page_token: o.PageToken = None,
) -> Listing:
    o.refuse_both(session is not None, user is not None, "--session or --user")
    options = {**items.time_options(context, since, until), **items.page_options(context, filter, limit, page_token)}
    messages = context.store.messages
    stream = messages.search(text, session_id=session, user_id=user, role=role, sort=sort, **options)
    asked = AskedListing("message", session, filter, text=text, user=user, role=role, since=since, until=until)
    return items.listing_of(context, asked, stream, page_token)._replace(total=lambda: stream.total, highlight=text)


@group.command(
    help="""Show the last messages of a session; with --follow, also new ones as they arrive.

    In a pipe it prints JSON lines, unless -o says otherwise. A message that reaches the store late, up to a minute
    after its create time, is still shown; none is shown twice. If the store cannot be reached, tail --follow waits for
    it.
    """,
    example="tsmem message tail trip-7 --follow --last 3",
    shows="message",
)
def tail(
    context: Context,
    session: o.SessionId,
    follow: Annotated[
        bool, o.flag("--follow", "Keep showing new messages as they arrive, until Ctrl-C.", "-f")
    ] = False,
    last: Annotated[int, o.option("--last", "N", "Show the last N messages first; 0 for none.")] = 10,
    interval: Annotated[float, o.option("--interval", "S", "Seconds between checks for new messages.")] = 2,
    role: o.Role = None,
    filter: o.Filter = None,  # noqa: A002
    full: o.Full = False,
) -> LiveTail:
    filter = o.valid_filter(filter)  # noqa: A001
    context.piped_format = "jsonl"
    if last < 0:
        raise InvalidInput(f"--last must be 0 or more, not {last}")
    messages = context.store.messages
    if follow:
        from tsmem.store.listing.tail import check_interval

        check_interval(interval, "--interval")
        if context.streams.stdout_is_terminal:
            context.say("showing new messages as they arrive; press Ctrl-C to stop")
        _watch_pages(context, session)
        on_outage = partial(_say_outage, context)
        stream = messages.follow(
            session, last=last, interval_s=interval, role=role, filter=filter, on_unavailable=on_outage
        )
        return LiveTail(session, stream, is_endless=True, full=full)
    if last == 0:
        return LiveTail(session, [])
    asked = AskedListing("message", session, filter, role=role)
    show_scan(context, asked)
    found, _ = messages.last(session, last, role=role, filter=filter)
    if not found:
        context.say(why_empty(context, asked))
    return LiveTail(session, found, full=full)


def _watch_pages(context: Context, session: str) -> None:
    """After each page of a followed session, check that stdout still has a reader; raise BrokenPipeError if not. After
    the second page, say if the session has no messages yet."""
    messages = context.store.messages
    pages = 0

    def on_page() -> None:
        nonlocal pages
        context.streams.check_reader()
        pages += 1  # `returned` counts a page's messages only after this call: those of page 1 at page 2
        if pages == 2 and not messages.read_progress.returned and not messages.first_rows(session)[0]:
            context.say(f"session '{session}' has no messages yet{nearest_session(context.store, session)}")

    messages.read_progress.on_page = on_page


def _say_outage(context: Context, error: Unavailable | None) -> None:
    context.say("the store responds again" if error is None else f"warning: {error.message}; trying again")


def _content(context: Context, text: str | None, file: str | None) -> str | None:
    o.refuse_both(text is not None, file is not None, "--content or --content-file")
    if file is None:
        return text
    try:
        return context.read_file(file).decode()
    except UnicodeDecodeError as error:
        name = "standard input" if file == "-" else file
        raise InvalidInput(f"{name} is not UTF-8 at byte {error.start + 1}") from error
