"""What bulk commands say of what they did: the same words and the same JSON for all."""

from __future__ import annotations

from tsmem.render.result import Report
from tsmem.store.tally import Tally


def counted(tally: Tally) -> str:
    """In words, for a question or a sentence."""
    parts = [f"{tally.sessions:,} session{'' if tally.sessions == 1 else 's'}"] if tally.sessions else []
    if tally.messages or not parts:
        parts.append(f"{tally.messages:,} message{'' if tally.messages == 1 else 's'}")
    return " and ".join(parts)


def counts(tally: Tally) -> Report:
    """As data."""
    document = {
        "sessions": tally.sessions,
        "messages": tally.messages,
        "skipped": tally.skipped,
        "failed": tally.failed,
    }
    return Report(document, tuple(document), (tuple(document.values()),))
