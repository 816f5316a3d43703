"""The parts that the commands of `session.py` and `message.py` share: put, the options of listings, and purge.

An item is a session or a message. A message's key has no user, so users who have sessions with the same id share the
messages of that id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from tsmem.cli.app import options as o
from tsmem.cli.app.context import Context
from tsmem.cli.io.feedback import AskedListing, account, counts, show_scan, why_empty
from tsmem.errors import AlreadyExists
from tsmem.render.result import Listing, Report
from tsmem.render.values import metadata_pairs
from tsmem.rows import Value
from tsmem.store.documents import PREVIEW_FIELDS
from tsmem.store.model import Item, Message, Session, Sort
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.collection import Collection
    from tsmem.store.listing.scan import ItemStream

Preview = Annotated[
    bool | None,
    typer.Option(
        "--preview/--no-preview",
        help="Show each session's title and number of messages. [at a terminal of the embedded store]",
    ),
]
Text = Annotated[str | None, o.argument("[TEXT]", "Text to find; omit to list everything.")]
Sorting = Annotated[Sort, o.option("--sort", "ORDER", "newest (latest first) or score (best match first).")]
_NOT_DROPPED = ("user_id", "session_id", "message_id", "create_time", "update_time", "metadata")
"""Fields that a put never drops, because they are the key or always set, and metadata, which is compared by key."""


def put_item(context: Context, items: Collection[Item], item: Item, *, if_absent: bool, yes: bool) -> bool:
    """Write an item. At a terminal, ask before the put drops values of the item that it replaces, and return False if
    the answer is no. Cost: 1 request; at a terminal 2 more if the item exists."""
    if if_absent or yes or not context.can_ask:
        items.put(item, if_absent=if_absent)
        return True
    try:
        items.put(item, if_absent=True)
        return True
    except AlreadyExists:
        old = items.stored(item)
    lost = {} if old is None else _lost_values(old, item)
    if lost:
        drops = f"this drops {quantity(len(lost), 'value')}: {metadata_pairs(lost, limit=200)}"
        question = f"{items.name_of(item)} exists; {drops}. Replace it?"
        if not context.confirm(False, lambda: question):
            return False
    items.put(item)
    return True


def _lost_values(old: Item, new: Item) -> dict[str, Value]:
    fields = (name for name in old.__slots__ if name not in _NOT_DROPPED)
    lost = {name: value for name in fields if (value := getattr(old, name)) not in (None, getattr(new, name))}
    for key, value in old.metadata.items():
        replacement = new.metadata.get(key)
        if (type(replacement), replacement) != (type(value), value):
            lost[key] = value
    return lost


def time_options(context: Context, since: str | None, until: str | None) -> dict[str, Any]:
    return {"since": context.time(since, "--since"), "until": context.time(until, "--until", end_of_day=True)}


def page_options(context: Context, filter: str | None, limit: int | None, page_token: str | None) -> dict[str, Any]:  # noqa: A002
    return {"filter": o.valid_filter(filter), "limit": context.limit(limit), "page_token": page_token}


def listing_of(
    context: Context, asked: AskedListing, stream: ItemStream[Session] | ItemStream[Message], page_token: str | None
) -> Listing:
    show_scan(context, asked)
    reason = partial(why_empty, context, asked) if page_token is None else None
    return Listing(asked.noun, stream, stream.token_after, why_empty=reason)


def session_listing(
    context: Context, asked: AskedListing, stream: ItemStream[Session], page_token: str | None, preview: bool | None
) -> Listing:
    """Return a listing of sessions with a title and the number of messages, if these are asked for: by --preview, by
    --fields, or at a terminal of the embedded store, where they cost nothing."""
    listing = listing_of(context, asked, stream, page_token)
    if context.options.fields is not None:
        return listing._replace(items=with_chosen_previews(context, stream))
    if preview is None:
        is_table = context.streams.stdout_is_terminal and context.format == "table"
        preview = is_table and context.store.is_local
    return listing._replace(items=context.store.previews(stream), has_previews=True) if preview else listing


def with_chosen_previews(context: Context, sessions: Iterable[Session]) -> Iterable[Session]:
    """Return the sessions with their title, number of messages, both or neither, as --fields asks."""
    title, count = (name in (context.options.fields or ()) for name in PREVIEW_FIELDS)
    return context.store.previews(sessions, title=title, count=count) if title or count else sessions


class PurgeOptions(NamedTuple):
    dry_run: bool
    yes: bool
    progress: bool


def purge_after_question(
    context: Context,
    purge: Callable[..., BulkResult],
    asked: AskedListing,
    options: PurgeOptions,
    question: Callable[[BulkResult], str],
) -> Report | None:
    """Delete items after a question about their counts, and return the counts; None if the answer was no."""

    def text() -> str | None:
        show_scan(context, asked)
        found = purge(dry_run=True)
        if found.done or found.skipped:
            return question(found)
        context.say(why_empty(context, asked))
        return None

    if options.dry_run:
        context.say_target("dry run: nothing is deleted from")
    elif not context.confirm(options.yes, text, doing="deleting from"):
        return None
    try:
        with account(context, "found" if options.dry_run else "deleted", asked=options.progress):
            report = counts(purge(dry_run=options.dry_run, result=context.result))
    finally:
        say_kept(context, context.result, dry_run=options.dry_run)
    if not context.result.done and not context.result.skipped:
        context.say(why_empty(context, asked))
    return report


def say_kept(context: Context, result: BulkResult, *, dry_run: bool = False) -> None:
    if result.shared:
        named = ", ".join(f"'{each}'" for each in result.shared_ids)
        more = ", ..." if result.shared > len(result.shared_ids) else ""
        verb = "would be kept" if dry_run else "were kept"
        context.say(
            f"the messages of {quantity(result.shared, 'session')} {verb}, because another user has a session with "
            f"the same id: {named}{more}; --shared-too deletes them too"
        )
