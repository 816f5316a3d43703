"""Listings for people: a table with one column for each field and one row for each session or message.

The items are read in batches, so that memory does not grow with the listing. The first batch decides the layout.

In a pipe, every column is there, every value is whole, times are ISO 8601, and each row is one line.

On a terminal, everything fits the width. Columns without values are left out, times have whole seconds and an age, and
an id that all rows share stands above the table. Metadata keys that most rows of the first batch have get columns of
their own, at most 3. Search content that is the title of all its sessions has no column, except in a search. If the
terminal is too narrow for that, these go, in this order:

1. ages; in a list with titles, the times, so that only the ages are left, in a column `age`
2. a wide first key (user_id or session_id), which then stands above each run of rows that share it
3. search content, metadata and the columns of metadata keys
4. the first key, if it is not wide
5. the time

After that, ids are shortened, although no command accepts a shortened one, and then columns are hidden from the right.
With --fields, steps 2 to 5 are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, Literal, NamedTuple, get_args

from tsmem.folding import spans
from tsmem.render.documents import METADATA_PREFIX
from tsmem.render.json_text import call_line
from tsmem.render.result import Listing, Options
from tsmem.render.tables.grid import MAX_ALIGNED, Column, TableCell, natural_widths, plan_widths, table_lines
from tsmem.render.terminal import ROLE_STYLES, Palette
from tsmem.render.text import ascii_text, visible, visible_id
from tsmem.render.values import age, iso_time, local_time, metadata_pairs, metadata_value
from tsmem.store.documents import FIELDS, PREVIEW_FIELDS
from tsmem.store.model import Message, PreviewedSession, Session, title_text
from tsmem.store.tool_calls import CALL_KEYS, tool_calls

NULL = "-"
_HIDDEN_KEYS = ("_json",)
_TIMES = ("update_time", "create_time")
Times = Literal["time", "age", "time and age"]
_COLUMN_KEY = re.compile(r"[\w.-]{1,20}\Z", re.ASCII)
"""A metadata key that can be the title of a column."""
_SEARCHED = ("content", "search_content", "title")
_COLUMNS: dict[str, Column] = {
    "user_id": Column("user_id", "id"),
    "session_id": Column("session_id", "id"),
    "message_id": Column("message_id", "id"),
    "role": Column("role", "name"),
    "update_time": Column("update_time", "time", "dim"),
    "create_time": Column("create_time", "time", "dim"),
    "search_content": Column("search_content", "extra"),
    "metadata": Column("metadata", "extra"),
    "title": Column("title"),
    "messages": Column("messages", "number"),
}
MAX_METADATA_COLUMNS = 3
BATCH_ROWS = 1000
BATCH_CHARACTERS = 1_000_000
_MIN_WIDTHS_WITH_AGES = {"text": 40, "extra": 24}
"""Cells that a column of each kind needs before ages are shown. A column with shorter values needs only their width."""
_READABLE_WIDTHS = {"text": 20, "extra": 12}
"""Cells that a column of each kind needs as long as another column can still be left out."""
_SHORT_WIDTHS = {"text": 12, "extra": 8}
"""Cells that it needs if there is no room for those."""
_WIDE_KEY = 16
"""A first key of this many cells moves above its rows before any other column is left out."""


def listing_lines(listing: Listing, options: Options) -> Iterator[str]:
    """Rows with a value in a column that was left out as blank begin a new table."""
    options = options._replace(highlight=listing.highlight)
    palette, layout, heading, has_header = Palette(options), None, None, False
    for items in _batches(listing.items):
        if layout is None or not layout.shows_all_of(items):
            if layout is not None:
                yield ""
            layout, heading, has_header = _layout_of(listing, items, options), None, False
        field = layout.grouped_by
        groups = groupby(items, (lambda item: None) if field is None else attrgetter(field))
        for value, group in [(value, list(group)) for value, group in groups] or [(None, [])]:
            if value is not None and value != heading:
                if heading is not None:
                    yield ""
                yield from palette.wrapped("bold", f"{field} {visible_id(value)}")
                if not has_header:
                    yield ""
                heading = value
            columns = layout.columns
            rows = [layout.row(item, options) for item in group]
            yield from table_lines(columns, rows, layout.widths, palette, titled=not has_header, cuts=True)
            has_header = True
    if layout is not None and layout.hidden:
        note = f"{', '.join(layout.hidden)} hidden (terminal too narrow); choose columns with --fields"
        yield from palette.wrapped("dim", note)


def _batches(items: Iterable[Session] | Iterable[Message]) -> Iterator[list[Session | Message]]:
    """Yield a single empty list if there are no items. An error is raised after the items before it."""
    batch: list[Session | Message] = []
    characters, is_first = 0, True
    try:
        for item in items:
            batch.append(item)
            texts = (item.search_content, getattr(item, "content", None), *item.metadata.values())
            characters += sum(len(text) for text in texts if isinstance(text, str | bytes))
            if len(batch) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
                yield batch
                batch, characters, is_first = [], 0, False
    except (Exception, KeyboardInterrupt):
        if batch:
            yield batch
        raise
    if batch or is_first:
        yield batch


class _Layout(NamedTuple):
    fields: Sequence[str]
    widths: Sequence[int] = ()
    times: Times = "time"
    grouped_by: str | None = None
    """A field without a column: its value stands above each run of rows that share it."""
    blank: Sequence[str] = ()
    """Fields without a column because no row has a value for them."""
    hidden: tuple[str, ...] = ()
    """Fields without a column because the terminal is too narrow."""
    promoted: tuple[str, ...] = ()
    """Metadata keys that have columns of their own."""
    is_search: bool = False
    """True if a text was searched for."""

    @property
    def columns(self) -> list[Column]:
        return [_column_of(field, self) for field in self.fields]

    def shows_all_of(self, items: Sequence[Session | Message]) -> bool:
        return all(self.is_blank(item, field) for field in self.blank for item in items)

    def is_blank(self, item: Session | Message, field: str) -> bool:
        """Return True if the field's cell would show nothing on a terminal, or only what the title shows."""
        if field == "metadata":
            return item.metadata.keys() <= {*_shown_elsewhere(item), *self.promoted}
        if field == "content" and isinstance(item, Message):
            return item.content is None and not tool_calls(item.metadata)
        if field == "search_content" and isinstance(item, PreviewedSession) and not self.is_search:
            return title_text(item.search_content) in (None, item.title)
        return _value(item, field) is None

    def row(self, item: Session | Message, options: Options) -> list[TableCell]:
        limit = None if options.width is None else 16 * options.width + 64
        return [
            _field_cell(item, field, options, limit, times=self.times, promoted=self.promoted) for field in self.fields
        ]

    def without(self, field: str) -> _Layout:
        return self._replace(fields=[each for each in self.fields if each != field])

    def hiding(self, field: str) -> _Layout:
        return self.without(field)._replace(hidden=(*self.hidden, field))

    def grouping(self, field: str) -> _Layout:
        return self.without(field)._replace(grouped_by=field)

    def natural_widths(self, items: Sequence[Session | Message], options: Options, most: int) -> dict[str, int]:
        rows = (self.row(item, options) for item in items)
        return dict(zip(self.fields, natural_widths(self.columns, rows, most), strict=True))

    def fitted(
        self, natural: Mapping[str, int], room: int, min_widths: Mapping[str, int], cut_ids: bool
    ) -> _Layout | None:
        """Return the layout with its widths, or None if a column would be narrower than its kind needs."""
        wanted = [natural[field] for field in self.fields]
        if cut_ids and len(wanted) == 1:
            return self._replace(widths=[min(wanted[0], room)])
        columns = self.columns
        widths = plan_widths(wanted, columns, room, cut_ids=cut_ids)
        if widths is None:
            return None
        for width, want, column in zip(widths, wanted, columns, strict=True):
            if width < min(want, min_widths.get(column.kind, 0)):
                return None
        return self._replace(widths=widths)


def _layout_of(listing: Listing, items: Sequence[Session | Message], options: Options) -> _Layout:
    layout, first_key = _Layout(options.fields or _fields_of(listing, options)), FIELDS[listing.noun][0]
    if options.width is None:
        return layout._replace(widths=[*layout.natural_widths(items, options, MAX_ALIGNED).values()])
    if options.fields is None and items:
        promoted = _frequent_keys(items, listing.has_previews)
        fields = [*layout.fields]
        fields[fields.index("metadata") : fields.index("metadata")] = [METADATA_PREFIX + key for key in promoted]
        layout = layout._replace(fields=fields, promoted=promoted, is_search=options.highlight is not None)
        blank = [field for field in layout.fields if all(layout.is_blank(item, field) for item in items)]
        layout = layout._replace(fields=[field for field in layout.fields if field not in blank], blank=blank)
        if len(items) > 1 and len({getattr(item, first_key) for item in items}) == 1:
            layout = layout.grouping(first_key)
    room = max(1, options.width)
    natural = layout.natural_widths(items, options, room + 1)
    time_columns = layout._replace(fields=[field for field in layout.fields if field in _TIMES])
    natural_by_times = {
        times: {**natural, **time_columns._replace(times=times).natural_widths(items, options, room + 1)}
        for times in get_args(Times)
    }
    is_wide_key = natural.get(first_key, 0) >= _WIDE_KEY
    narrow = layout._replace(times="age" if listing.has_previews else "time")
    for candidate, min_widths, cut_ids in _candidates(narrow, first_key, options, is_wide_key):
        fitted = candidate.fitted(natural_by_times[candidate.times], room, min_widths, cut_ids)
        if fitted is not None:
            return fitted
    raise AssertionError("the last candidate has one column, which always fits")


def _fields_of(listing: Listing, options: Options) -> Sequence[str]:
    """Return the fields of a listing. On a terminal, title and number of messages stand after the ids."""
    fields = FIELDS[listing.noun]
    if not listing.has_previews:
        return fields
    if options.width is None:
        return (*fields, *PREVIEW_FIELDS)
    return (*fields[:2], *PREVIEW_FIELDS, *fields[2:])


def _frequent_keys(items: Sequence[Session | Message], has_titles: bool) -> tuple[str, ...]:
    """Return the metadata keys that more than half of the items have, the most frequent first."""
    counts = Counter(key for item in items for key in item.metadata)
    excluded = {*_HIDDEN_KEYS, *CALL_KEYS, *(("title",) if has_titles else ())}
    frequent = [key for key, count in counts.most_common() if 2 * count > len(items) and key not in excluded]
    found = [key for key in frequent if _COLUMN_KEY.match(key)]
    return tuple(found[:MAX_METADATA_COLUMNS]) if len(items) > 1 else ()


def _candidates(
    layout: _Layout, first_key: str, options: Options, is_wide_key: bool
) -> Iterator[tuple[_Layout, Mapping[str, int], bool]]:
    """Yield layouts, from the one that shows most to the narrowest, each with the cells that its columns need by kind,
    and True if ids may be shortened."""
    yield layout._replace(times="time and age"), _MIN_WIDTHS_WITH_AGES, False
    layouts = [layout]
    if options.fields is None:
        keys = [METADATA_PREFIX + key for key in reversed(layout.promoted)]
        extra = ("search_content", "metadata", *keys)
        if options.highlight is not None:
            extra = ("metadata", *keys, "search_content")
        for field in (first_key, *extra) if is_wide_key else (*extra, first_key):
            if field in layout.fields:
                layout = layout.grouping(field) if field == first_key else layout.hiding(field)
                layouts.append(layout)
    for min_widths in (_READABLE_WIDTHS, _SHORT_WIDTHS, {}):
        yield from ((each, min_widths, False) for each in layouts)
    if options.fields is None:
        yield from ((layout.hiding(field), {}, False) for field in layout.fields if field in _TIMES)
    while layout.fields:
        yield layout, {}, True
        layout = layout.hiding(layout.fields[-1])


def _column_of(field: str, layout: _Layout) -> Column:
    key = field.removeprefix(METADATA_PREFIX)
    if key != field and key in layout.promoted:
        return Column(visible(key), "extra")
    column = _COLUMNS.get(field) or Column(visible(field))
    return column._replace(title="age") if field in _TIMES and layout.times == "age" else column


def _value(item: Session | Message, field: str) -> Any:
    if field.startswith(METADATA_PREFIX):
        return item.metadata.get(field.removeprefix(METADATA_PREFIX))
    return getattr(item, field) if field != "metadata" else item.metadata or None


def _shown_elsewhere(item: Session | Message) -> tuple[str, ...]:
    """Return the metadata keys that a terminal does not show: `_json`, which names the keys that hold JSON, tool calls
    if they stand in the place of missing content, and the title of a session if it has a column."""
    if isinstance(item, PreviewedSession):
        return (*_HIDDEN_KEYS, "title")
    shows_calls = isinstance(item, Message) and item.content is None
    return (*_HIDDEN_KEYS, *tool_calls(item.metadata)) if shows_calls else _HIDDEN_KEYS


def _field_cell(
    item: Session | Message,
    field: str,
    options: Options,
    limit: int | None,
    *,
    times: Times = "time",
    promoted: Sequence[str] = (),
) -> TableCell:
    """Return the cell of a field, on one line. `limit` is the number of characters of a long text that are formatted:
    more would not fit the terminal."""
    value = _value(item, field)
    if value is None:
        shows_all_metadata = limit is None and (options.fields is None or "metadata" in options.fields)
        calls_by_key = {} if field != "content" or shows_all_metadata else tool_calls(item.metadata)
        if not calls_by_key:
            return TableCell(NULL, "dim")
        text = ", ".join(call_line(call) for calls in calls_by_key.values() for call in calls)[:limit]
        return TableCell(f"{Palette(options).arrow} {text if options.unicode else ascii_text(text)}", "dim")
    if field == "metadata":
        excluded_keys = () if limit is None else (*_shown_elsewhere(item), *promoted)
        return TableCell(metadata_pairs(value, limit=limit, excluded_keys=excluded_keys) or NULL)
    if field.startswith(METADATA_PREFIX):
        return TableCell(metadata_value(value[:limit] if isinstance(value, str) else value, full_bytes=limit is None))
    if field in _TIMES:
        if options.width is None:
            return TableCell(iso_time(value, options.timezone))
        ago = age(value, options.now_us)
        if times == "age":
            return TableCell(ago)
        suffix = f" ({ago})" if times == "time and age" else ""
        return TableCell(local_time(value, options.timezone, whole_seconds=True) + suffix)
    if field == "messages":
        return TableCell(f"{value:,}")
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
    elif options.width is not None and value is not None and field in _TIMES:
        text = f"{local_time(value, options.timezone)}  ({value}, {age(value, options.now_us)})"
        yield field, TableCell(text)
    elif options.width is not None and value and field in _SEARCHED:
        yield field, TableCell(visible(value, keep_newlines=True))
    else:
        yield visible(field), _field_cell(item, field, options, None)
