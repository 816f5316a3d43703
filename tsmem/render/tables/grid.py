"""Draw rows of cells in columns of planned widths.

Rich draws the table. Cutting, wrapping and measuring are ours, because rich

- cannot cut an id in its middle, nor a text around the match of a search;
- measures Indic vowel signs and joined emoji as narrower than many terminals draw them, so that a stored text could run
  over the edge of the terminal, and its end could pass for a row;
- lets right-to-left text mix with the next column.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.theme import Theme

from tsmem.render.terminal import Palette, fit, fit_middle, space_after, width, wrap

GAP = 2
MAX_ALIGNED = 60
"""Maximum width to which a column is padded in a pipe, in characters."""
_NARROWING_STEPS = (
    ("text", 100), ("extra", 40), ("text", 60), ("extra", 24), ("text", 40), ("extra", 12), ("name", 12), ("text", 20),
    ("extra", 8), ("name", 9), ("text", 8),
)  # fmt: skip
"""The kind of column that is narrowed in each step, and to how many cells. Ids stay whole, because no command accepts a
shortened one."""
_NARROWING_STEPS_WITH_IDS = (*_NARROWING_STEPS, ("id", 10), ("text", 6), ("extra", 6), ("id", 7))
_STYLES = {
    "markdown.code": "cyan",
    "markdown.block_quote": "dim",
    "markdown.item.bullet": "dim",
    "markdown.item.number": "dim",
    "markdown.hr": "dim",
    "markdown.link": "none",
    "markdown.link_url": "none",
    "markdown.table.header": "bold",
    "markdown.table.border": "dim",
}
_ASCII_SIGNS = {"•": "*", "─": "-", "━": "-", "▌": "|"}


class Column(NamedTuple):
    title: str
    kind: Literal["id", "time", "number", "name", "text", "extra"] = "text"
    """Decides how far the column is narrowed and where its values are cut: ids in their middle, others at the end.
    Numbers stand on the right."""
    style: str = ""


class TableCell(NamedTuple):
    """One value, safe to show."""

    text: str
    style: str | None = None
    is_searched: bool = False
    """True for a text in which matches of the search are highlighted."""


def plan_widths(natural: Sequence[int], columns: Sequence[Column], room: int, *, cut_ids: bool) -> list[int] | None:
    """Return a width for each column such that a row fits in `room` cells; None if that is impossible."""
    widths = list(natural)
    excess = sum(widths) + GAP * (len(widths) - 1) - room
    for kind, floor in _NARROWING_STEPS_WITH_IDS if cut_ids else _NARROWING_STEPS:
        while excess > 0:
            wide = [i for i, column in enumerate(columns) if column.kind == kind and widths[i] > floor]
            if not wide:
                break
            widths[max(wide, key=widths.__getitem__)] -= 1
            excess -= 1
    return widths if excess <= 0 else None


def natural_widths(columns: Sequence[Column], rows: Iterable[Sequence[TableCell]], most: int) -> list[int]:
    """Return the width that shows all values and the title of each column, but no more than `most`."""
    widths = [width(column.title) for column in columns]
    for row in rows:
        for i, cell in enumerate(row):
            if widths[i] < most:
                widths[i] = max(widths[i], *(width(line + _direction_blank(line)) for line in cell.text.split("\n")))
    return [min(most, cells) for cells in widths]


def table_lines(
    columns: Sequence[Column],
    rows: Sequence[Sequence[TableCell]],
    widths: Sequence[int],
    palette: Palette,
    *,
    titled: bool = True,
    cuts: bool = False,
) -> Iterator[str]:
    """On a terminal, a value that is wider than its column is wrapped, or cut if `cuts`. In a pipe it stays whole and
    pushes the rest of its row to the right."""
    is_pipe = palette.width is None
    box = SIMPLE_HEAD if titled and not is_pipe else None
    table = Table(box=box, show_header=titled, show_edge=False, padding=0, header_style=None, border_style="dim")
    cells_by_column: list[list[_CellLines]] = []
    for place, (column, cells) in enumerate(zip(columns, widths, strict=True)):
        gap = GAP if place < len(columns) - 1 else 0
        title = _cell_lines(column, TableCell(column.title, "bold"), cells, gap, palette, cuts=True)
        table.add_column(title, width=max(1, cells + gap - (gap > 0 and box is not None)))  # a box has a gap of 1
        cells_by_column.append([_cell_lines(column, row[place], cells, gap, palette, cuts=cuts) for row in rows])
    if (cuts or is_pipe) and rows:  # each row is one line: give rich a single row of many lines, 4 times as fast
        cells_by_column = [[_CellLines(chain.from_iterable(cells))] for cells in cells_by_column]
    for row in zip(*cells_by_column, strict=True):
        table.add_row(*row)
    for line in draw(table, sum(widths) + (GAP + 1) * len(widths)):
        yield paint_line(line, palette)


class _CellLines(list[list[Segment]]):
    """The lines of a cell. Rich sets them beside those of the other cells in the row."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for line in self:
            yield from line
            yield Segment.line()


class _MeasuredSegment(Segment):
    """A segment with our measure of its width instead of rich's."""

    cells = 0

    @property
    def cell_length(self) -> int:
        return self.cells


def _cell_lines(column: Column, cell: TableCell, cells: int, gap: int, palette: Palette, *, cuts: bool) -> _CellLines:
    """A line that is wider than its column is not cut. The blanks between the columns are then added to it."""
    blank = _direction_blank(cell.text) if gap else ""
    room = cells - width(blank)
    texts: Iterable[str] = [cell.text]
    if palette.width is not None:
        texts = [_cut(column, cell, room, palette)] if cuts else wrap(cell.text, room)
    style = column.style if cell.style is None else cell.style
    lines = _CellLines()
    for text in texts:
        if column.kind == "number":
            text = " " * (room - width(text)) + text
        text += blank + " " * (gap if width(text) > room else 0)
        lines.append([])
        for part_style, part in palette.highlighted(style, text) if cell.is_searched else [(style, text)]:
            segment = _MeasuredSegment(part, Style.parse(part_style))
            segment.cells = min(width(part), cells + gap)
            lines[-1].append(segment)
    return lines


def _direction_blank(text: str) -> str:
    """Return the blank that keeps right-to-left text apart from the next column; nothing for other text."""
    return space_after(text, GAP).rstrip(" ")


def _cut(column: Column, cell: TableCell, cells: int, palette: Palette) -> str:
    text, ellipsis = cell.text, palette.ellipsis
    if column.kind == "id":
        return fit_middle(text, cells, ellipsis)
    if cell.is_searched and width(text) > cells and (match := palette.first_match(text)) is not None:
        start, end = match
        if width(text[:end]) > cells - len(ellipsis):
            spare = cells - 2 * len(ellipsis) - width(text[start:end])  # cells left beside the whole match
            begin = max(0, start - min(cells // 4, max(0, spare)))
            begin -= text[max(0, begin - 1) : begin] == "\\"  # not inside an escape
            text = ellipsis + text[begin:]
    return fit(text, cells, ellipsis)


def draw(renderable: RenderableType, room: int) -> Iterable[list[Segment]]:
    console = _console(room)
    return Segment.split_lines(console.render(renderable, console.options))


def paint_line(line: Sequence[Segment], palette: Palette) -> str:
    parts = []
    for text, style, _ in line:
        if not palette.unicode and not text.isascii():
            text = "".join(sign if sign.isascii() else _ASCII_SIGNS.get(sign, "+") for sign in text)
        parts.append(text if style is None or text.isspace() else palette.paint(style, text))
    return "".join(parts).rstrip(" ")


@lru_cache
def _console(room: int) -> Console:
    return Console(
        file=io.StringIO(), width=room, color_system=None, legacy_windows=False, theme=Theme(_STYLES), _environ={}
    )
