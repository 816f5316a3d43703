"""The formats for programs: JSON, JSON lines, CSV, and errors as JSON objects.

A JSON list is streamed and is a valid document however it ends:

- Nothing is written until the first item has arrived or the list is known to be empty.
- If a later item fails, the error is written into the end of the document and then raised.
- A caller that is interrupted between two chunks can throw KeyboardInterrupt into the iterator, which then yields the
  end of the document.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from tsmem.errors import InvalidInput, PartialFailure, TsmemError
from tsmem.limits import is_column_name
from tsmem.render.result import Conversation, Data, Listing, Noun, Options, Report, noun_of
from tsmem.store.documents import FIELDS, PREVIEW_FIELDS, encode_json, item_document
from tsmem.store.model import Message, PreviewedSession, Session
from tsmem.words import nearest_name

METADATA_PREFIX = "metadata."
CHUNK_BYTES = 32 * 1024
MAX_DELAY_S = 0.05
_FORMULA = "'*[=+\\-@\t\r\n＝＋－＠]"  # noqa: RUF001 - spreadsheets accept the wide signs too
"""The beginning of a cell that a spreadsheet might run as a formula (owasp.org/www-community/attacks/CSV_Injection).
Such a cell gets one more apostrophe than it has, and removing that one restores the stored text."""
_NUMBER = r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?"


def known_fields(noun: Noun) -> tuple[str, ...]:
    return (*FIELDS[noun], *(PREVIEW_FIELDS if noun == "session" else ()))


def check_fields(noun: Noun, fields: Sequence[str]) -> None:
    known = known_fields(noun)
    hint = f"fields: {', '.join(known)} and metadata.<key>"
    if not fields:
        raise InvalidInput("--fields is empty", hint=hint)
    for position, field in enumerate(fields):
        key = field.removeprefix(METADATA_PREFIX)
        if field not in known and (key == field or not is_column_name(key)):
            near = nearest_name(field, known)
            if near is None and is_column_name(field) and not any(field in names for names in FIELDS.values()):
                near = f"{METADATA_PREFIX}{field}"
            question = f"; did you mean '{near}'?" if near else ""
            raise InvalidInput(f"a {noun} has no field '{field}'{question}", hint=hint)
        if field in fields[:position]:
            raise InvalidInput(f"the field '{field}' is given twice")


def records(result: Data, fields: Sequence[str] | None) -> Iterable[dict[str, Any]]:
    match result:
        case Session() | Message():
            return [_item(result, fields)]
        case Listing():
            return (_item(item, fields) for item in result.items)
        case Conversation():
            return (_item(item, fields) for item in result.messages)
        case Report():
            if not result.columns:
                return [dict(result.document)]
            return (dict(zip(result.columns, row, strict=True)) for row in result.rows)


def _item(item: Session | Message, fields: Sequence[str] | None) -> dict[str, Any]:
    document = item_document(item)
    if isinstance(item, PreviewedSession):
        document |= {name: getattr(item, name) for name in PREVIEW_FIELDS}
    if fields is None:
        return document
    metadata = document["metadata"]
    return {field: document.get(field, metadata.get(field.removeprefix(METADATA_PREFIX))) for field in fields}


def json_chunks(result: Data, options: Options) -> Iterator[bytes]:
    document: Mapping[str, Any]
    match result:
        case Listing():
            return _json_list(result, options)
        case Session() | Message():
            document = _item(result, options.fields)
        case Conversation(session, messages):
            document = {
                "session": None if session is None else item_document(session),
                "messages": [_item(message, options.fields) for message in messages],
            }
        case Report():
            document = dict(result.document)
    return iter([f"{_json(document, options, pretty=options.is_terminal)}\n".encode()])


def line_chunks(result: Data, options: Options) -> Iterator[bytes]:
    at_once = options.is_terminal or (isinstance(result, Listing) and result.is_endless)
    if options.format == "csv":
        return join_lines(_csv_lines(result, options), at_once=at_once)
    lines = (f"{_json(record, options)}\n".encode() for record in records(result, options.fields))
    return join_lines(lines, at_once=at_once)


def _csv_lines(result: Data, options: Options) -> Iterator[bytes]:
    """Yield CSV. Null and empty text are both empty cells. In a pipe, rows end in CRLF, as RFC 4180 demands. The header
    is written with the first row, so that a listing without a first row because of an error writes nothing."""
    import csv

    from tsmem.render.text import visible

    returning = cast(Any, SimpleNamespace(write=str))  # writerow returns what `write` returns: the text
    writer = csv.writer(returning, lineterminator="\n" if options.is_terminal else "\r\n")
    formula, number = re.compile(_FORMULA), re.compile(_NUMBER)

    def cell(value: object) -> str:
        if value is None:
            return ""
        text = value if isinstance(value, str) else encode_json(value)
        return f"'{text}" if formula.match(text) and not number.fullmatch(text) else text

    def line(cells: Iterable[str]) -> bytes:
        text: str = writer.writerow([visible(cell) for cell in cells] if options.is_terminal else cells)
        return text.encode("utf-8" if options.unicode else "ascii", "backslashreplace")

    columns: Sequence[str]
    if isinstance(result, Report):
        columns = result.columns or list(result.document)
    else:
        columns = options.fields or FIELDS[noun_of(result)]
        if isinstance(result, Listing) and result.has_previews and options.fields is None:
            columns = (*columns, *PREVIEW_FIELDS)
    header = line(columns)
    for record in records(result, options.fields):
        yield header + line(map(cell, record.values()))
        header = b""
    if header:
        yield header


def _json(document: Mapping[str, Any], options: Options, *, pretty: bool = False) -> str:
    text = encode_json(document, pretty=pretty)
    return text if options.unicode else json_in_ascii(text)


def _json_list(listing: Listing, options: Options) -> Iterator[bytes]:
    """Yield `{"items": [...], "next_page_token": ..., "total": ...}` as the items arrive. Only a search has a total."""
    head, tail = b'{"items": [', b"\n], "
    written = 0

    def item_lines() -> Iterator[bytes]:
        nonlocal written
        for record in records(listing, options.fields):
            line = f"{',' if written else ''}\n{_json(record, options)}".encode()
            written += 1
            yield line

    def last_members(members: dict[str, Any]) -> bytes:
        return f"{_json(members, options).removeprefix('{')}\n".encode()

    has_begun = False
    try:
        for chunk in join_lines(item_lines(), at_once=options.is_terminal):
            is_first, has_begun = not has_begun, True
            yield head + chunk if is_first else chunk
        members: dict[str, Any] = {"next_page_token": listing.next_page_token(None)}
        if listing.total is not None:
            members["total"] = listing.total().exact
    except (Exception, KeyboardInterrupt) as error:
        if has_begun:
            try:
                token = listing.next_page_token(written)
            except TsmemError:
                token = None
            yield tail + last_members({"next_page_token": token, **error_document(error)})
        raise
    yield (tail if has_begun else head + tail.lstrip()) + last_members(members)


def json_in_ascii(document: str) -> str:
    """Return the JSON text with escapes instead of characters beyond ASCII, which occur only within its strings."""
    return re.sub(r"[^\x00-\x7f]+", lambda match: json.dumps(match.group())[1:-1], document)


def error_document(error: BaseException) -> dict[str, Any]:
    if not isinstance(error, TsmemError):
        interrupted = isinstance(error, KeyboardInterrupt)
        code, message = ("Interrupted", "interrupted") if interrupted else (type(error).__name__, str(error))
        return {"error": {"code": code, "message": message, "hint": None, "request_id": None}}
    names = ("code", "message", "hint", "request_id")
    document: dict[str, Any] = {name: getattr(error, name) for name in names}
    if isinstance(error, PartialFailure):
        document["done"] = error.done
        document["failures"] = [
            {
                "key": [part if isinstance(part, str | int) else str(part) for part in key],
                "code": cause.code,
                "message": cause.message,
            }
            for key, cause in error.failures
        ]
    return {"error": document}


def join_lines(lines: Iterable[bytes], *, at_once: bool = False) -> Iterator[bytes]:
    """Join lines into chunks. The first line is a chunk of its own. Later ones are gathered until they fill a chunk, or
    until one arrives MAX_DELAY_S after the last chunk. If `lines` raises, the gathered lines are yielded first."""
    gathered: list[bytes] = []
    size, due_s = 0, 0.0
    try:
        for line in lines:
            gathered.append(line)
            size += len(line)
            if at_once or size >= CHUNK_BYTES or time.monotonic() >= due_s:
                chunk, size = b"".join(gathered), 0
                gathered.clear()
                yield chunk
                due_s = time.monotonic() + MAX_DELAY_S
    except (Exception, KeyboardInterrupt):
        if gathered:
            yield b"".join(gathered)
        raise
    if gathered:
        yield b"".join(gathered)


def encode_lines(lines: Iterable[str], options: Options) -> Iterator[bytes]:
    """Encode each line with a newline. Characters that the encoding lacks (UTF-8: only lone surrogates) are escaped."""
    encoding = "utf-8" if options.unicode else "ascii"
    return (f"{line}\n".encode(encoding, "backslashreplace") for line in lines)
