"""Which columns a table has on a terminal, and how wide they are: chosen by what the rows hold.

Before an id is cut, for a cut id can be given to no other command, everything else gives way: ages, digits of seconds,
metadata and search content, the first key column (which then stands above each run of rows that share it), and the
time. Only fields that were asked for by name are never left out for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tsmem.render import grid
from tsmem.render.grid import TableCell
from tsmem.render.items import cell, column_of, is_blank
from tsmem.render.options import Options
from tsmem.render.result import Noun
from tsmem.render.values import digits_needed
from tsmem.store.documents import FIELDS
from tsmem.store.model import Message, Session

Item = Session | Message
FIRST_KEY: dict[Noun, str] = {"session": "user_id", "message": "session_id"}
"""The first key column, which stands once above the rows that share it."""
TIMES = ("update_time", "create_time")
_FIRST_TO_GO = ("search_content", "metadata")
_EASE = {"text": 40, "aside": 24}
"""Cells that a column keeps, if it wants them, while there are ages."""
_READABLE = {"text": 20, "aside": 12}
"""Cells that it keeps while another column can go in its place."""
_WIDE = 16
"""A first key of so many cells is better above its rows than beside them, where room is short."""


class GridLayout(NamedTuple):
    """What of a batch stands where."""

    fields: tuple[str, ...]
    widths: tuple[int, ...] = ()
    digits: int = 6
    """Of a second, in times."""
    ages: bool = False
    """Whether times have their age beside them."""
    shared: tuple[str, str] | None = None
    """A field left out because every row has this value in it."""
    grouped: str | None = None
    """A field that stands above each run of rows that have one value in it."""
    left_out: frozenset[str] = frozenset()
    """Fields left out because no row has anything to show in them."""
    no_room: tuple[str, ...] = ()
    squeezed: bool = False
    """Whether times have fewer digits than tell them apart, for want of room."""

    def shows(self, items: Sequence[Item]) -> bool:
        """Whether nothing in these items is missing from it."""
        if self.shared is not None and any(getattr(item, self.shared[0]) != self.shared[1] for item in items):
            return False
        if not self.squeezed and digits_needed(_times(items)) > self.digits:
            return False
        return all(is_blank(item, field) for field in self.left_out for item in items)

    def row(self, item: Item, options: Options) -> list[TableCell]:
        """An item's cells."""
        limit = None if options.width is None else 16 * options.width + 64
        return [cell(item, field, options, self.digits, limit, ages=self.ages) for field in self.fields]

    def without(self, field: str) -> GridLayout:
        """For want of room."""
        fields = tuple(each for each in self.fields if each != field)
        return self._replace(fields=fields, no_room=(*self.no_room, field))


def layout_of(noun: Noun, items: Sequence[Item], options: Options) -> GridLayout:
    """How these items are laid out."""
    fields = options.fields or FIELDS[noun]
    if options.width is None:
        layout = GridLayout(fields)
        return layout._replace(widths=tuple(_Fitting(items, options, grid.MAX_ALIGNED).natural(layout)))
    layout = GridLayout(fields, digits=digits_needed(_times(items)))
    if options.fields is None and items:
        shared = _shared(FIRST_KEY[noun], items)
        left_out = frozenset(field for field in fields if all(is_blank(item, field) for item in items))
        gone = left_out | ({shared[0]} if shared is not None else set())
        layout = layout._replace(fields=tuple(f for f in fields if f not in gone), shared=shared, left_out=left_out)
    fitting = _Fitting(items, options, options.width + 1)  # what is wider than the terminal fits in no layout
    return fitting.at_ease(layout) or fitting.in_need(layout, noun)


class _Fitting:
    """Looks for the layout that shows most of these items."""

    def __init__(self, items: Sequence[Item], options: Options, most: int) -> None:
        self._items = items
        self._options = options
        self._most = most
        self._known: dict[tuple[object, ...], int] = {}

    def natural(self, layout: GridLayout) -> list[int]:
        """The width that each column would like."""
        return [self._wanted(layout, field) for field in layout.fields]

    def _wanted(self, layout: GridLayout, field: str) -> int:
        key = (field, layout.digits, layout.ages) if field in TIMES else (field,)
        if key not in self._known:
            alone = layout._replace(fields=(field,))
            rows = (alone.row(item, self._options) for item in self._items)
            self._known[key] = grid.natural_widths([column_of(field)], rows, self._most)[0]
        return self._known[key]

    def at_ease(self, layout: GridLayout) -> GridLayout | None:
        """With all there is, and every column as wide as can be wished for: with ages, else with all digits. Digits go
        before metadata is cut, and before ages do."""
        aged = layout._replace(ages=True)
        wishes = (aged, aged._replace(digits=0, squeezed=layout.digits > 0))
        for least in ({**_EASE, "aside": self._most}, _EASE):
            for wish in wishes:
                if (found := self._planned(wish, least)) is not None:
                    return found
        return self._planned(layout, dict.fromkeys(("text", "aside", "name"), self._most))

    def in_need(self, layout: GridLayout, noun: Noun) -> GridLayout:
        """Without what can go, in turn, until the rest can be read; then without what must."""
        layout = layout._replace(digits=0, squeezed=layout.digits > 0)
        chosen = self._options.fields is not None
        steps = [layout] if chosen else list(self._smaller(layout, FIRST_KEY[noun]))
        for least in (_READABLE, {}):
            for step in steps:
                if (found := self._planned(step, least)) is not None:
                    return found
        for step in () if chosen else [s.without(f) for s in steps[-1:] for f in s.fields if f in TIMES]:
            if (found := self._planned(step, {})) is not None:
                return found
        return self._cut(steps[-1])

    def _smaller(self, layout: GridLayout, first: str) -> Iterator[GridLayout]:
        """Layouts with less in a row: a first key goes above before anything is left out if it is wide, else after."""
        yield layout
        wide = first in layout.fields and self._wanted(layout, first) >= _WIDE
        if wide:
            yield (layout := _grouped(layout, first))
        for field in _FIRST_TO_GO if self._options.marks is None else _FIRST_TO_GO[::-1]:
            if field in layout.fields:
                yield (layout := layout.without(field))
        if first in layout.fields:
            yield _grouped(layout, first)

    def _cut(self, layout: GridLayout) -> GridLayout:
        """With ids cut too, and at last without the last columns."""
        while (found := self._planned(layout, {}, cut_ids=True)) is None:
            layout = layout.without(layout.fields[-1])
        return found

    def _planned(self, layout: GridLayout, least: dict[str, int], *, cut_ids: bool = False) -> GridLayout | None:
        natural, columns = self.natural(layout), [column_of(field) for field in layout.fields]
        room = max(1, self._options.width or 0)
        if len(natural) == 1 and (cut_ids or columns[0].kind != "id"):
            return layout._replace(widths=(min(natural[0], room),))
        widths = grid.plan_widths(natural, columns, room, cut_ids=cut_ids)
        if widths is None or any(
            have < min(want, least.get(column.kind, 0))
            for have, want, column in zip(widths, natural, columns, strict=True)
        ):
            return None
        return layout._replace(widths=tuple(widths))


def _grouped(layout: GridLayout, first: str) -> GridLayout:
    return layout._replace(fields=tuple(field for field in layout.fields if field != first), grouped=first)


def _times(items: Iterable[Item]) -> Iterator[int]:
    for item in items:
        time = item.update_time if isinstance(item, Session) else item.create_time
        if time is not None:
            yield time


def _shared(field: str, items: Sequence[Item]) -> tuple[str, str] | None:
    first = getattr(items[0], field)
    return (field, first) if len(items) > 1 and all(getattr(item, field) == first for item in items) else None
