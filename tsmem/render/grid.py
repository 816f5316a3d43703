"""Columns laid out in the width there is. What can give way gives way first: what is said aside, free text, then ids;
never a time.

On a terminal every line fits. In a pipe nothing is cut: columns are aligned while their values are of common length,
and a longer value pushes its row to the right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

from tsmem.render.cells import fit, fit_middle, space_after, width, wrap
from tsmem.render.palette import Palette

GAP = 2
MAX_ALIGNED = 60
"""The widest column that is padded in a pipe."""
_CONCESSIONS = (
    ("text", 100), ("aside", 40), ("text", 60), ("aside", 24), ("text", 40), ("aside", 12), ("name", 12), ("text", 20),
    ("aside", 8), ("name", 9), ("text", 8),
)  # fmt: skip
"""What is narrowed, in turn, and how far, while ids are left whole: a cut id can be given to no other command."""
_LAST_CONCESSIONS = (*_CONCESSIONS, ("id", 10), ("text", 6), ("aside", 6), ("id", 7))
"""What is narrowed when nothing is left that could go instead."""


@dataclass(frozen=True, slots=True)
class Column:
    """How a column is headed, and how it gives way."""

    title: str
    kind: Literal["id", "time", "name", "text", "aside"] = "text"
    style: str = ""


@dataclass(frozen=True, slots=True)
class TableCell:
    """One value, safe to show."""

    text: str
    style: str | None = None
    """Instead of the column's."""
    said: bool = False
    """Whether it is a text in which is marked what was searched for."""


def plan_widths(natural: Sequence[int], columns: Sequence[Column], room: int, *, cut_ids: bool) -> list[int] | None:
    """The width of each column in a line of `room` cells; None when so many do not fit, however narrow."""
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
    """The width that each column would like, its title included, up to `most`."""
    widths = [width(column.title) for column in columns]
    for row in rows:
        for i, cell in enumerate(row):
            if widths[i] < most:
                widths[i] = max(widths[i], max(map(width, cell.text.split("\n"))))
    return [min(most, cells) for cells in widths]


def header(columns: Sequence[Column], widths: Sequence[int], ink: Palette, *, ruled: bool) -> Iterator[str]:
    """The titles, and a rule beneath them on a terminal."""
    titles = [fit(c.title, w, ink.ellipsis) if ruled else c.title for c, w in zip(columns, widths, strict=True)]
    yield _joined([ink.paint("bold", title) for title in titles], titles, widths)
    if ruled:
        yield ink.paint("dim", (" " * GAP).join(ink.rule * cells for cells in widths))


def cut_row(
    columns: Sequence[Column], row: Sequence[TableCell], widths: Sequence[int] | None, ink: Palette
) -> list[TableCell]:
    """The row's cells, each cut to its column: ids in the middle, the rest at the end, texts round what is marked."""
    if widths is None:
        return list(row)
    return [
        TableCell(_cut(column, cell, cells, ink), cell.style, cell.said)
        for column, cell, cells in zip(columns, row, widths, strict=True)
    ]


def _cut(column: Column, cell: TableCell, cells: int, ink: Palette) -> str:
    if column.kind == "id":
        return fit_middle(cell.text, cells, ink.ellipsis)
    text = cell.text
    if cell.said and width(text) > cells and (place := ink.marked(text)) is not None:
        start, end = place
        if width(text[:end]) > cells - len(ink.ellipsis):
            lead = cells - 2 * len(ink.ellipsis) - width(text[start:end])  # what was searched for is shown whole
            begin = max(0, start - min(cells // 4, max(0, lead)))
            begin -= text[max(0, begin - 1) : begin] == "\\"  # not inside an escape
            text = ink.ellipsis + text[begin:]
    return fit(text, cells, ink.ellipsis)


def row_line(columns: Sequence[Column], row: Sequence[TableCell], widths: Sequence[int], ink: Palette) -> str:
    """One row on one line."""
    painted = [
        (ink.paint_marked if cell.said else ink.paint)(column.style if cell.style is None else cell.style, cell.text)
        for column, cell in zip(columns, row, strict=True)
    ]
    return _joined(painted, [cell.text for cell in row], widths)


def wrapped_row(
    columns: Sequence[Column], row: Sequence[TableCell], widths: Sequence[int], ink: Palette
) -> Iterator[str]:
    """One row on as many lines as its longest cell needs; only a row's first line begins at the left edge."""
    lines = (wrap(cell.text, cells) for cell, cells in zip(row, widths, strict=True))
    for parts in zip_longest(*lines, fillvalue=""):
        yield row_line(
            columns, [TableCell(text, cell.style) for text, cell in zip(parts, row, strict=True)], widths, ink
        )


def _joined(painted: Sequence[str], texts: Sequence[str], widths: Sequence[int]) -> str:
    line = ""
    for paint, text, cells in zip(painted[:-1], texts, widths, strict=False):
        line += paint + space_after(text, max(0, cells - width(text)) + GAP)
    return (line + painted[-1]).rstrip(" ")
