"""Turn the results of commands into bytes. Commands return data, and only this package decides how it looks.

`cli/app/main.py` calls `render` with a command's result and writes the chunks that it yields; `cli/app/failure.py`
calls `render_error` for stderr. Nothing here asks a stream or the clock: `Options` in `result.py` describes
the terminal.

- For programs: `documents.py` (JSON, JSON lines, CSV, error objects, `--fields`).
- For people: `tables/` (listings, records, reports), `transcript.py` (conversations), `markdown.py` (drawn Markdown)
  and `json_text.py` (tool calls and other JSON in stored text).
- Building blocks of the output for people: `text.py` escapes stored text, `cells.py` measures, cuts and wraps it,
  `values.py` formats times and numbers, `palette.py` colours, and `ascii.py` serves terminals without UTF-8.

A format is imported when it is used, so that JSON loads neither rich nor csv.
"""

from __future__ import annotations

from collections.abc import Iterator

from tsmem.errors import InvalidInput, TsmemError
from tsmem.render.documents import (
    encode_lines,
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
    Result,
)
from tsmem.store.documents import encode_json

__all__ = ["Options", "render", "render_error"]

_MAX_PAGE_WIDTH = 100
"""Pages of the manual are not drawn wider than this, because long lines are hard to read."""


def render(result: Result, options: Options) -> Iterator[bytes]:
    """Return the result as chunks of bytes, ready to be written.

    An error that the result's items raise is raised after the chunks of the items before it. Raises InvalidInput at
    once for an endless result in a format that needs an end. The fields are those that
    `check_fields` accepted."""
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
        return encode_lines(_page_lines(result, options), options)
    if isinstance(result, LiveTail):
        if options.format == "table" and options.fields is None:
            from tsmem.render.transcript import tail_lines

            return join_lines(encode_lines(tail_lines(result, options), options), at_once=result.is_endless)
        if result.is_endless and options.format == "json":
            raise InvalidInput(
                "--follow never ends, so it cannot write a complete JSON document",
                hint="-o jsonl prints one line per message",
            )
        if result.is_endless and options.format == "table":
            raise InvalidInput("a table needs all rows before it can be laid out", hint="use -o csv or -o jsonl")
        result = Listing("message", result.messages, is_endless=result.is_endless)
    if options.format == "json":
        return json_chunks(result, options)
    if options.format in ("jsonl", "csv"):
        return line_chunks(result, options)
    return join_lines(encode_lines(_table_lines(result, options), options))


def _page_lines(page: ManualPage, options: Options) -> list[str]:
    lines = None
    if options.width is not None:
        from tsmem.render.markdown import markdown_lines
        from tsmem.render.palette import Palette

        lines = markdown_lines(page.text, min(options.width, _MAX_PAGE_WIDTH), Palette(options))
    return lines or [page.text.removesuffix("\n")]


def _table_lines(result: Data, options: Options) -> Iterator[str]:
    if isinstance(result, Conversation):
        if options.fields is None:
            from tsmem.render.transcript import conversation_lines

            return conversation_lines(result, options)
        result = Listing("message", result.messages)
    if isinstance(result, Listing):
        from tsmem.render.tables.listing import listing_lines

        return listing_lines(result, options)
    from tsmem.render.tables.report import report_lines

    return report_lines(result, options)


def render_error(error: TsmemError, output: Format, *, unicode: bool = True) -> bytes:
    """Return an error as it is written to stderr: one object for json and jsonl, else a line for the message and a line
    for the hint. Without `unicode`, it is ASCII."""
    if output in ("json", "jsonl"):
        text = f"{encode_json(error_document(error))}\n"
        return (text if unicode else json_in_ascii(text)).encode()
    from tsmem.render.text import visible

    hint = "" if error.hint is None else f"hint: {visible(error.hint)}\n"
    encoding = "utf-8" if unicode else "ascii"
    return f"error: {visible(error.message)}\n{hint}".encode(encoding, "backslashreplace")
