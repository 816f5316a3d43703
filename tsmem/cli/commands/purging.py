"""The question and the deletion that `session purge` and `message purge` share.

Users with sessions of one id share its messages, because a message's key has no user: `say_kept` names such sessions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tsmem.cli.io.counts import counts
from tsmem.cli.io.emptiness import AskedListing, why_empty
from tsmem.cli.io.progress import shown
from tsmem.cli.io.progress_summary import account
from tsmem.plurals import quantity

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.render.result import Report
    from tsmem.store.bulk.result import BulkResult


def purge_after_question(
    context: Context,
    purge: Callable[..., BulkResult],
    asked: AskedListing,
    question: Callable[[BulkResult], str],
    *,
    dry_run: bool,
    yes: bool,
    progress: bool,
) -> Report | None:
    """Count what would be deleted, ask, and delete it. Return the counts; None if the answer was no. With `dry_run`
    only count, with `yes` do not ask."""

    def text() -> str | None:
        with shown(context, asked.filter):
            found = purge(dry_run=True)
        if found.done or found.skipped:
            return question(found)
        context.say(why_empty(context, asked))
        return None

    if dry_run:
        context.say_target("a dry run on")
    elif not context.sure(yes, text, doing="deleting from"):
        return None
    try:
        with account(context, "found" if dry_run else "deleted", asked=progress):
            report = counts(purge(dry_run=dry_run, result=context.result))
    finally:
        say_kept(context, context.result, dry_run=dry_run)
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
