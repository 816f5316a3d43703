"""What `import` says on stderr of conversations that did not say everything: a line for each kind, with a count."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tsmem.plurals import quantity

if TYPE_CHECKING:
    from tsmem.transfer.formats.openai import ImportNotes


def note_lines(notes: ImportNotes, dated_from: str) -> Iterator[str]:
    """Return the lines; `dated_from` says where the time comes from of what has none."""
    if notes.unread:
        yield f"{quantity(notes.unread, 'time')} that cannot be read: kept as metadata, and the message has none"
    without = ((notes.dated, "message"), (notes.dated_sessions, "empty conversation"))
    undated = [quantity(count, what) for count, what in without if count]
    if undated:
        yield f"{' and '.join(undated)} without a time: dated from {dated_from}"
    if notes.kept:
        yield f"{quantity(notes.kept, 'message')} without a time: already in the store with a time, which is kept"
    if notes.followed:
        yield f"{quantity(notes.followed, 'message')} without a time: put a microsecond from the one before or after"
    if notes.moved:
        yield f"{quantity(notes.moved, 'message')} with the time of another: moved behind it by a microsecond"
    if notes.backwards:
        yield f"{quantity(notes.backwards, 'message')} earlier than the one before: stored in the order of time"
    if notes.zoneless:
        yield f"{quantity(notes.zoneless, 'time')} without a zone: taken as UTC"
    if notes.unnamed:
        yield f"{quantity(notes.unnamed, 'conversation')} without an id: a longer copy becomes another session"
