"""One session or message as cells: the column of each field, and how its value reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tsmem.folding import spans
from tsmem.render.documents import METADATA_PREFIX
from tsmem.render.json_text import tool_calls
from tsmem.render.palette import ROLE_STYLES, Palette
from tsmem.render.result import Options
from tsmem.render.tables.grid import Column, TableCell
from tsmem.render.text import ascii_text, visible, visible_id
from tsmem.render.values import age, iso_time, local_time, pairs, scalar
from tsmem.store.model import Message, Session

NULL = "-"
TIMES = ("update_time", "create_time")
_SEARCHED = ("content", "search_content")
_COLUMNS: dict[str, Column] = {
    "user_id": Column("user_id", "id"),
    "session_id": Column("session_id", "id"),
    "message_id": Column("message_id", "id"),
    "role": Column("role", "name"),
    "update_time": Column("update_time", "time", "dim"),
    "create_time": Column("create_time", "time", "dim"),
    "search_content": Column("search_content", "aside"),
    "metadata": Column("metadata", "aside"),
}


def column_of(field: str) -> Column:
    return _COLUMNS.get(field) or Column(visible(field))


def _value(item: Session | Message, field: str) -> Any:
    if field.startswith(METADATA_PREFIX):
        return item.metadata.get(field.removeprefix(METADATA_PREFIX))
    return getattr(item, field) if field != "metadata" else item.metadata or None


def is_blank(item: Session | Message, field: str) -> bool:
    """Return True if the field's narrow cell would show nothing. Calls are shown where content is missing, and not in
    the metadata too."""
    if field == "metadata":
        return item.metadata.keys() <= {*_shown_elsewhere(item)}
    if field == "content" and isinstance(item, Message):
        return item.content is None and not tool_calls(item.metadata)
    return _value(item, field) is None


def _shown_elsewhere(item: Session | Message) -> tuple[str, ...]:
    """Return metadata left out of narrow cells: the names of JSON columns, and calls shown as content."""
    has_calls = isinstance(item, Message) and item.content is None
    return ("_json", *tool_calls(item.metadata)) if has_calls else ("_json",)


def cell(
    item: Session | Message, field: str, options: Options, digits: int, limit: int | None, *, ages: bool = False
) -> TableCell:
    """Return one value on one line; with a limit, only as many characters of it as can matter. Times have so many
    digits of a second and, with `ages`, their age."""
    value = _value(item, field)
    if value is None:
        has_metadata = limit is None and (options.fields is None or "metadata" in options.fields)
        called = {} if field != "content" or has_metadata else tool_calls(item.metadata)
        if not called:
            return TableCell(NULL, "dim")
        text = ", ".join(call.line() for calls in called.values() for call in calls)[:limit]
        return TableCell(f"{Palette(options).arrow} {text if options.unicode else ascii_text(text)}", "dim")
    if field == "metadata":
        return TableCell(pairs(value, limit=limit, without=() if limit is None else _shown_elsewhere(item)) or NULL)
    if field.startswith(METADATA_PREFIX):
        return TableCell(scalar(value[:limit] if isinstance(value, str) else value, whole=limit is None))
    if field in TIMES:
        if options.width is None:
            return TableCell(iso_time(value, options.timezone))
        old = f" ({age(value, options.now_us)})" if ages else ""
        return TableCell(local_time(value, options.timezone, digits) + old)
    if field in _SEARCHED:
        return TableCell(visible(_excerpt(value, limit, options)) or '""', searched=True)
    style = ROLE_STYLES.get(value) if field == "role" else None
    return TableCell(visible_id(value[:limit]) or '""', style)


def _excerpt(text: str, limit: int | None, options: Options) -> str:
    """Return as many characters of a text as can matter: its beginning, or those round the first match."""
    if limit is None or len(text) <= limit:
        return text
    start, end = (0, 0) if options.highlight is None else next(spans(text, options.highlight), (0, 0))
    if end < limit:
        return text[:limit]
    return Palette(options).ellipsis + text[max(0, start - limit // 4) :][:limit]


def field_entries(item: Session | Message, field: str, options: Options) -> Iterator[tuple[str, TableCell]]:
    """Yield a field's name and value as a record shows them; metadata has an entry for each key."""
    value = _value(item, field)
    if field == "metadata" and value is not None:
        for key in value:
            yield from field_entries(item, METADATA_PREFIX + key, options)
    elif options.width is not None and value is not None and field in TIMES:
        text = f"{local_time(value, options.timezone)}  ({value}, {age(value, options.now_us)})"
        yield field, TableCell(text)
    elif options.width is not None and value and field in _SEARCHED:
        yield field, TableCell(visible(value, keep_newlines=True))
    else:
        yield visible(field), cell(item, field, options, 6, None)
