"""What is said of session ids that several users have: they share the messages, because a message's key has no user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsmem.cli.io.counts import counted
from tsmem.plurals import quantity

if TYPE_CHECKING:
    from tsmem.cli.app.context import Context
    from tsmem.store.bulk.result import BulkResult


def purge_question(result: BulkResult, whose: str, *, with_messages: bool, shared_too: bool) -> str:
    """Return the question before a purge of sessions."""
    also = _of_messages(result, with_messages=with_messages, shared_too=shared_too)
    return f"Delete {counted(result)} of {whose}{also}?"


def _of_messages(result: BulkResult, *, with_messages: bool, shared_too: bool) -> str:
    if not with_messages:
        return ", but none of their messages"
    if shared_too:
        return " (messages of another user's session of the same id go too)"
    if not result.shared:
        return ""
    return (
        f" (the messages of {quantity(result.shared, 'session')} are kept: another user has a session of the same id)"
    )


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
