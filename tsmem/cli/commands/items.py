"""The parts that commands on sessions and on messages share: writing an item, --since and --until, search and purge.

Users with sessions of one id share its messages, because a message's key has no user: `say_kept` names such sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from tsmem.cli.app import options as o
from tsmem.cli.io.emptiness import AskedListing, why_empty
from tsmem.cli.io.progress import account, counts, show_scan
from tsmem.cli.io.values import parse_metadata
from tsmem.errors import AlreadyExists
from tsmem.plurals import quantity
from tsmem.render.result import Listing

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.render.result import Report
    from tsmem.rows import Value
    from tsmem.store import Changes
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.collection import Collection
    from tsmem.store.listing.scan import ItemStream
    from tsmem.store.model import Item, Message, Session

Text = Annotated[str | None, o.argument("[TEXT]", "Text to find; omit to list everything.")]
SortOption = Annotated[
    str, o.choice("--sort", "ORDER", "newest first, or score (best match first).", "newest", "score")
]
_KEPT = ("user_id", "session_id", "message_id", "create_time", "update_time", "metadata")
"""Fields that are the key, that every put sets, or that are compared by themselves."""
_MAX_SHOWN = 200
"""Characters of the values that the question names."""


def put_item(context: Context, items: Collection[Item], item: Item, *, if_absent: bool, yes: bool) -> bool:
    """Write an item, and return False if someone at a terminal does not want to replace the one that exists.

    Cost: 1 request; at a terminal 2 more where the item exists. Raises AlreadyExists with `if_absent`."""
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
        from tsmem.render.values import metadata_pairs

        drops = f"this drops {quantity(len(lost), 'value')}: {metadata_pairs(lost, limit=_MAX_SHOWN)}"
        question = f"{items.name_of(item)} exists; {drops}. Replace it?"
        if not context.confirm(False, lambda: question):
            return False
    items.put(item)
    return True


def _lost_values(old: Item, new: Item) -> dict[str, Value]:
    """Return the values of an item that are gone once the new one stands in its place."""
    lost = {name: getattr(old, name) for name in old.__slots__ if name not in _KEPT}
    lost = {name: value for name, value in lost.items() if value is not None and value != getattr(new, name)}
    for key, value in old.metadata.items():
        if key not in new.metadata or (type(new.metadata[key]), new.metadata[key]) != (type(value), value):
            lost[key] = value
    return lost


def changes(context: Context, metadata: Sequence[str] | None, unset: Sequence[str] | None, replace: bool) -> Changes:
    from tsmem.store import Changes

    return Changes(parse_metadata(metadata or (), context.read_file), tuple(unset or ()), replace)


def window(context: Context, since: str | None, until: str | None) -> dict[str, Any]:
    """Return --since and --until as keyword arguments of a listing."""
    return {"since": context.time(since, "--since"), "until": context.time(until, "--until", end_of_day=True)}


def paging(context: Context, filter: str | None, limit: int | None, page_token: str | None) -> dict[str, Any]:  # noqa: A002
    """Return --filter, --limit and --page-token as keyword arguments of a listing."""
    return {"filter": o.valid_filter(context, filter), "limit": context.limit(limit), "page_token": page_token}


def listing(
    context: Context, asked: AskedListing, stream: ItemStream[Session] | ItemStream[Message], page_token: str | None
) -> Listing:
    """Return a stream as a result. A page that follows another has no reason for being empty."""
    show_scan(context, asked)
    reason = partial(why_empty, context, asked) if page_token is None else None
    return Listing(asked.noun, stream, stream.token_after, why_empty=reason)


class PurgeOptions(NamedTuple):
    dry_run: bool
    yes: bool
    progress: bool


def purge_after_question(
    context: Context,
    purge: Callable[..., BulkResult],
    asked: AskedListing,
    how: PurgeOptions,
    question: Callable[[BulkResult], str],
) -> Report | None:
    """Count what would be deleted, ask, and delete it. Return the counts; None if the answer was no. With `dry_run`
    only count, with `yes` do not ask."""

    def text() -> str | None:
        show_scan(context, asked)
        found = purge(dry_run=True)
        if found.done or found.skipped:
            return question(found)
        context.say(why_empty(context, asked))
        return None

    if how.dry_run:
        context.say_target("dry run: nothing is deleted from")
    elif not context.confirm(how.yes, text, doing="deleting from"):
        return None
    try:
        with account(context, "found" if how.dry_run else "deleted", asked=how.progress):
            report = counts(purge(dry_run=how.dry_run, result=context.result))
    finally:
        say_kept(context, context.result, dry_run=how.dry_run)
    if not context.result.done and not context.result.skipped:
        context.say(why_empty(context, asked))
    return report


def say_kept(context: Context, result: BulkResult, *, dry_run: bool = False) -> None:
    """Say that messages were kept because other users have sessions of the same ids."""
    if result.shared:
        named = ", ".join(f"'{each}'" for each in result.shared_ids)
        more = ", ..." if result.shared > len(result.shared_ids) else ""
        verb = "would be kept" if dry_run else "were kept"
        context.say(
            f"the messages of {quantity(result.shared, 'session')} {verb}, because another user has a session of the "
            f"same id: {named}{more}; --shared-too deletes them too"
        )
