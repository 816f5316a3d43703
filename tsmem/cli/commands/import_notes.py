"""What `import` says on stderr of conversations that did not say everything: a line for each kind, with a count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsmem.store.openai import ImportNotes


def note_lines(notes: ImportNotes, dated_from: str) -> Iterator[str]:
    """Return the lines; `dated_from` says where the time comes from of what has none."""
    if notes.unread:
        yield f"{_counted(notes.unread, 'time')} that cannot be read: kept as metadata, and the message has none"
    undated = [_counted(notes.dated, "message"), _counted(notes.dated_sessions, "empty conversation")]
    if any(undated):
        yield f"{' and '.join(filter(None, undated))} without a time: dated from {dated_from}"
    if notes.kept:
        yield f"{_counted(notes.kept, 'message')} without a time: already in the store with a time, which is kept"
    if notes.followed:
        yield f"{_counted(notes.followed, 'message')} without a time: put a microsecond from the one before or after"
    if notes.moved:
        yield f"{_counted(notes.moved, 'message')} with the time of another: moved behind it by a microsecond"
    if notes.backwards:
        yield f"{_counted(notes.backwards, 'message')} earlier than the one before: stored in the order of time"
    if notes.zoneless:
        yield f"{_counted(notes.zoneless, 'time')} without a zone: taken as UTC"
    if notes.unnamed:
        yield f"{_counted(notes.unnamed, 'conversation')} without an id: a longer copy becomes another session"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}" if count else ""
