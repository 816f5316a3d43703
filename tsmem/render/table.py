"""Listings for people, a column a field and a row an item.

On a terminal everything fits the width: `layout` chooses the columns, a column in which all is null is left out, an id
that all rows share stands above the table, and times have their age beside them where there is room, and as many digits
as tell the rows apart. In a pipe every column is there, every value is whole, times are ISO 8601, and each row is one
line. Rows are laid out a batch at a time, so memory does not grow with the listing; a later batch gets a new header
only if the columns chosen before do not show what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from tsmem.render.cells import wrap
from tsmem.render.grid import Overflow, table_lines
from tsmem.render.items import column_of
from tsmem.render.layout import GridLayout, Item, layout_of
from tsmem.render.options import Options
from tsmem.render.palette import Palette
from tsmem.render.result import Listing
from tsmem.render.text import visible_id
from tsmem.store.model import Message, Session

BATCH_ROWS = 1000
BATCH_CHARACTERS = 1_000_000


def listing_lines(listing: Listing, options: Options) -> Iterator[str]:
    """A header, then one line an item. When the listing fails, what came before is yielded first."""
    options = options._replace(marks=listing.marks)
    palette, layout, above = Palette(options), None, None
    for items in _batches(listing.items, BATCH_ROWS):
        if layout is None or not layout.shows(items):
            if layout is not None:
                yield ""
            layout, above = layout_of(listing.noun, items, options), None
            yield from _heading(layout, options, palette)
        field = layout.grouped
        for value, group in groupby(items, (lambda _: None) if field is None else attrgetter(field)):
            if field is not None and value != above:
                if above is not None:
                    yield ""
                above = value
                yield from _above(field, value, options, palette)
            yield from _rows(list(group), layout, options, palette)
    if layout is None:
        layout = layout_of(listing.noun, [], options)
        yield from _heading(layout, options, palette)
    if layout.no_room and options.width is not None:
        note = f"no room for {', '.join(layout.no_room)}: a wider terminal or --fields shows more"
        yield from (palette.paint("dim", line) for line in wrap(note, options.width))


def _heading(layout: GridLayout, options: Options, palette: Palette) -> Iterator[str]:
    """The id that all rows share, and the titles."""
    if layout.shared is not None and options.width is not None:
        yield from _above(*layout.shared, options, palette)
        yield ""
    yield from _rows([], layout, options, palette, titled=True)


def _rows(
    items: Sequence[Item], layout: GridLayout, options: Options, palette: Palette, *, titled: bool = False
) -> Iterator[str]:
    columns = [column_of(field) for field in layout.fields]
    rows = [layout.row(item, options) for item in items]
    overflow: Overflow = "push" if options.width is None else "cut"
    return table_lines(columns, rows, layout.widths, palette, overflow=overflow, titled=titled)


def _above(field: str, value: str, options: Options, palette: Palette) -> Iterator[str]:
    """The value that the rows below have in a field: whole, on as many lines as it needs."""
    yield from (palette.paint("bold", line) for line in wrap(f"{field} {visible_id(value)}", options.width or 80))


def _batches(items: Iterable[Session] | Iterable[Message], most: int) -> Iterator[list[Item]]:
    """Items in lists of at most so many, fewer where they are big; a failure is raised after what came before it."""
    batch: list[Item] = []
    characters = 0
    try:
        for item in items:
            batch.append(item)
            characters += _characters(item)
            if len(batch) >= most or characters >= BATCH_CHARACTERS:
                yield batch
                batch, characters = [], 0
    except (Exception, KeyboardInterrupt):
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _characters(item: Item) -> int:
    texts = (item.search_content, item.content if isinstance(item, Message) else None, *item.metadata.values())
    return sum(len(text) for text in texts if isinstance(text, str | bytes))
