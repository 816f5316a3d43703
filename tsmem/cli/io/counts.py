"""What bulk commands say of what they did: the same words and the same JSON for all."""

from __future__ import annotations

from tsmem.plurals import quantity
from tsmem.render.result import Report
from tsmem.store.bulk.result import BulkResult


def counted(result: BulkResult) -> str:
    """In words, for a question or a sentence."""
    parts = [quantity(result.sessions, "session")] if result.sessions else []
    if result.messages or not parts:
        parts.append(quantity(result.messages, "message"))
    return " and ".join(parts)


def counts(result: BulkResult) -> Report:
    """As data."""
    document = {
        "sessions": result.sessions,
        "messages": result.messages,
        "skipped": result.skipped,
        "failed": result.failed,
    }
    return Report(document, tuple(document), (tuple(document.values()),))
