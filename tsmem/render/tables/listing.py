"""Listings for people: a table with one column for each field and one row for each session or message.

The items are read in batches, so that memory does not grow with the listing. The first batch decides the layout.

In a pipe, every column is there, every value is whole, times are ISO 8601, and each row is one line.

On a terminal, everything fits the width. Columns without values are left out, times have whole seconds and an age, and
an id that all rows share stands above the table. If the terminal is too narrow for that, these go, in this order:

1. ages
2. a wide first key (user_id or session_id), which then stands above each run of rows that share it
3. metadata and search content
4. the first key, if it is not wide
5. the time

After that, ids are shortened, although no command accepts a shortened one, and then columns are hidden from the right.
With --fields, steps 2 to 5 are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from tsmem.render.palette import Palette
from tsmem.render.result import Listing, Noun, Options
from tsmem.render.tables.grid import MAX_ALIGNED, TableCell, natural_widths, plan_widths, table_lines
from tsmem.render.tables.items import TIMES, column_of, field_cell, is_blank
from tsmem.render.text import visible_id
from tsmem.store.documents import FIELDS
from tsmem.store.model import Message, Session

BATCH_ROWS = 1000
BATCH_CHARACTERS = 1_000_000
_MIN_WIDTHS_WITH_AGES = {"text": 40, "extra": 24}
"""Cells that a column of each kind needs before ages are shown. A column with shorter values needs only their width."""
_READABLE_WIDTHS = {"text": 20, "extra": 12}
"""Cells that a column of each kind needs as long as another column can still be left out."""
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
            layout, heading, has_header = _layout_of(listing.noun, items, options), None, False
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
            columns = [column_of(field) for field in layout.fields]
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
    has_ages: bool = False
    grouped_by: str | None = None
    """A field without a column: its value stands above each run of rows that share it."""
    blank: Sequence[str] = ()
    """Fields without a column because no row has a value for them."""
    hidden: tuple[str, ...] = ()
    """Fields without a column because the terminal is too narrow."""

    def shows_all_of(self, items: Sequence[Session | Message]) -> bool:
        return all(is_blank(item, field) for field in self.blank for item in items)

    def row(self, item: Session | Message, options: Options) -> list[TableCell]:
        limit = None if options.width is None else 16 * options.width + 64
        return [field_cell(item, field, options, limit, has_age=self.has_ages) for field in self.fields]

    def without(self, field: str) -> _Layout:
        return self._replace(fields=[each for each in self.fields if each != field])

    def hiding(self, field: str) -> _Layout:
        return self.without(field)._replace(hidden=(*self.hidden, field))

    def grouping(self, field: str) -> _Layout:
        return self.without(field)._replace(grouped_by=field)

    def natural_widths(self, items: Sequence[Session | Message], options: Options, most: int) -> dict[str, int]:
        columns = [column_of(field) for field in self.fields]
        rows = (self.row(item, options) for item in items)
        return dict(zip(self.fields, natural_widths(columns, rows, most), strict=True))

    def fitted(
        self, natural: Mapping[str, int], room: int, min_widths: Mapping[str, int], cut_ids: bool
    ) -> _Layout | None:
        """Return the layout with its widths, or None if a column would be narrower than its kind needs."""
        wanted = [natural[field] for field in self.fields]
        if cut_ids and len(wanted) == 1:
            return self._replace(widths=[min(wanted[0], room)])
        columns = [column_of(field) for field in self.fields]
        widths = plan_widths(wanted, columns, room, cut_ids=cut_ids)
        if widths is None:
            return None
        for width, want, column in zip(widths, wanted, columns, strict=True):
            if width < min(want, min_widths.get(column.kind, 0)):
                return None
        return self._replace(widths=widths)


def _layout_of(noun: Noun, items: Sequence[Session | Message], options: Options) -> _Layout:
    layout, first_key = _Layout(options.fields or FIELDS[noun]), FIELDS[noun][0]
    if options.width is None:
        return layout._replace(widths=[*layout.natural_widths(items, options, MAX_ALIGNED).values()])
    if options.fields is None and items:
        blank = [field for field in layout.fields if all(is_blank(item, field) for item in items)]
        layout = layout._replace(fields=[field for field in layout.fields if field not in blank], blank=blank)
        if len(items) > 1 and len({getattr(item, first_key) for item in items}) == 1:
            layout = layout.grouping(first_key)
    room = max(1, options.width)
    natural = layout.natural_widths(items, options, room + 1)
    times = layout._replace(fields=[field for field in layout.fields if field in TIMES], has_ages=True)
    natural_with_ages = {**natural, **times.natural_widths(items, options, room + 1)}
    is_wide_key = natural.get(first_key, 0) >= _WIDE_KEY
    for candidate, min_widths, cut_ids in _candidates(layout, first_key, options, is_wide_key):
        widths = natural_with_ages if candidate.has_ages else natural
        if (fitted := candidate.fitted(widths, room, min_widths, cut_ids)) is not None:
            return fitted
    raise AssertionError("the last candidate has one column, which always fits")


def _candidates(
    layout: _Layout, first_key: str, options: Options, is_wide_key: bool
) -> Iterator[tuple[_Layout, Mapping[str, int], bool]]:
    """Yield layouts, from the one that shows most to the narrowest, each with the cells that its columns need by kind,
    and True if ids may be shortened."""
    yield layout._replace(has_ages=True), _MIN_WIDTHS_WITH_AGES, False
    layouts = [layout]
    if options.fields is None:
        layouts += _smaller_layouts(layout, first_key, options, is_wide_key)
    for min_widths in (_READABLE_WIDTHS, {}):
        yield from ((each, min_widths, False) for each in layouts)
    layout = layouts[-1]
    if options.fields is None:
        yield from ((layout.hiding(field), {}, False) for field in layout.fields if field in TIMES)
    while layout.fields:
        yield layout, {}, True
        layout = layout.hiding(layout.fields[-1])


def _smaller_layouts(layout: _Layout, first_key: str, options: Options, is_wide_key: bool) -> Iterator[_Layout]:
    extra = ("search_content", "metadata") if options.highlight is None else ("metadata", "search_content")
    for field in (first_key, *extra) if is_wide_key else (*extra, first_key):
        if field in layout.fields:
            layout = layout.grouping(field) if field == first_key else layout.hiding(field)
            yield layout
