"""Read tsmem's own lines: an export, from its header to its end, or plain records without either.

An export that was cut short is refused, also where bad lines are kept: nobody could tell what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tsmem.errors import InvalidInput
from tsmem.store.bulk.bulk import ImportedItem
from tsmem.store.bulk.result import BulkResult
from tsmem.store.documents import brief, item_from_document
from tsmem.store.model import Message, Session
from tsmem.transfer.exporting import VERSION
from tsmem.transfer.formats import openai, shapes
from tsmem.transfer.input.json_values import Place
from tsmem.transfer.rejects import unwrapped

if TYPE_CHECKING:
    from tsmem.transfer.records import ImportSource


def read_tsmem(source: ImportSource) -> Iterator[ImportedItem]:
    """Yield the sessions and messages of a source. Raises InvalidInput, with the place, for an export that was cut
    short, and for a line that cannot be read if bad lines are not kept."""
    place: Place = 0
    read: BulkResult | None = None  # rows since the header of an export that has not ended
    unreadable_before = 0
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
            if read is not None:
                read.count(item)
            yield ImportedItem(place, item)
        elif kind == "end":
            _check_end(place, document, read, source.bad_values - unreadable_before)
            read = None
        else:
            _check_header(place, document, read)
            read, unreadable_before = BulkResult(), source.bad_values
    if read is not None:
        raise InvalidInput(
            f"line {place}: the file ends in the middle of an export: it was cut short",
            hint="export again, or remove its first line to import what is there",
        )


def _check_header(place: Place, header: object, read: BulkResult | None) -> None:
    assert isinstance(header, dict)
    if read is not None:
        raise InvalidInput(f"line {place}: an export begins here, before the one above has ended: it was cut short")
    if header != {"kind": "tsmem", "version": VERSION}:
        version = brief(repr(header.get("version")))
        raise InvalidInput(f"line {place}: made by another version: {version}; this one reads {VERSION}")


def _check_end(place: Place, end: object, read: BulkResult | None, unreadable: int) -> None:
    """Raise InvalidInput unless the end counts what was read since the header; each unreadable line is one of them."""
    assert isinstance(end, dict)
    if read is None:
        raise InvalidInput(f"line {place}: an export ends here that did not begin")
    match end:
        case {"kind": "end", "sessions": int(sessions), "messages": int(messages), **rest} if not rest:
            missing = (sessions - read.sessions, messages - read.messages)
            if min(missing) >= 0 and sum(missing) == unreadable:
                return
    raise InvalidInput(
        f"line {place}: the export says it holds {end.get('sessions')} sessions and {end.get('messages')} messages, "
        f"and {read.sessions} and {read.messages} were read"
    )


def _item(document: object, *, in_array: bool) -> Session | Message:
    try:
        if not isinstance(document, dict):
            raise InvalidInput("a record is a JSON object")
        return item_from_document(document)
    except InvalidInput as error:
        raise _conversation_error(document, in_array=in_array) or error from None


def _conversation_error(value: object, *, in_array: bool) -> InvalidInput | None:
    if not isinstance(value, dict) or "kind" in value:
        return None
    is_openai = InvalidInput(
        "this looks like conversations in the OpenAI format", hint="add --format openai --user USER"
    )
    if isinstance(value.get("messages"), list):
        return openai.conversation_error(value, in_array=in_array) or is_openai
    if foreign := shapes.foreign_error(value, shapes.CONVERSATIONS + shapes.MESSAGES, in_array=in_array):
        return foreign
    if openai.is_message(value):
        if in_array:
            return is_openai
        return None if "message_id" in value else openai.single_message("this is one message in the OpenAI format")
    where = shapes.messages_hint(value, in_array=in_array)
    return None if where is None else InvalidInput("this is not a tsmem export", hint=where)
