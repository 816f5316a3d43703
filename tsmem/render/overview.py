"""Several parts of one answer, one beneath the other: facts, small tables, and counts of days as a plot.

The plot is one line: a column a day, or so many days that it fits, as high as its count beside the highest. Blocks
draw it, or signs of ASCII where a terminal has no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import zip_longest

from tsmem.render.cells import wrap
from tsmem.render.grid import Column, TableCell
from tsmem.render.items import NULL
from tsmem.render.options import Options
from tsmem.render.palette import Palette
from tsmem.render.record import wrapped_rows
from tsmem.render.result import Advices, Dashboard, Facts, Moment, Part, Plot, Section, Size
from tsmem.render.text import visible, visible_id
from tsmem.render.values import age, iso_time, local_time, size

BLOCKS, SIGNS = "▁▂▃▄▅▆▇█", ".:-=+*#@"
"""From few to many; none is a space."""
MAX_COLUMNS = 60
"""Of a plot, and fewer on a narrow terminal."""


def overview_lines(overview: Dashboard, options: Options) -> Iterator[str]:
    """The parts in order, with an empty line between them."""
    for place, part in enumerate(overview.parts):
        if place:
            yield ""
        yield from _part_lines(part, options)


def _part_lines(part: Part, options: Options) -> Iterator[str]:
    match part:
        case Facts(rows):
            cells = [(TableCell(visible(name)), _cell(value, options, aged=True)) for name, value in rows]
            yield from wrapped_rows((Column("", "id", "bold"), Column("")), cells, options)
        case Section(title, columns, rows):
            yield from _title(title, options)
            shown = [Column(visible(name), "text" if i else "id") for i, name in enumerate(columns)]
            yield from wrapped_rows(shown, [[_cell(value, options) for value in row] for row in rows], options)
        case Plot():
            yield from _plot_lines(part, options)
        case Advices(items):
            from tsmem.render.advice import advice_lines

            for item, following in zip_longest(items, items[1:]):
                once = following is not None and following.command == item.command  # it stands below the last of them
                yield from advice_lines(item._replace(command=()) if once else item, options)


def _title(text: str, options: Options) -> Iterator[str]:
    palette = Palette(options)
    lines = [visible(text)] if options.width is None else wrap(visible(text), options.width)
    yield from (palette.paint("bold", line) for line in lines)


def _cell(value: object, options: Options, *, aged: bool = False) -> TableCell:
    match value:
        case None:
            return TableCell(NULL, "dim")
        case Moment(time_us) if options.width is None:
            return TableCell(iso_time(time_us, options.timezone))
        case Moment(time_us):
            text = local_time(time_us, options.timezone, 0)
            return TableCell(f"{text}  ({age(time_us, options.now_us)})" if aged else text)
        case Size(length):
            return TableCell(size(length))
        case int():
            return TableCell(f"{value:,}")
        case _:
            return TableCell(visible_id(str(value)) or '""')


def _plot_lines(plot: Plot, options: Options) -> Iterator[str]:
    first, last = plot.days[0][0], plot.days[-1][0]
    if first == last:
        yield from _title(f"{plot.title}: {plot.days[0][1]:,} on {first}, and on no other day", options)
        return
    span = (last - first).days + 1
    days_each = -(-span // min(MAX_COLUMNS, options.width or MAX_COLUMNS))
    counts = _columns(plot.days, first, days_each)
    each = "" if days_each == 1 else f", {days_each} days a column"
    most = f"{max(counts):,} {'a day' if days_each == 1 else 'a column'} at most"
    yield from _title(f"{plot.title}: {first} to {last}{each}, {most}", options)
    levels = BLOCKS if options.unicode else SIGNS
    yield Palette(options).paint("cyan", "".join(_drawn(count, max(counts), levels) for count in counts))


def _columns(days: Sequence[tuple[date, int]], first: date, days_each: int) -> list[int]:
    counts = [0] * ((days[-1][0] - first).days // days_each + 1)
    for day, count in days:
        counts[(day - first).days // days_each] += count
    return counts


def _drawn(count: int, most: int, levels: str) -> str:
    """A column as high as its part of the highest, and not invisible where there is anything."""
    return levels[-(-count * len(levels) // most) - 1] if count else " "
