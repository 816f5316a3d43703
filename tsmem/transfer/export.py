"""Exports: sessions and messages as JSON lines, between a header and an end that says how many there are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tsmem.store.documents import export_line

if TYPE_CHECKING:
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.model import Message, Session

VERSION = 1
"""Of the export format."""


def export_lines(items: Iterable[Session | Message], result: BulkResult) -> Iterator[bytes]:
    """Yield the lines of an export. `tally` counts the items whose lines were taken."""
    yield _line({"kind": "tsmem", "version": VERSION})
    for item in items:
        line = export_line(item)
        yield line
        result.count(item)
        result.bytes += len(line)
    yield _line({"kind": "end", "sessions": result.sessions, "messages": result.messages})


def _line(document: object) -> bytes:
    return json.dumps(document).encode() + b"\n"
