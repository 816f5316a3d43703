"""A single session or message, or a report, for people: names at the left edge and values beside them.

On a terminal, values are wrapped and not cut. A command is broken only between its words, so that it can be copied. If
one of its words is longer than a line, the command is not shown: broken inside that word it would be another command,
and hostile text could choose which one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from tsmem.render.result import (
    Advice,
    AdviceList,
    Differences,
    Facts,
    Moment,
    Options,
    Part,
    Plot,
    Report,
    Section,
    Size,
    Values,
    noun_of,
)
from tsmem.render.tables import grid
from tsmem.render.tables.grid import GAP, Column, TableCell
from tsmem.render.tables.listing import NULL, field_entries
from tsmem.render.terminal import TOO_LONG, Palette, broken_command, fit, wrap
from tsmem.render.text import visible, visible_id
from tsmem.render.values import age, iso_time, local_time, metadata_value, size
from tsmem.rows import Value
from tsmem.store.documents import FIELDS, encode_json
from tsmem.store.model import Message, Session

BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", ".:-=+*#@"
MAX_PLOT_COLUMNS = 60
_NAMES_AND_VALUES = (Column("", "id", "bold"), Column(""))
_INDENT = "    "
_SEVERITY_WIDTH = 7
_ADVICE_STYLES = {"ok": "green", "mended": "green", "note": "dim", "warning": "bold yellow", "error": "bold red"}


def report_lines(result: Session | Message | Report, options: Options) -> Iterator[str]:
    if isinstance(result, Session | Message):
        entries = [
            (TableCell(visible(name)), cell)
            for field in options.fields or FIELDS[noun_of(result)]
            for name, cell in field_entries(result, field, options)
        ]
        yield from _table(_NAMES_AND_VALUES, entries, options)
    elif result.parts:
        for place, part in enumerate(result.parts):
            if place:
                yield ""
            yield from _part_lines(part, options)
    elif result.columns:
        rows = [[_json_cell(value) for value in row] for row in result.rows]
        yield from _table(_columns(result.columns), rows, options)
    else:
        entries = [(TableCell(visible(name)), _json_cell(value)) for name, value in result.document.items()]
        yield from _table(_NAMES_AND_VALUES, entries, options)


def _part_lines(part: Part, options: Options) -> Iterator[str]:
    match part:
        case Facts(rows):
            entries = [(TableCell(visible(name)), _fact_cell(value, options, with_age=True)) for name, value in rows]
            yield from _table(_NAMES_AND_VALUES, entries, options)
        case Section(title, columns, rows, one_line):
            if title:
                yield from _title(title, options)
            cells = [[_fact_cell(value, options) for value in row] for row in rows]
            yield from _table(_columns(columns), cells, options, cuts=one_line)
        case Plot():
            yield from _plot_lines(part, options)
        case Differences():
            from tsmem.render.differences import difference_lines

            yield from difference_lines(part, options)
        case AdviceList(items):
            for item, following in zip_longest(items, items[1:]):
                # If consecutive items have the same command, only the last one shows it.
                if following is not None and following.command == item.command:
                    item = item._replace(command=())
                yield from _advice_lines(item, options)


def _title(text: str, options: Options) -> Iterator[str]:
    return Palette(options).wrapped("bold", visible(text))


def _columns(titles: Sequence[str]) -> list[Column]:
    return [Column(visible(title), "text" if i else "id") for i, title in enumerate(titles)]


def _json_cell(value: object) -> TableCell:
    if value is None:
        return TableCell(NULL, "dim")
    return TableCell(visible(value) if isinstance(value, str) else visible(encode_json(value)))


def _fact_cell(value: object, options: Options, *, with_age: bool = False) -> TableCell:
    match value:
        case None:
            return TableCell(NULL, "dim")
        case Moment(time_us) if options.width is None:
            return TableCell(iso_time(time_us, options.timezone))
        case Moment(time_us):
            text = local_time(time_us, options.timezone, whole_seconds=True)
            return TableCell(f"{text}  ({age(time_us, options.now_us)})" if with_age else text)
        case Size(length):
            return TableCell(size(length))
        case Values(values):
            return TableCell(", ".join(_stored_value(each, options) for each in values) or NULL)
        case int():
            return TableCell(f"{value:,}")
        case _:
            return TableCell(visible_id(str(value)) or '""')


def _stored_value(value: Value | Moment, options: Options) -> str:
    if isinstance(value, Moment):
        return _fact_cell(value, options).text
    return metadata_value(value, full_bytes=False, quote_spaces=True)


def _table(
    columns: Sequence[Column], rows: Sequence[Sequence[TableCell]], options: Options, *, cuts: bool = False
) -> Iterator[str]:
    """Yield a table. The first column must stay whole. If it does not fit beside the other columns, they are drawn
    beneath it, indented. A name that is longer than a line continues indented too, so that no part of it looks like a
    row."""
    palette = Palette(options)
    titled = any(column.title for column in columns)
    natural = grid.natural_widths(columns, rows, grid.MAX_ALIGNED if options.width is None else options.width)
    widths = natural if options.width is None else _fitted(natural, columns, options.width)
    if options.width is None or not titled or widths[0] >= natural[0] or len(columns) == 1:
        yield from grid.table_lines(columns, rows, widths, palette, titled=titled, cuts=cuts)
        return
    room = max(1, options.width - len(_INDENT))
    rest = columns[1:]
    widths = _fitted(grid.natural_widths(rest, [row[1:] for row in rows], room), rest, room)
    yield palette.paint("bold", fit(columns[0].title, room, palette.ellipsis))
    yield from (_INDENT + line for line in grid.table_lines(rest, [], widths, palette))
    for first, *others in rows:
        style = columns[0].style if first.style is None else first.style
        for place, line in enumerate(wrap(first.text, room)):
            yield (_INDENT if place else "") + palette.paint(style, line)
        lines = grid.table_lines(rest, [others], widths, palette, titled=False, cuts=cuts)
        yield from (_INDENT + line for line in lines)


def _fitted(natural: Sequence[int], columns: Sequence[Column], room: int) -> list[int]:
    """Return widths that fit in `room` cells. The names of facts, a column without a title, get up to a third of it."""
    widths = list(natural)
    if not columns[0].title:
        widths[0] = min(widths[0], max(12, room // 3))
    equal = max(1, (room + GAP) // len(columns) - GAP)
    return grid.plan_widths(widths, columns, room, cut_ids=True) or [equal] * len(columns)


def _plot_lines(plot: Plot, options: Options) -> Iterator[str]:
    first, last = plot.days[0][0], plot.days[-1][0]
    if first == last:
        yield from _title(f"{plot.title}: {plot.days[0][1]:,} on {first}, and on no other day", options)
        return
    span = (last - first).days + 1
    days_each = -(-span // min(MAX_PLOT_COLUMNS, options.width or MAX_PLOT_COLUMNS))
    counts = [0] * ((span - 1) // days_each + 1)
    for day, count in plot.days:
        counts[(day - first).days // days_each] += count
    highest = max(counts)
    each = "" if days_each == 1 else f", {days_each} days a column"
    most = f"{highest:,} {'a day' if days_each == 1 else 'a column'} at most"
    yield from _title(f"{plot.title}: {first} to {last}{each}, {most}", options)
    levels = BLOCKS if options.unicode else ASCII_BLOCKS
    # Levels are rounded up, so that the smallest count can be seen.
    columns = [levels[-(-count * len(levels) // highest) - 1] if count else " " for count in counts]
    yield Palette(options).paint("cyan", "".join(columns))


def _advice_lines(advice: Advice, options: Options) -> Iterator[str]:
    room = None if options.width is None else max(8, options.width - _SEVERITY_WIDTH - GAP)
    severity = visible(advice.severity)
    rows = [(TableCell(severity, _ADVICE_STYLES.get(severity)), TableCell(visible(advice.sentence)))]
    if advice.command:
        command = broken_command([visible(word) for word in advice.command], room)
        rows.append((TableCell(""), TableCell(TOO_LONG) if command is None else TableCell(command, "cyan")))
    widths = (_SEVERITY_WIDTH, room or grid.MAX_ALIGNED)
    return grid.table_lines((Column(""), Column("")), rows, widths, Palette(options), titled=False)
