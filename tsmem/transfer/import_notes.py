"""Counts of what the conversations of an import left out, and the lines in which `import` reports them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tsmem.plurals import quantity


@dataclass
class ImportNotes:
    """Counts of missing and odd times and ids. `lines` says what each one counts."""

    dated: int = 0
    dated_sessions: int = 0
    followed: int = 0
    kept: int = 0
    moved: int = 0
    backwards: int = 0
    zoneless: int = 0
    unread: int = 0
    unnamed: int = 0

    def lines(self, dated_from: str) -> Iterator[str]:
        """Yield a line for each kind that was met. `dated_from` names the source of the start time."""
        if self.unread:
            yield f"{quantity(self.unread, 'time')} that cannot be read: kept as metadata, and the message has none"
        without = ((self.dated, "message"), (self.dated_sessions, "empty conversation"))
        undated = [quantity(count, what) for count, what in without if count]
        if undated:
            yield f"{' and '.join(undated)} without a time: dated from {dated_from}"
        if self.kept:
            yield f"{quantity(self.kept, 'message')} without a time: already in the store with a time, which is kept"
        if self.followed:
            yield f"{quantity(self.followed, 'message')} without a time: put a microsecond from the one before or after"
        if self.moved:
            yield f"{quantity(self.moved, 'message')} with the time of another: moved behind it by a microsecond"
        if self.backwards:
            yield f"{quantity(self.backwards, 'message')} earlier than the one before: stored in the order of time"
        if self.zoneless:
            yield f"{quantity(self.zoneless, 'time')} without a zone: taken as UTC"
        if self.unnamed:
            yield f"{quantity(self.unnamed, 'conversation')} without an id: a longer copy becomes another session"
