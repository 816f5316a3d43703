"""Listings for people, a column a field and a row an item.

In a pipe every column is there, every value is whole, times are ISO 8601, and each row is one line. On a terminal
everything fits the width: columns without values are left out, an id that all rows share stands above the table, and
times have as many digits as tell the rows apart, and their age. Where room is short these give way, in this order:
ages, digits of seconds, metadata and search content, the first key (which then stands above each run of rows that share
it), and the time. Ids are cut last, because no command takes a cut one. Fields that were asked for stay.

Rows are laid out a batch at a time, so memory does not grow with the listing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from tsmem.render.palette import Palette
from tsmem.render.result import Listing, Noun, Options
from tsmem.render.tables.grid import MAX_ALIGNED, TableCell, natural_widths, plan_widths, table_lines
from tsmem.render.tables.items import TIMES, cell, column_of, is_blank
from tsmem.render.text import visible_id
from tsmem.render.values import digits_needed
from tsmem.store.documents import FIELDS
from tsmem.store.model import Message, Session

BATCH_ROWS = 1000
BATCH_CHARACTERS = 1_000_000
FIRST_KEY: dict[Noun, str] = {"session": "user_id", "message": "session_id"}
_EASE = {"text": 40, "aside": 24}
"""Cells that each kind of column keeps, if it wants them, while there are ages."""
_READABLE = {"text": 20, "aside": 12}
"""The same while another column can go in its place."""
_WIDE = 16
"""A first key of so many cells is better above its rows than beside them, where room is short."""


def listing_lines(listing: Listing, options: Options) -> Iterator[str]:
    """Yield a header, then one line an item. A later batch gets a new header if the layout does not show all of it."""
    options = options._replace(highlight=listing.highlight)
    palette, layout, above = Palette(options), None, None
    for items in _batches(listing.items):
        if layout is None or not layout.shows(items):
            if layout is not None:
                yield ""
            layout, above = _layout_of(listing.noun, items, options), None
            if layout.shared is not None:
                yield from _above(*layout.shared, palette)
                yield ""
            yield from _rows([], layout, options, palette, titled=True)
        field = layout.grouped
        for value, group in groupby(items, (lambda _: None) if field is None else attrgetter(field)):
            if field is not None and value != above:
                if above is not None:
                    yield ""
                above = value
                yield from _above(field, value, palette)
            yield from _rows(list(group), layout, options, palette)
    if layout is not None and layout.no_room:
        note = f"{', '.join(layout.no_room)} hidden (terminal too narrow); choose columns with --fields"
        yield from palette.wrapped("dim", note)


def _above(field: str, value: str, palette: Palette) -> Iterator[str]:
    return palette.wrapped("bold", f"{field} {visible_id(value)}")


def _rows(
    items: Sequence[Session | Message], layout: _Layout, options: Options, palette: Palette, *, titled: bool = False
) -> Iterator[str]:
    columns = [column_of(field) for field in layout.fields]
    rows = [layout.row(item, options) for item in items]
    return table_lines(columns, rows, layout.widths, palette, titled=titled, cuts=True)


def _batches(items: Iterable[Session] | Iterable[Message]) -> Iterator[list[Session | Message]]:
    """Yield items in lists of BATCH_ROWS, or less if they are big; one empty list if there is no item. Raise a failure
    after the items before it."""
    batch: list[Session | Message] = []
    characters, empty = 0, True
    try:
        for item in items:
            batch.append(item)
            texts = (item.search_content, getattr(item, "content", None), *item.metadata.values())
            characters += sum(len(text) for text in texts if isinstance(text, str | bytes))
            if len(batch) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
                yield batch
                batch, characters, empty = [], 0, False
    except (Exception, KeyboardInterrupt):
        if batch:
            yield batch
        raise
    if batch or empty:
        yield batch


class _Layout(NamedTuple):
    """The columns of a batch, and how they are shown."""

    fields: Sequence[str]
    widths: Sequence[int] = ()
    digits: int = 6
    ages: bool = False
    shared: tuple[str, str] | None = None
    """A field that is left out because every row has this value in it."""
    grouped: str | None = None
    """A field that stands above each run of rows that have one value in it."""
    blank: Sequence[str] = ()
    """Fields left out because no row has anything to show in them."""
    no_room: tuple[str, ...] = ()
    squeezed: bool = False
    """True if times have fewer digits than tell them apart, for want of room."""

    def shows(self, items: Sequence[Session | Message]) -> bool:
        """Return True if no value in these items is missing from the table."""
        if self.shared is not None and any(getattr(item, self.shared[0]) != self.shared[1] for item in items):
            return False
        if not self.squeezed and digits_needed(_times(items)) > self.digits:
            return False
        return all(is_blank(item, field) for field in self.blank for item in items)

    def row(self, item: Session | Message, options: Options) -> list[TableCell]:
        limit = None if options.width is None else 16 * options.width + 64
        return [cell(item, field, options, self.digits, limit, ages=self.ages) for field in self.fields]

    def without(self, field: str) -> _Layout:
        fields = [each for each in self.fields if each != field]
        return self._replace(fields=fields, no_room=(*self.no_room, field))

    def grouped_by(self, field: str) -> _Layout:
        return self._replace(fields=[each for each in self.fields if each != field], grouped=field)


def _times(items: Iterable[Session | Message]) -> Iterator[int]:
    for item in items:
        time = item.update_time if isinstance(item, Session) else item.create_time
        if time is not None:
            yield time


def _layout_of(noun: Noun, items: Sequence[Session | Message], options: Options) -> _Layout:
    """Return the layout that fits and shows most of these items."""
    fields, first = options.fields or FIELDS[noun], FIRST_KEY[noun]
    if options.width is None:
        layout = _Layout(fields)
        rows = [layout.row(item, options) for item in items]
        return layout._replace(widths=natural_widths([column_of(field) for field in fields], rows, MAX_ALIGNED))
    layout = _Layout(fields, digits=digits_needed(_times(items)))
    if options.fields is None and items:
        value = getattr(items[0], first)
        shared = len(items) > 1 and all(getattr(item, first) == value for item in items)
        blank = [field for field in fields if all(is_blank(item, field) for item in items)]
        shown = [field for field in fields if field not in blank and not (shared and field == first)]
        layout = layout._replace(fields=shown, shared=(first, value) if shared else None, blank=blank)
    fitting = _Fitting(items, options, options.width)
    fitted = (fitting.fitted(*candidate) for candidate in fitting.candidates(layout, first))
    return next(found for found in fitted if found is not None)


class _Fitting:
    """Looks for a layout of these items on a terminal."""

    def __init__(self, items: Sequence[Session | Message], options: Options, room: int) -> None:
        self._items = items
        self._options = options
        self._room = max(1, room)
        self._most = room + 1
        """The widest that is measured: it fits in no layout."""
        self._known: dict[tuple[object, ...], int] = {}

    def _wanted(self, layout: _Layout, field: str) -> int:
        key = (field, layout.digits, layout.ages) if field in TIMES else (field,)
        if key not in self._known:
            alone = layout._replace(fields=(field,))
            rows = (alone.row(item, self._options) for item in self._items)
            self._known[key] = natural_widths([column_of(field)], rows, self._most)[0]
        return self._known[key]

    def candidates(self, layout: _Layout, first: str) -> Iterator[tuple[_Layout, dict[str, int], bool]]:
        """Yield layouts, those that show most first, with the cells that their columns must keep, and True where ids
        may be cut."""
        aged, whole = layout._replace(ages=True), dict.fromkeys(("text", "aside", "name"), self._most)
        squeezed = layout.digits > 0
        for least in ({**_EASE, "aside": self._most}, _EASE):  # digits go before metadata is cut, and before ages do
            yield aged, least, False
            yield aged._replace(digits=0, squeezed=squeezed), least, False
        yield layout, whole, False
        smaller = [layout := layout._replace(digits=0, squeezed=squeezed)]
        if self._options.fields is None:
            smaller.extend(self._smaller(layout, first))
        for least in (_READABLE, {}):
            for layout in smaller:
                yield layout, least, False
        if self._options.fields is None:
            for field in layout.fields:
                if field in TIMES:
                    yield layout.without(field), {}, False
        while True:
            yield layout, {}, True
            layout = layout.without(layout.fields[-1])

    def _smaller(self, layout: _Layout, first: str) -> Iterator[_Layout]:
        """Yield layouts with less in a row. A wide first key goes above its rows before anything is left out, another
        one after that."""
        if first in layout.fields and self._wanted(layout, first) >= _WIDE:
            yield (layout := layout.grouped_by(first))
        searching = self._options.highlight is not None
        for field in ("metadata", "search_content") if searching else ("search_content", "metadata"):
            if field in layout.fields:
                yield (layout := layout.without(field))
        if first in layout.fields:
            yield layout.grouped_by(first)

    def fitted(self, layout: _Layout, least: dict[str, int], cut_ids: bool) -> _Layout | None:
        """Return the layout with its widths; None if a column would be narrower than it must be."""
        natural = [self._wanted(layout, field) for field in layout.fields]
        columns = [column_of(field) for field in layout.fields]
        if len(natural) == 1 and (cut_ids or columns[0].kind != "id"):
            return layout._replace(widths=[min(natural[0], self._room)])
        widths = plan_widths(natural, columns, self._room, cut_ids=cut_ids)
        floors = [min(want, least.get(column.kind, 0)) for want, column in zip(natural, columns, strict=True)]
        if widths is None or any(have < floor for have, floor in zip(widths, floors, strict=True)):
            return None
        return layout._replace(widths=widths)
