"""Turn the fields of a session or message into table cells: the column of each field, and how its value reads."""

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
from tsmem.render.values import age, iso_time, local_time, metadata_pairs, metadata_value
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
    "search_content": Column("search_content", "extra"),
    "metadata": Column("metadata", "extra"),
}


def column_of(field: str) -> Column:
    return _COLUMNS.get(field) or Column(visible(field))


def _value(item: Session | Message, field: str) -> Any:
    if field.startswith(METADATA_PREFIX):
        return item.metadata.get(field.removeprefix(METADATA_PREFIX))
    return getattr(item, field) if field != "metadata" else item.metadata or None


def is_blank(item: Session | Message, field: str) -> bool:
    """Return True if the field's cell would show nothing on a terminal."""
    if field == "metadata":
        return item.metadata.keys() <= {*_shown_elsewhere(item)}
    if field == "content" and isinstance(item, Message):
        return item.content is None and not tool_calls(item.metadata)
    return _value(item, field) is None


def _shown_elsewhere(item: Session | Message) -> tuple[str, ...]:
    """Return the metadata keys that a terminal does not show: `_json`, which names the keys that hold JSON, and tool
    calls if they stand in the place of missing content."""
    shows_calls = isinstance(item, Message) and item.content is None
    return ("_json", *tool_calls(item.metadata)) if shows_calls else ("_json",)


def field_cell(
    item: Session | Message, field: str, options: Options, limit: int | None, *, has_age: bool = False
) -> TableCell:
    """Return the cell of a field, on one line. `limit` is the number of characters of a long text that are formatted:
    more would not fit the terminal."""
    value = _value(item, field)
    if value is None:
        shows_all_metadata = limit is None and (options.fields is None or "metadata" in options.fields)
        calls_by_key = {} if field != "content" or shows_all_metadata else tool_calls(item.metadata)
        if not calls_by_key:
            return TableCell(NULL, "dim")
        text = ", ".join(call.line() for calls in calls_by_key.values() for call in calls)[:limit]
        return TableCell(f"{Palette(options).arrow} {text if options.unicode else ascii_text(text)}", "dim")
    if field == "metadata":
        excluded_keys = () if limit is None else _shown_elsewhere(item)
        return TableCell(metadata_pairs(value, limit=limit, excluded_keys=excluded_keys) or NULL)
    if field.startswith(METADATA_PREFIX):
        return TableCell(metadata_value(value[:limit] if isinstance(value, str) else value, full_bytes=limit is None))
    if field in TIMES:
        if options.width is None:
            return TableCell(iso_time(value, options.timezone))
        suffix = f" ({age(value, options.now_us)})" if has_age else ""
        return TableCell(local_time(value, options.timezone, whole_seconds=True) + suffix)
    if field in _SEARCHED:
        return TableCell(visible(_excerpt(value, limit, options)) or '""', is_searched=True)
    style = ROLE_STYLES.get(value) if field == "role" else None
    return TableCell(visible_id(value[:limit]) or '""', style)


def _excerpt(text: str, limit: int | None, options: Options) -> str:
    if limit is None or len(text) <= limit:
        return text
    start, end = (0, 0) if options.highlight is None else next(spans(text, options.highlight), (0, 0))
    if end < limit:
        return text[:limit]
    return Palette(options).ellipsis + text[max(0, start - limit // 4) :][:limit]


def field_entries(item: Session | Message, field: str, options: Options) -> Iterator[tuple[str, TableCell]]:
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
        yield visible(field), field_cell(item, field, options, None)
