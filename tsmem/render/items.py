"""One session or message as cells: what each field is called, how it gives way, and how its value reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tsmem.folding import spans
from tsmem.render.ascii import ascii_text
from tsmem.render.calls import tool_calls
from tsmem.render.fields import METADATA_PREFIX
from tsmem.render.grid import Column, TableCell
from tsmem.render.options import Options
from tsmem.render.palette import ROLE_STYLES, Palette
from tsmem.render.text import visible, visible_id
from tsmem.render.values import age, iso_time, local_time, pairs, scalar
from tsmem.store.model import Message, Session

NULL = "-"
SAID = ("content", "search_content")
"""Fields in which search looks, and where it marks."""
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
    """The column that shows a field."""
    return _COLUMNS.get(field) or Column(visible(field))


def item_value(item: Session | Message, field: str) -> Any:
    """A field's value, or a metadata value by its dotted name; None where there is none."""
    if field.startswith(METADATA_PREFIX):
        return item.metadata.get(field.removeprefix(METADATA_PREFIX))
    return getattr(item, field)


def is_null(item: Session | Message, field: str) -> bool:
    """Whether there is nothing to show; no metadata is nothing, an empty text is something."""
    return not item.metadata if field == "metadata" else item_value(item, field) is None


def is_blank(item: Session | Message, field: str) -> bool:
    """Whether its narrow cell would show nothing: calls stand where content is missing, and not in the metadata too."""
    if field == "metadata":
        return item.metadata.keys() <= {*_told(item)}
    if field == "content" and isinstance(item, Message):
        return item.content is None and not tool_calls(item.metadata)
    return is_null(item, field)


def cell(
    item: Session | Message, field: str, options: Options, digits: int, limit: int | None, *, ages: bool = False
) -> TableCell:
    """One value on one line; with a limit, only as many characters of it as can matter. `ages` stand beside times."""
    if is_null(item, field):
        beside = limit is None and (
            options.fields is None or "metadata" in options.fields
        )  # the calls stand there whole
        called = [] if beside or field != "content" else list(tool_calls(item.metadata).values())
        if not called:
            return TableCell(NULL, "dim")
        told = ", ".join(call.line() for calls in called for call in calls)[:limit]
        return TableCell(f"{Palette(options).arrow} {told if options.unicode else ascii_text(told)}", "dim")
    if field == "metadata":
        return TableCell(pairs(item.metadata, limit=limit, without=() if limit is None else _told(item)) or NULL)
    value = item_value(item, field)
    if field.startswith(METADATA_PREFIX):
        return TableCell(scalar(value[:limit] if isinstance(value, str) else value, whole=limit is None))
    if isinstance(value, int):
        if options.width is None:
            return TableCell(iso_time(value, options.timezone))
        old = f" ({age(value, options.now_us)})" if ages else ""
        return TableCell(local_time(value, options.timezone, digits) + old)
    if field in SAID:
        return TableCell(visible(_part(value, limit, options)) or '""', said=True)
    style = ROLE_STYLES.get(value) if field == "role" else None
    return TableCell(visible_id(value[:limit]) or '""', style)


def _part(text: str, limit: int | None, options: Options) -> str:
    """As many characters of a text as can matter: its beginning, or what is round the place that is marked."""
    if limit is None or len(text) <= limit:
        return text
    start, end = (0, 0) if options.marks is None else next(spans(text, options.marks), (0, 0))
    if end < limit:
        return text[:limit]
    return Palette(options).ellipsis + text[max(0, start - limit // 4) :][:limit]


def _told(item: Session | Message) -> tuple[str, ...]:
    """Metadata that need not stand in a narrow cell: the names of JSON columns, and calls that the content shows."""
    is_call = isinstance(item, Message) and item.content is None
    return ("_json", *tool_calls(item.metadata)) if is_call else ("_json",)


def field_entries(item: Session | Message, field: str, options: Options) -> Iterator[tuple[str, TableCell]]:
    """A field's name and value as a record shows them; metadata has an entry for each key."""
    if field == "metadata" and item.metadata:
        for key in item.metadata:
            yield from field_entries(item, METADATA_PREFIX + key, options)
        return
    value = item_value(item, field)
    if options.width is None or is_null(item, field):
        yield visible(field), cell(item, field, options, 6, None)
    elif isinstance(value, int) and not field.startswith(METADATA_PREFIX):
        text = f"{local_time(value, options.timezone)}  ({value}, {age(value, options.now_us)})"
        yield field, TableCell(text)
    elif isinstance(value, str) and value and field in ("content", "search_content"):
        yield field, TableCell(visible(value, keep_newlines=True))
    else:
        yield visible(field), cell(item, field, options, 6, None)
