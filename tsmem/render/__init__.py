"""Turn results into bytes: commands return data, and only this package decides how it looks.

`render` is called for a command's result, `render_error` for what goes to stderr. Nothing here looks at a stream or at
the clock: `Options` (`result.py`) says what the terminal can do, and the caller writes the chunks.

- For programs: `documents.py` (json, jsonl, csv, errors, `--fields`).
- For people: `tables/` (listings, records, reports) and `transcript.py` (conversations), with `markdown.py` and
  `json_text.py` for what stands in their content.
- Safe and measured text: `text.py` escapes stored text, `cells.py` measures, cuts and wraps it, `values.py` formats
  times and numbers, `palette.py` colours, `ascii.py` serves terminals without UTF-8.

Formats are imported when they are asked for: JSON needs neither rich nor csv.
"""

from __future__ import annotations

from collections.abc import Iterator

from tsmem.errors import InvalidInput, TsmemError
from tsmem.render.documents import (
    check_fields,
    encoded,
    error_document,
    join_lines,
    json_chunks,
    json_in_ascii,
    line_chunks,
)
from tsmem.render.result import (
    Conversation,
    Data,
    Document,
    Format,
    Listing,
    LiveTail,
    ManualPage,
    Options,
    Report,
    Result,
    noun_of,
)
from tsmem.store.documents import dumps

__all__ = ["Options", "check_fields", "render", "render_error"]

_PAGE_WIDTH = 100
"""Cells of a line of the manual at most: longer lines are hard to read."""


def render(result: Result, options: Options) -> Iterator[bytes]:
    """Return the result's bytes in chunks that are ready to be written. What the source raises in the middle is raised
    after what came before it was yielded. Raises InvalidInput at once if a field asked for is not one of the result's,
    or if an endless result is to become a document that has an end."""
    if options.fields is not None:
        if isinstance(result, Report | Document | ManualPage):
            raise InvalidInput("--fields does not apply: the output has neither sessions nor messages")
        check_fields(noun_of(result), options.fields)
    if isinstance(result, Document):
        if options.unicode:
            return iter(result.chunks)
        return (json_in_ascii(chunk.decode()).encode() for chunk in result.chunks)
    if not options.unicode and options.format in ("table", "csv"):
        from tsmem.render.ascii import ascii_result

        return _chunks(ascii_result(result), options)
    return _chunks(result, options)


def _chunks(result: Data | LiveTail | ManualPage, options: Options) -> Iterator[bytes]:
    if isinstance(result, ManualPage):
        lines = None
        if options.width is not None:
            from tsmem.render.markdown import markdown_lines
            from tsmem.render.palette import Palette

            lines = markdown_lines(result.text, min(options.width, _PAGE_WIDTH), Palette(options))
        return encoded(lines or [result.text.removesuffix("\n")], options)
    for_people = options.format == "table" and options.fields is None
    if isinstance(result, LiveTail):
        if for_people:
            from tsmem.render.transcript import tail_lines

            return join_lines(encoded(tail_lines(result, options), options), at_once=result.endless)
        if result.endless and options.format == "json":
            raise InvalidInput("--follow never ends, and a JSON document must", hint="-o jsonl prints a line a message")
        if result.endless and options.format == "table":
            raise InvalidInput("a table needs all rows before it can be laid out", hint="-o csv, or -o jsonl")
        result = Listing("message", result.messages, endless=result.endless)
    if options.format == "json":
        return json_chunks(result, options)
    if options.format in ("jsonl", "csv"):
        return line_chunks(result, options)
    if isinstance(result, Conversation):
        if for_people:
            from tsmem.render.transcript import conversation_lines

            return join_lines(encoded(conversation_lines(result, options), options))
        result = Listing("message", result.messages)
    if isinstance(result, Listing):
        from tsmem.render.tables.listing import listing_lines

        return join_lines(encoded(listing_lines(result, options), options))
    from tsmem.render.tables.report import report_lines

    return join_lines(encoded(report_lines(result, options), options))


def render_error(error: TsmemError, output: Format, *, unicode: bool = True) -> bytes:
    """Return an error as stderr shows it: an object for json and jsonl, else a line, and another for the hint. In ASCII
    where stderr can show no more."""
    if output in ("json", "jsonl"):
        text = f"{dumps(error_document(error))}\n"
        return (text if unicode else json_in_ascii(text)).encode()
    from tsmem.render.text import visible

    hint = "" if error.hint is None else f"hint: {visible(error.hint)}\n"
    encoding = "utf-8" if unicode else "ascii"
    return f"error: {visible(error.message)}\n{hint}".encode(encoding, "backslashreplace")
