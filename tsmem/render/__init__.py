"""Turn the results of commands into bytes. Commands return data, and only this package decides how it looks.

The command line writes the chunks that `render` yields. Nothing here asks a stream or the clock: the `Options` say what
the terminal is.

- For programs: `documents.py` (JSON, JSON lines, CSV, error objects, `--fields`).
- For people: `tables/` (listings, records, reports), `transcript.py` (conversations), `hits.py` (what a search found),
  `markdown.py` (drawn Markdown) and `json_text.py` (tool calls and other JSON in stored text).
- To be shared: `sharing/` (a conversation as Markdown or HTML).
- Building blocks of the output for people: `text.py` escapes stored text, `values.py` formats times and numbers, and
  `terminal.py` measures, cuts, wraps and colours what is shown.

A format is imported when it is used, so that JSON loads neither rich nor csv.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

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
    SingleMessage,
)
from tsmem.store.documents import encode_json
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session

__all__ = ["Options", "render", "render_error"]

_MAX_PAGE_WIDTH = 100


def render(result: Result, options: Options) -> Iterator[bytes]:
    """Return the result as chunks of bytes. An error that its items raise is raised after the chunks of the earlier
    items. Raises InvalidInput at once for an endless result in a format that needs an end."""
    if isinstance(result, Document):
        if options.unicode:
            return iter(result.chunks)
        return (json_in_ascii(chunk.decode()).encode() for chunk in result.chunks)
    if not options.unicode and options.format in ("table", "csv"):
        from tsmem.render.text import ascii_text

        return _chunks(_map_texts(ascii_text, result), options)
    return _chunks(result, options)


def _map_texts(change: Callable[[str], str], value: Any) -> Any:
    match value:
        case str():
            return change(value)
        case Iterator():
            return (_map_texts(change, part) for part in value)
        case Session() | Message():
            return replace(value, **{f.name: _map_texts(change, getattr(value, f.name)) for f in fields(value)})
        case Metadata() | dict():
            return type(value)({_map_texts(change, key): _map_texts(change, part) for key, part in value.items()})
        case tuple() if hasattr(value, "_make"):
            return value._make(_map_texts(change, part) for part in value)
        case tuple() | list():
            return [_map_texts(change, part) for part in value]
        case _:
            return value


def _chunks(result: Data | SingleMessage | LiveTail | ManualPage, options: Options) -> Iterator[bytes]:
    if isinstance(result, ManualPage):
        return encode_lines(_page_lines(result, options), options)
    if isinstance(result, SingleMessage):
        if options.format == "table" and options.fields is None:
            from tsmem.render.transcript import message_lines

            return encode_lines(message_lines(result.message, options), options)
        result = result.message
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
    if options.format in ("markdown", "html") and isinstance(result, Conversation):
        from tsmem.render.sharing.html import shared_html
        from tsmem.render.sharing.markdown import shared_markdown

        lines = shared_html if options.format == "html" else shared_markdown
        return join_lines(encode_lines(lines(result, options), options))
    return join_lines(encode_lines(_table_lines(result, options), options))


def _page_lines(page: ManualPage, options: Options) -> list[str]:
    lines = None
    if options.width is not None:
        from tsmem.render.markdown import markdown_lines
        from tsmem.render.terminal import Palette

        lines = markdown_lines(page.text, min(options.width, _MAX_PAGE_WIDTH), Palette(options))
    return lines or [page.text.removesuffix("\n")]


def _table_lines(result: Data, options: Options) -> Iterator[str]:
    if isinstance(result, Conversation):
        if options.fields is None:
            from tsmem.render.transcript import conversation_lines

            return conversation_lines(result, options)
        result = Listing("message", result.messages)
    if isinstance(result, Listing):
        if result.grouped is not None and options.fields is None:
            from tsmem.render.hits import hit_lines

            return hit_lines(result, options)
        from tsmem.render.tables.listing import listing_lines

        return listing_lines(result, options)
    from tsmem.render.tables.report import report_lines

    return report_lines(result, options)


def render_error(error: TsmemError, output: Format, *, unicode: bool = True, color: bool = False) -> bytes:
    if output in ("json", "jsonl"):
        text = f"{encode_json(error_document(error))}\n"
        return (text if unicode else json_in_ascii(text)).encode()
    from tsmem.render.text import visible

    label, hint = "error:", "" if error.hint is None else f"hint: {visible(error.hint)}"
    if color:
        from tsmem.render.terminal import Palette

        palette = Palette(Options(color=True))
        label, hint = palette.paint("bold red", label), palette.paint("dim", hint) if hint else ""
    encoding = "utf-8" if unicode else "ascii"
    return f"{label} {visible(error.message)}\n{hint}{hint and chr(10)}".encode(encoding, "backslashreplace")
