"""What bulk commands say of what they did: the same words and the same JSON for all."""

from __future__ import annotations

from tsmem.plurals import quantity
from tsmem.render.result import Report
from tsmem.store.bulk.result import BulkResult


def counted(tally: BulkResult) -> str:
    """In words, for a question or a sentence."""
    parts = [quantity(tally.sessions, "session")] if tally.sessions else []
    if tally.messages or not parts:
        parts.append(quantity(tally.messages, "message"))
    return " and ".join(parts)


def counts(tally: BulkResult) -> Report:
    """As data."""
    document = {
        "sessions": tally.sessions,
        "messages": tally.messages,
        "skipped": tally.skipped,
        "failed": tally.failed,
    }
    return Report(document, tuple(document), (tuple(document.values()),))
