"""Draw rows in columns: rich draws, in widths that are planned here.

On a terminal every line fits. In a pipe nothing is cut: a value longer than MAX_ALIGNED pushes its row to the right.

Cutting, wrapping and measuring are ours: rich cuts no id in its middle and no text round what was searched for, counts
Indic vowel signs and joined emoji as narrower than many terminals draw them (a stored text could then run over into a
forged row), and does not keep right-to-left text apart from the next column. `drawn` and `painted` also serve Markdown.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.segment import Segment
from rich.table import Table
from rich.theme import Theme

from tsmem.render.cells import fit, fit_middle, space_after, width, wrap
from tsmem.render.palette import Palette, style_of

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType

GAP = 2
MAX_ALIGNED = 60
"""The widest column that is padded in a pipe."""
_CONCESSIONS = (
    ("text", 100), ("aside", 40), ("text", 60), ("aside", 24), ("text", 40), ("aside", 12), ("name", 12), ("text", 20),
    ("aside", 8), ("name", 9), ("text", 8),
)  # fmt: skip
"""The kinds of columns that are narrowed, in turn, and how far. Ids stay whole: no other command takes a cut one."""
_LAST_CONCESSIONS = (*_CONCESSIONS, ("id", 10), ("text", 6), ("aside", 6), ("id", 7))
"""The same where no column can be left out instead."""
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
    kind: Literal["id", "time", "name", "text", "aside"] = "text"
    """The way in which it is narrowed and its values are cut."""
    style: str = ""


class TableCell(NamedTuple):
    """One value, safe to show."""

    text: str
    style: str | None = None
    """Replaces the column's style."""
    searched: bool = False


def plan_widths(natural: Sequence[int], columns: Sequence[Column], room: int, *, cut_ids: bool) -> list[int] | None:
    """Return the width of each column in a line of `room` cells; None if they do not fit."""
    widths = list(natural)
    excess = sum(widths) + GAP * (len(widths) - 1) - room
    for kind, floor in _LAST_CONCESSIONS if cut_ids else _CONCESSIONS:
        while excess > 0:
            wide = [i for i, column in enumerate(columns) if column.kind == kind and widths[i] > floor]
            if not wide:
                break
            widths[max(wide, key=widths.__getitem__)] -= 1
            excess -= 1
    return widths if excess <= 0 else None


def natural_widths(columns: Sequence[Column], rows: Iterable[Sequence[TableCell]], most: int) -> list[int]:
    """Return the width that each column would like, its title included, up to `most`."""
    widths = [width(column.title) for column in columns]
    for row in rows:
        for i, cell in enumerate(row):
            if widths[i] < most:
                widths[i] = max(widths[i], *(width(line + _closing(line)) for line in cell.text.split("\n")))
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
    """Draw rows in columns of these widths. On a terminal there is a rule beneath the titles, and a text that is wider
    than its column is wrapped, or cut if `cuts`. In a pipe it moves the rest of its row."""
    pushes = palette.width is None
    box = SIMPLE_HEAD if titled and not pushes else None
    table = Table(box=box, show_header=titled, show_edge=False, padding=0, header_style=None, border_style="dim")
    drawn_columns: list[list[_Lines]] = []
    for place, (column, cells) in enumerate(zip(columns, widths, strict=True)):
        gap = GAP if place < len(columns) - 1 else 0
        title = _lines(column, TableCell(column.title, "bold"), cells, gap, palette, cuts=True)
        table.add_column(title, width=max(1, cells + gap - (gap > 0 and box is not None)))  # a box has a gap of 1
        drawn_columns.append([_lines(column, row[place], cells, gap, palette, cuts=cuts) for row in rows])
    if (cuts or pushes) and rows:  # rich takes 0.2 ms a row, and 0.05 ms a line of a row
        drawn_columns = [[_Lines(chain.from_iterable(cells))] for cells in drawn_columns]
    for row in zip(*drawn_columns, strict=True):
        table.add_row(*row)
    for line in drawn(table, sum(widths) + (GAP + 1) * len(widths)):
        yield painted(line, palette)


class _Lines(list[list[Segment]]):
    """A cell's lines, for rich to set beside those of other cells."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for line in self:
            yield from line
            yield Segment.line()


class _Measured(Segment):
    cells = 0

    @property
    def cell_length(self) -> int:
        return self.cells


def _lines(column: Column, cell: TableCell, cells: int, gap: int, palette: Palette, *, cuts: bool) -> _Lines:
    """Return what a column of so many cells shows, with a gap behind it."""
    closing = _closing(cell.text) if gap else ""
    room = cells - width(closing)
    texts: Iterable[str] = [cell.text]
    if palette.width is not None:
        texts = [_cut(column, cell, room, palette)] if cuts else wrap(cell.text, room)
    style = column.style if cell.style is None else cell.style
    lines = _Lines()
    for text in texts:
        text += closing + " " * (gap if width(text) > room else 0)
        lines.append([])
        for part_style, part in palette.highlighted(style, text) if cell.searched else [(style, text)]:
            piece = _Measured(part, style_of(part_style))
            piece.cells = min(width(part), cells + gap)
            lines[-1].append(piece)
    return lines


def _closing(text: str) -> str:
    return space_after(text, GAP).rstrip(" ")


def _cut(column: Column, cell: TableCell, cells: int, palette: Palette) -> str:
    """Return a text in so many cells: ids without their middle, the rest without its end, or round the first match."""
    text, ellipsis = cell.text, palette.ellipsis
    if column.kind == "id":
        return fit_middle(text, cells, ellipsis)
    if cell.searched and width(text) > cells and (match := palette.first_match(text)) is not None:
        start, end = match
        if width(text[:end]) > cells - len(ellipsis):
            before = cells - 2 * len(ellipsis) - width(text[start:end])  # the match is shown whole
            begin = max(0, start - min(cells // 4, max(0, before)))
            begin -= text[max(0, begin - 1) : begin] == "\\"  # not inside an escape
            text = ellipsis + text[begin:]
    return fit(text, cells, ellipsis)


def drawn(renderable: RenderableType, room: int) -> Iterator[list[Segment]]:
    """Draw something in `room` cells. Lines have no spaces at their ends."""
    console = _console(room)
    for line in Segment.split_lines(console.render(renderable, console.options)):
        while line:
            last = line.pop()
            if not last.is_control and (text := last.text.rstrip(" ")):
                line.append(Segment(text, last.style))
                break
        yield line


def painted(line: Sequence[Segment], palette: Palette) -> str:
    """Return a drawn line with its colours, in ASCII where the terminal shows no more."""
    parts = []
    for text, style, _ in line:
        if not palette.unicode and not text.isascii():
            text = "".join(sign if sign.isascii() else _ASCII_SIGNS.get(sign, "+") for sign in text)
        parts.append(text if style is None or text.isspace() else palette.paint(style, text))
    return "".join(parts)


@lru_cache
def _console(room: int) -> Console:
    return Console(
        file=io.StringIO(), width=room, color_system=None, legacy_windows=False, theme=Theme(_STYLES), _environ={}
    )
