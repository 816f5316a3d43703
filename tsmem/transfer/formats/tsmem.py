"""tsmem's own format: sessions and messages as JSON lines, between a header line and an end line that counts them.

`export_file` writes it. `read_tsmem` reads it, and also accepts sessions and messages without the header and the end.

An export without its end line was cut short. It is refused even if bad lines go to a file of rejects, because nobody
could tell what is missing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from tsmem.errors import InvalidInput
from tsmem.store.bulk.bulk import ImportedItem
from tsmem.store.documents import brief, export_line, item_from_document
from tsmem.store.model import Message, Session
from tsmem.transfer.files.outputs import LibraryCaller, Output
from tsmem.transfer.formats import openai, shapes
from tsmem.transfer.input.json_values import Place
from tsmem.transfer.rejects import unwrapped
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.store import MemoryStore
    from tsmem.store.bulk.result import BulkResult
    from tsmem.transfer.importing import ImportSource

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


def read_tsmem(source: ImportSource) -> Iterator[ImportedItem]:
    place: Place = 0
    counts: Counter[type] | None = None  # of sessions and messages since the header; None outside of an export
    bad_before = 0
    for value in source.values():
        place = value.place
        try:
            document = unwrapped(value.document, "tsmem")
            kind = document.get("kind") if isinstance(document, dict) else None
            item = None if kind in ("tsmem", "end") else _item(document, in_array=value.array is not None)
        except InvalidInput as error:
            source.report_bad_value(value, error)
            continue
        if item is not None:
            if counts is not None:
                counts[type(item)] += 1
            yield ImportedItem(place, item)
        elif kind == "end":
            _check_end(place, document, counts, source.bad_values - bad_before)
            counts = None
        else:
            if counts is not None:
                raise InvalidInput(
                    f"line {place}: an export begins here, before the one above has ended: "
                    "the earlier export was cut short"
                )
            _check_header(place, document)
            counts, bad_before = Counter(), source.bad_values
    if counts is not None:
        raise InvalidInput(
            f"line {place}: the file ends in the middle of an export: it was cut short",
            hint="export again; or, to import the rows that are in this file, remove the first line of the export",
        )


def _check_header(place: Place, header: object) -> None:
    assert isinstance(header, dict)
    if header != {"kind": "tsmem", "version": VERSION}:
        version = brief(repr(header.get("version")))
        raise InvalidInput(
            f"line {place}: this export has format version {version}; this tsmem reads version {VERSION}"
        )


def _check_end(place: Place, end: object, counts: Counter[type] | None, bad_lines: int) -> None:
    """Compare the counts in the end line with the lines since the header. Each bad line was a session or a message."""
    assert isinstance(end, dict)
    if counts is None:
        raise InvalidInput(f"line {place}: an export ends here, but its beginning is missing")
    match end:
        case {"kind": "end", "sessions": int(sessions), "messages": int(messages), **rest} if not rest:
            missing = (sessions - counts[Session], messages - counts[Message])
            if min(missing) >= 0 and sum(missing) == bad_lines:
                return
    raise InvalidInput(
        f"line {place}: the export says it holds {end.get('sessions')} sessions and {end.get('messages')} messages, "
        f"but {quantity(counts[Session], 'session')} and {quantity(counts[Message], 'message')} were read"
    )


def _item(document: object, *, in_array: bool) -> Session | Message:
    try:
        if not isinstance(document, dict):
            raise InvalidInput("this is not a JSON object")
        return item_from_document(document)
    except InvalidInput as error:
        raise _foreign_error(document, in_array=in_array) or error from None


def _foreign_error(value: object, *, in_array: bool) -> InvalidInput | None:
    if not isinstance(value, dict) or "kind" in value:
        return None
    is_openai = InvalidInput(
        "this looks like conversations in the OpenAI format", hint="add --format openai --user USER"
    )
    if isinstance(value.get("messages"), list):
        return openai.conversation_error(value) or is_openai
    if foreign := shapes.foreign_error(value, shapes.CONVERSATIONS + shapes.MESSAGES):
        return foreign
    if not openai.is_message(value):
        return None
    if in_array:
        return is_openai
    return None if "message_id" in value else openai.single_message_error("this is one message in the OpenAI format")
