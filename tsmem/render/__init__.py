"""Results to bytes: the only place that makes them. A command returns what there is, `render` says how it looks.

Formatters are loaded when they are asked for: JSON needs neither rich nor csv. Every function here is pure; what the
terminal can do is in the options, and the caller writes the chunks.
"""

from __future__ import annotations

from collections.abc import Iterator

from tsmem.errors import InvalidInput, TsmemError
from tsmem.render.fields import check_fields
from tsmem.render.options import Options
from tsmem.render.result import (
    Conversation,
    Dashboard,
    Document,
    Format,
    Listing,
    LiveTail,
    Report,
    Result,
    Shown,
    SingleItem,
)
from tsmem.render.stream import encoded, join_lines
from tsmem.store.model import Session

__all__ = ["Options", "check_fields", "render", "render_error"]


def render(result: Result, options: Options) -> Iterator[bytes]:
    """The result's bytes, in chunks that are ready to be written. What the source raises in the middle is raised after
    what came before it was yielded. Raises InvalidInput at once when the fields asked for are none of the result's, and
    when an endless result is to become a document that has an end."""
    if options.fields is not None:
        _check(result, options.fields)
    if isinstance(result, Document):
        if options.terminal and not options.unicode:
            from tsmem.render.ascii import ascii_document

            return ascii_document(result.chunks)
        return iter(result.chunks)
    if options.terminal and not options.unicode:
        from tsmem.render.ascii import ascii_chunks

        return ascii_chunks(result, options, _formatted)
    return _formatted(result, options)


def _formatted(result: Shown, options: Options) -> Iterator[bytes]:
    if isinstance(result, LiveTail):
        if options.format == "table" and options.fields is None:
            return _told(result, options)
        result = _listed(result, options)
    if isinstance(result, Dashboard):
        if options.format == "table":
            from tsmem.render.overview import overview_lines

            return join_lines(encoded(overview_lines(result, options)))
        result = result.report
    match options.format:
        case "json":
            from tsmem.render.documents import json_chunks

            return json_chunks(result, options)
        case "jsonl":
            from tsmem.render.documents import jsonl_chunks

            return jsonl_chunks(result, options)
        case "csv":
            from tsmem.render.csv import csv_chunks

            return csv_chunks(result, options)
        case "table":
            return join_lines(encoded(_lines(result, options)))


def render_error(
    error: TsmemError,
    format: Format,  # noqa: A002  (the option's own name)
    *,
    unicode: bool = True,
) -> bytes:
    """What stderr is told of an error: an object for json and jsonl, else a line, and another for the hint. In ASCII
    where stderr can show no more."""
    from tsmem.render.ascii import json_in_ascii
    from tsmem.render.documents import error_document
    from tsmem.render.text import visible
    from tsmem.store.documents import dumps

    if format in ("json", "jsonl"):
        text = f"{dumps(error_document(error))}\n"
        return (text if unicode else json_in_ascii(text)).encode()
    hint = "" if error.hint is None else f"hint: {visible(error.hint)}\n"
    encoding = "utf-8" if unicode else "ascii"
    return f"error: {visible(error.message)}\n{hint}".encode(encoding, "backslashreplace")


def _told(tail: LiveTail, options: Options) -> Iterator[bytes]:
    """The messages for people, each whole as soon as it is there."""
    from tsmem.render.transcript import tail_lines

    return join_lines(encoded(tail_lines(tail, options)), at_once=tail.endless)


def _listed(tail: LiveTail, options: Options) -> Listing:
    """The messages as any others that are listed."""
    if tail.endless and options.format == "json":
        raise InvalidInput(
            "a JSON document has an end, and what is followed has none", hint="-o jsonl prints a line a message"
        )
    if tail.endless and options.format == "table":
        raise InvalidInput("a table's columns are laid out when all rows are there", hint="-o csv, or -o jsonl")
    return Listing("message", tail.messages, endless=tail.endless)


def _lines(result: SingleItem | Listing | Conversation | Report, options: Options) -> Iterator[str]:
    """The result as lines for people."""
    if isinstance(result, Conversation):
        if options.fields is None:
            from tsmem.render.transcript import conversation_lines

            return conversation_lines(result, options)
        result = Listing("message", result.messages)
    if isinstance(result, Listing):
        from tsmem.render.table import listing_lines

        return listing_lines(result, options)
    from tsmem.render.record import record_lines, report_lines

    return record_lines(result, options) if isinstance(result, SingleItem) else report_lines(result, options)


def _check(result: Result, fields: tuple[str, ...]) -> None:
    match result:
        case SingleItem(item):
            check_fields("session" if isinstance(item, Session) else "message", fields)
        case Listing():
            check_fields(result.noun, fields)
        case Conversation() | LiveTail():
            check_fields("message", fields)
        case _:
            raise InvalidInput("--fields chooses among the fields of sessions and messages, and this is neither")
