"""Write exports: sessions and messages as JSON lines, between a header line and an end line that counts them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from tsmem.store.documents import export_line
from tsmem.transfer.caller import LibraryCaller
from tsmem.transfer.files.outputs import Output

if TYPE_CHECKING:
    from tsmem.store import MemoryStore
    from tsmem.store.bulk.result import BulkResult
    from tsmem.store.model import Message, Session

VERSION = 1


def export_lines(items: Iterable[Session | Message], result: BulkResult) -> Iterator[bytes]:
    """Yield the lines of an export. An item is counted in `result` once its line has been consumed."""
    yield json.dumps({"kind": "tsmem", "version": VERSION}).encode() + b"\n"
    for item in items:
        line = export_line(item)
        yield line
        result.count(item)
        result.bytes += len(line)
    end = {"kind": "end", "sessions": result.sessions, "messages": result.messages}
    yield json.dumps(end).encode() + b"\n"


def export_file(
    store: MemoryStore,
    name: str,
    *,
    user_id: str | None = None,
    session_id: str | None = None,
    say: Callable[[str], None] | None = None,
) -> BulkResult:
    """Write the memory of one user, of one session id, or all of it, to a file. `.gz` files are compressed. An existing
    file is replaced only by a complete one. `say` is called with warnings.

    Raises InvalidInput, StorageFailure. Cost: that of `store.bulk.items`."""
    caller = LibraryCaller(store, say or (lambda text: None))
    with Output(caller, name) as output:
        output.write_whole(export_lines(store.bulk.items(user_id=user_id, session_id=session_id), caller.result))
    return caller.result
