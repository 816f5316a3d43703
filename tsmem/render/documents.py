"""JSON: one object for one record, one document for a list, one line a record for jsonl; and errors as objects.

On a terminal JSON is indented; elsewhere a record is one line, and a list has one line an item. A list is streamed, and
is a valid document however it ends: nothing is written before its first item is there or it is known to be empty, and
a failure later on closes it with the error inside, and is then raised. A writer that is itself interrupted between two
chunks can throw KeyboardInterrupt into the iterator, to be given the end of the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tsmem.errors import PartialFailure, TsmemError
from tsmem.render.fields import pick
from tsmem.render.options import Options
from tsmem.render.result import Conversation, Listing, Report, SingleItem
from tsmem.render.stream import encoded, join_lines
from tsmem.store.documents import dumps, item_document
from tsmem.store.model import Message, Session


def json_chunks(result: SingleItem | Listing | Conversation | Report, options: Options) -> Iterator[bytes]:
    """The result as one JSON document."""
    if isinstance(result, Listing):
        return _json_list(result, options)
    return encoded([dumps(_document(result, options.fields), pretty=options.terminal)])


def jsonl_chunks(result: SingleItem | Listing | Conversation | Report, options: Options) -> Iterator[bytes]:
    """The result as one JSON object a line."""
    at_once = options.terminal or (isinstance(result, Listing) and result.endless)
    return join_lines(encoded(map(dumps, documents(result, options.fields))), at_once=at_once)


def documents(
    result: SingleItem | Listing | Conversation | Report, fields: Sequence[str] | None
) -> Iterable[dict[str, Any]]:
    """The result as a run of objects, which jsonl prints as lines and csv as rows."""
    match result:
        case SingleItem(item):
            return [_item(item, fields)]
        case Listing():
            return (_item(item, fields) for item in result.items)
        case Conversation():
            return (_item(item, fields) for item in result.messages)
        case Report():
            if not result.columns:
                return [dict(result.document)]
            return (dict(zip(result.columns, row, strict=True)) for row in result.rows)


def error_document(error: BaseException) -> dict[str, Any]:
    """The object that stands for an error in JSON. Rows that failed in a bulk request are listed in it."""
    if not isinstance(error, TsmemError):
        interrupted = isinstance(error, KeyboardInterrupt)
        code, message = ("Interrupted", "interrupted") if interrupted else (type(error).__name__, str(error))
        return {"error": {"code": code, "message": message, "hint": None, "request_id": None}}
    document: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "request_id": error.request_id,
    }
    if isinstance(error, PartialFailure):
        document["done"] = error.done
        document["failures"] = [
            {"key": [_plain(part) for part in key], "code": cause.code, "message": cause.message}
            for key, cause in error.failures
        ]
    return {"error": document}


def _plain(part: object) -> object:
    return part if isinstance(part, str | int) else str(part)


def _item(item: Session | Message, fields: Sequence[str] | None) -> dict[str, Any]:
    document = item_document(item)
    return document if fields is None else pick(document, fields)


def _document(result: SingleItem | Conversation | Report, fields: Sequence[str] | None) -> dict[str, Any]:
    match result:
        case SingleItem(item):
            return _item(item, fields)
        case Conversation(session, messages):
            return {
                "session": None if session is None else item_document(session),
                "messages": [_item(message, fields) for message in messages],
            }
        case Report():
            return dict(result.document)


def _json_list(listing: Listing, options: Options) -> Iterator[bytes]:
    pretty = options.terminal
    head, tail = (b'{\n  "items": [', b"\n  ],\n  ") if pretty else (b'{"items": [', b"\n], ")
    written = _Written()
    items = join_lines(_list_lines(listing, options, written), at_once=pretty)
    begun = False
    try:
        for chunk in items:
            first, begun = not begun, True
            yield head + chunk if first else chunk
        end: dict[str, Any] = {"next_page_token": listing.next_page_token(None)}
        if listing.total is not None:
            end["total"] = listing.total().exact
    except (Exception, KeyboardInterrupt) as error:
        if begun:
            yield tail + _ending(
                {"next_page_token": _rest(listing, written.items), **error_document(error)}, pretty=pretty
            )
        raise
    yield (tail if begun else head + tail.lstrip()) + _ending(end, pretty=pretty)


class _Written:
    """How many items of a list have become lines."""

    items = 0


def _rest(listing: Listing, written: int) -> str | None:
    """The token of what follows the last item that was written."""
    try:
        return listing.next_page_token(written)
    except TsmemError:
        return None


def _list_lines(listing: Listing, options: Options, written: _Written) -> Iterator[bytes]:
    separator, newline = b"", "\n    " if options.terminal else "\n"
    for document in documents(listing, options.fields):
        text = dumps(document, pretty=options.terminal)
        line = separator + f"\n{text}".replace("\n", newline).encode()
        written.items += 1
        yield line
        separator = b","


def _ending(document: dict[str, Any], *, pretty: bool) -> bytes:
    return (dumps(document, pretty=pretty).removeprefix("{").lstrip() + "\n").encode()
