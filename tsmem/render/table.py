"""Listings for people, a column a field and a row an item.

On a terminal everything fits the width: a column in which all is null is left out, an id that all rows share stands
above the table, and times have as many digits as tell the rows apart. In a pipe every column is there, every value is
whole, times are ISO 8601, and each row is one line. Rows are laid out a batch at a time, so memory does not grow with
the listing; a later batch gets a new header only if the columns chosen before do not show what is in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tsmem.render import grid
from tsmem.render.cells import wrap
from tsmem.render.grid import Cell
from tsmem.render.ink import Ink
from tsmem.render.items import cell, column_of, is_null
from tsmem.render.options import Options
from tsmem.render.result import Listing
from tsmem.render.text import visible
from tsmem.render.values import digits_needed
from tsmem.store.documents import FIELDS
from tsmem.store.model import Message, Session

BATCH_ROWS = 1000
BATCH_CHARACTERS = 1_000_000
_SHARED = {"session": "user_id", "message": "session_id"}
"""The first key column, which is shown once above the table when all rows share it."""
_FIRST_TO_GO = ("search_content", "metadata")


@dataclass(frozen=True, slots=True)
class Layout:
    """What of a batch stands where."""

    fields: tuple[str, ...]
    widths: tuple[int, ...]
    digits: int
    """Of a second, in times."""
    shared: tuple[str, str] | None = None
    """A field left out because every row has this value in it."""
    left_out: frozenset[str] = frozenset()
    """Fields left out because they are null in every row."""
    no_room: tuple[str, ...] = ()
    squeezed: bool = False
    """Whether times have fewer digits than tell them apart, for want of room."""

    def shows(self, items: Sequence[Session | Message]) -> bool:
        """Whether nothing in these items is missing from it."""
        if self.shared is not None and any(getattr(item, self.shared[0]) != self.shared[1] for item in items):
            return False
        if not self.squeezed and digits_needed(_times(items)) > self.digits:
            return False
        return all(is_null(item, field) for field in self.left_out for item in items)


def listing_lines(listing: Listing, options: Options) -> Iterator[str]:
    """A header, then one line an item. When the listing fails, what came before is yielded first."""
    options = options._replace(marks=listing.marks)
    ink, layout = Ink(options), None
    for items in _batches(listing.items, BATCH_ROWS):
        if layout is None or not layout.shows(items):
            if layout is not None:
                yield ""
            layout = _layout(listing, items, options)
            yield from _heading(layout, options, ink)
        columns = [column_of(field) for field in layout.fields]
        for item in items:
            row = _row(item, layout.fields, options, layout.digits)
            cells = grid.cut_row(columns, row, layout.widths if options.width is not None else None, ink)
            yield grid.row_line(columns, cells, layout.widths, ink)
    if layout is None:
        layout = _layout(listing, [], options)
        yield from _heading(layout, options, ink)
    if layout.no_room and options.width is not None:
        note = f"no room for {', '.join(layout.no_room)}: a wider terminal or --fields shows more"
        yield from (ink.paint("dim", line) for line in wrap(note, options.width))


def _heading(layout: Layout, options: Options, ink: Ink) -> Iterator[str]:
    if layout.shared is not None and options.width is not None:
        field, value = layout.shared
        yield from (ink.paint("bold", line) for line in wrap(f"{field} {visible(value)}", options.width))
        yield ""
    columns = [column_of(field) for field in layout.fields]
    yield from grid.header(columns, layout.widths, ink, ruled=options.width is not None)


def _layout(listing: Listing, items: Sequence[Session | Message], options: Options) -> Layout:
    fields = options.fields or FIELDS[listing.noun]
    if options.width is None:
        return Layout(fields, tuple(_natural(fields, items, options, 6, grid.MAX_ALIGNED)), 6)
    digits, squeezed = digits_needed(_times(items)), False
    shared, left_out = None, frozenset[str]()
    if options.fields is None and items:
        shared = _shared(_SHARED[listing.noun], items)
        left_out = frozenset(field for field in fields if all(is_null(item, field) for item in items))
        fields = tuple(f for f in fields if f not in left_out and (shared is None or f != shared[0]))
    natural = dict(zip(fields, _natural(fields, items, options, digits, options.width), strict=True))
    if digits and sum(natural.values()) + grid.GAP * (len(fields) - 1) > options.width:
        squeezed, digits = True, 0  # the order and the ids tell rows apart; what was said needs the room more
        natural = dict(zip(fields, _natural(fields, items, options, digits, options.width), strict=True))
    no_room: list[str] = []
    while True:
        first_to_go = _FIRST_TO_GO if options.marks is None else _FIRST_TO_GO[::-1]
        spare = [field for field in first_to_go if field in fields and options.fields is None]
        if (widths := _planned(fields, natural, options.width, cut_ids=not spare)) is not None:
            break
        gone = spare[0] if spare else fields[-1]
        no_room.append(gone)
        fields = tuple(field for field in fields if field != gone)
    return Layout(fields, tuple(widths), digits, shared, left_out, tuple(no_room), squeezed)


def _planned(fields: Sequence[str], natural: dict[str, int], room: int, *, cut_ids: bool) -> list[int] | None:
    if len(fields) == 1:
        return [min(natural[fields[0]], max(1, room))]
    return grid.plan(
        [natural[field] for field in fields], [column_of(field) for field in fields], room, cut_ids=cut_ids
    )


def _natural(
    fields: Sequence[str], items: Sequence[Session | Message], options: Options, digits: int, most: int
) -> list[int]:
    rows = (_row(item, fields, options, digits) for item in items)
    return grid.natural_widths([column_of(field) for field in fields], rows, most)


def _row(item: Session | Message, fields: Sequence[str], options: Options, digits: int) -> list[Cell]:
    limit = None if options.width is None else 16 * options.width + 64
    return [cell(item, field, options, digits, limit) for field in fields]


def _batches(items: Iterable[Session] | Iterable[Message], most: int) -> Iterator[list[Session | Message]]:
    """Items in lists of at most so many, fewer where they are big; a failure is raised after what came before it."""
    batch: list[Session | Message] = []
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


def _characters(item: Session | Message) -> int:
    texts = (item.search_content, item.content if isinstance(item, Message) else None, *item.metadata.values())
    return sum(len(text) for text in texts if isinstance(text, str | bytes))


def _times(items: Iterable[Session | Message]) -> Iterator[int]:
    for item in items:
        time = item.update_time if isinstance(item, Session) else item.create_time
        if time is not None:
            yield time


def _shared(field: str, items: Sequence[Session | Message]) -> tuple[str, str] | None:
    first = getattr(items[0], field)
    return (field, first) if len(items) > 1 and all(getattr(item, field) == first for item in items) else None
