"""The formats for programs: json, jsonl, csv, and errors as objects. `join_lines` gathers the lines of every format.

A list in JSON is streamed, and is a valid document however it ends: nothing is written before its first item is there
or it is known to be empty, and a failure later on closes it with the error inside, and is then raised. A writer that is
interrupted between two chunks can throw KeyboardInterrupt into the iterator, to be given the end of the document.
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
from tsmem.nearest import nearest_names
from tsmem.render.result import Conversation, Data, Listing, Noun, Options, Report, noun_of
from tsmem.store.documents import FIELDS, dumps, item_document
from tsmem.store.model import Message, Session

METADATA_PREFIX = "metadata."
CHUNK_BYTES = 32 * 1024
LONGEST_WAIT_S = 0.05
"""The age at which a gathered line is written when the next one comes."""
_FORMULA = "'*[=+\\-@\t\r\n＝＋－＠]"  # noqa: RUF001 - spreadsheets take the wide signs too
"""The beginning of a cell that a spreadsheet may run (https://owasp.org/www-community/attacks/CSV_Injection), after any
apostrophes of its own: taking one away gives every cell back."""
_NUMBER = r"[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?"


def check_fields(noun: Noun, fields: Sequence[str]) -> None:
    """Raise InvalidInput for a field that is neither the noun's nor `metadata.<key>`, or that is named twice."""
    hint = f"fields: {', '.join(FIELDS[noun])} and metadata.<key>"
    if not fields:
        raise InvalidInput("--fields is empty", hint=hint)
    for position, field in enumerate(fields):
        key = field.removeprefix(METADATA_PREFIX)
        if field not in FIELDS[noun] and (key == field or not is_column_name(key)):
            near = nearest_names(field, FIELDS[noun])
            if not near and is_column_name(field) and not any(field in names for names in FIELDS.values()):
                near = [f"{METADATA_PREFIX}{field}"]
            question = f"; did you mean '{near[0]}'?" if near else ""
            raise InvalidInput(f"a {noun} has no field '{field}'{question}", hint=hint)
        if field in fields[:position]:
            raise InvalidInput(f"the field '{field}' is given twice")


def documents(result: Data, fields: Sequence[str] | None) -> Iterable[dict[str, Any]]:
    """Return the result as a stream of objects, which jsonl prints as lines and csv as rows."""
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
    if fields is None:
        return document
    return {
        field: document["metadata"].get(field.removeprefix(METADATA_PREFIX))
        if field.startswith(METADATA_PREFIX)
        else document[field]
        for field in fields
    }


def json_chunks(result: Data, options: Options) -> Iterator[bytes]:
    """Return one JSON document, indented on a terminal. Elsewhere it is one line, or a line for each item of a list."""
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
    return iter([f"{_json(document, options, pretty=options.terminal)}\n".encode()])


def line_chunks(result: Data, options: Options) -> Iterator[bytes]:
    """Return a JSON object or a row of CSV for each record."""
    at_once = options.terminal or (isinstance(result, Listing) and result.endless)
    if options.format == "csv":
        return join_lines(_csv_lines(result, options), at_once=at_once)
    lines = (f"{_json(document, options)}\n".encode() for document in documents(result, options.fields))
    return join_lines(lines, at_once=at_once)


def _csv_lines(result: Data, options: Options) -> Iterator[bytes]:
    """Yield CSV by RFC 4180: a header always, metadata as one cell of JSON, an empty cell for a null and an empty text.

    In a pipe, cells are as they were stored and rows end in CRLF, as the RFC wants. On a terminal they are made safe to
    show and end in a newline. A listing that fails before its first row writes no header either."""
    import csv

    from tsmem.render.text import visible

    returning = cast(Any, SimpleNamespace(write=str))  # a file whose write returns the text
    writer = csv.writer(returning, lineterminator="\n" if options.terminal else "\r\n")
    formula, number = re.compile(_FORMULA), re.compile(_NUMBER)

    def cell(value: object) -> str:
        if value is None:
            return ""
        text = value if isinstance(value, str) else dumps(value)
        return f"'{text}" if formula.match(text) and not number.fullmatch(text) else text

    def line(cells: Iterable[str]) -> bytes:
        text: str = writer.writerow([visible(cell) for cell in cells] if options.terminal else cells)
        return text.encode("utf-8" if options.unicode else "ascii", "backslashreplace")

    columns: Sequence[str]
    if isinstance(result, Report):
        columns = result.columns or list(result.document)
    else:
        columns = options.fields or FIELDS[noun_of(result)]
    header = line(columns)
    for document in documents(result, options.fields):
        yield header + line(map(cell, document.values()))
        header = b""
    if header:
        yield header


def _json(document: Mapping[str, Any], options: Options, *, pretty: bool = False) -> str:
    text = dumps(document, pretty=pretty)
    return text if options.unicode else json_in_ascii(text)


def _json_list(listing: Listing, options: Options) -> Iterator[bytes]:
    pretty, written = options.terminal, 0
    head, tail = (b'{\n  "items": [', b"\n  ],\n  ") if pretty else (b'{"items": [', b"\n], ")

    def lines() -> Iterator[bytes]:
        nonlocal written
        newline = "\n    " if pretty else "\n"
        for document in documents(listing, options.fields):
            text = f"\n{_json(document, options, pretty=pretty)}".replace("\n", newline)
            separator = "," if written else ""
            written += 1
            yield f"{separator}{text}".encode()

    def closing(document: dict[str, Any]) -> bytes:
        return (_json(document, options, pretty=pretty).removeprefix("{").lstrip() + "\n").encode()

    begun = False
    try:
        for chunk in join_lines(lines(), at_once=pretty):
            first, begun = not begun, True
            yield head + chunk if first else chunk
        end: dict[str, Any] = {"next_page_token": listing.next_page_token(None)}
        if listing.total is not None:
            end["total"] = listing.total().exact
    except (Exception, KeyboardInterrupt) as error:
        if begun:
            try:
                token = listing.next_page_token(written)
            except TsmemError:
                token = None
            yield tail + closing({"next_page_token": token, **error_document(error)})
        raise
    yield (tail if begun else head + tail.lstrip()) + closing(end)


def json_in_ascii(document: str) -> str:
    """Return the same JSON with escapes for what is not ASCII, which stands in its texts alone."""
    return re.sub(r"[^\x00-\x7f]+", lambda match: json.dumps(match.group())[1:-1], document)


def error_document(error: BaseException) -> dict[str, Any]:
    """Return the object that stands for an error in JSON. It lists the rows that failed in a bulk request."""
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
    """Join lines into chunks: the first line by itself, later ones by size and time, or each `at_once`. When the source
    raises, the lines before are yielded first."""
    waiting: list[bytes] = []
    size, due = 0, 0.0
    try:
        for line in lines:
            waiting.append(line)
            size += len(line)
            if at_once or size >= CHUNK_BYTES or time.monotonic() >= due:
                chunk, size = b"".join(waiting), 0
                waiting.clear()
                yield chunk
                due = time.monotonic() + LONGEST_WAIT_S
    except (Exception, KeyboardInterrupt):
        if waiting:
            yield b"".join(waiting)
        raise
    if waiting:
        yield b"".join(waiting)


def encoded(lines: Iterable[str], options: Options) -> Iterator[bytes]:
    """Encode lines. What the encoding does not have is spelled out: in UTF-8, a lone surrogate."""
    encoding = "utf-8" if options.unicode else "ascii"
    return (f"{line}\n".encode(encoding, "backslashreplace") for line in lines)
