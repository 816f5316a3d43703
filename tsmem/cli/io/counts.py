"""Counts of what a bulk command did: the same words and the same JSON for all."""

from __future__ import annotations

from tsmem.plurals import quantity
from tsmem.render.result import Report
from tsmem.store.bulk.result import BulkResult


def counted(result: BulkResult) -> str:
    """Return sessions and messages in words."""
    parts = [quantity(result.sessions, "session")] if result.sessions else []
    if result.messages or not parts:
        parts.append(quantity(result.messages, "message"))
    return " and ".join(parts)


def counts(result: BulkResult) -> Report:
    """Return all counts as a result."""
    document = {
        "sessions": result.sessions,
        "messages": result.messages,
        "skipped": result.skipped,
        "failed": result.failed,
    }
    return Report(document, tuple(document), (tuple(document.values()),))
