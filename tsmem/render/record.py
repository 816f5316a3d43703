"""One record, or a report of facts: names at the left edge, values beside them, wrapped rather than cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tsmem.render import grid
from tsmem.render.cells import fit, wrap
from tsmem.render.grid import Column, TableCell
from tsmem.render.items import NULL, field_entries
from tsmem.render.options import Options
from tsmem.render.palette import Palette
from tsmem.render.result import Report, SingleItem
from tsmem.render.text import visible
from tsmem.store.documents import FIELDS, dumps
from tsmem.store.model import Session

_BENEATH = "    "
"""What stands before lines that go on below the left edge."""


def record_lines(record: SingleItem, options: Options) -> Iterator[str]:
    """One line or more a field: names at the left edge, and nothing else there."""
    fields = options.fields or FIELDS["session" if isinstance(record.item, Session) else "message"]
    rows = [
        (TableCell(visible(name)), cell)
        for field in fields
        for name, cell in field_entries(record.item, field, options)
    ]
    return wrapped_rows((Column("", "id", "bold"), Column("")), rows, options)


def report_lines(report: Report, options: Options) -> Iterator[str]:
    """The report's rows under their titles, wrapped rather than cut; without columns its document, a line a key."""
    if not report.columns:
        entries = [(TableCell(visible(name)), _fact(value)) for name, value in report.document.items()]
        return wrapped_rows((Column("", "id", "bold"), Column("")), entries, options)
    columns = [Column(visible(title), "text" if i else "id") for i, title in enumerate(report.columns)]
    return wrapped_rows(columns, [[_fact(value) for value in row] for row in report.rows], options)


def wrapped_rows(columns: Sequence[Column], rows: Sequence[Sequence[TableCell]], options: Options) -> Iterator[str]:
    """Rows under their titles, where they have some, each on as many lines as it needs on a terminal, else on one."""
    palette = Palette(options)
    natural = grid.natural_widths(columns, rows, options.width or grid.MAX_ALIGNED)
    widths = natural if options.width is None else _fitted(natural, columns, options.width)
    titled = any(column.title for column in columns)
    if titled and widths[0] < natural[0] and len(columns) > 1:
        yield from _stacked(columns, rows, options)
        return
    overflow: grid.Overflow = "push" if options.width is None else "wrap"
    yield from grid.table_lines(columns, rows, widths, palette, overflow=overflow, titled=titled)


def _fitted(natural: Sequence[int], columns: Sequence[Column], width: int) -> list[int]:
    """The widths of columns on a terminal."""
    room = max(1, (width + grid.GAP) // len(columns) - grid.GAP)
    widths = list(natural)
    if not columns[0].title:
        widths[0] = min(widths[0], max(12, width // 3))
    return grid.plan_widths(widths, columns, width, cut_ids=True) or [room] * len(columns)


def _stacked(columns: Sequence[Column], rows: Sequence[Sequence[TableCell]], options: Options) -> Iterator[str]:
    """The first column on lines of its own, and the others beneath: what names a row stays whole, and where it is
    longer than a line, no part of it but the first begins at the left edge, where it would look like another row."""
    palette, room = Palette(options), max(1, (options.width or grid.MAX_ALIGNED) - len(_BENEATH))
    rest = columns[1:]
    widths = _fitted(grid.natural_widths(rest, [row[1:] for row in rows], room), rest, room)
    yield palette.paint("bold", fit(columns[0].title, room, palette.ellipsis))
    yield from (_BENEATH + line for line in grid.table_lines(rest, [], widths, palette, overflow="wrap"))
    for first, *others in rows:
        style = columns[0].style if first.style is None else first.style
        for place, line in enumerate(wrap(first.text, room)):
            yield (_BENEATH if place else "") + palette.paint(style, line)
        lines = grid.table_lines(rest, [others], widths, palette, overflow="wrap", titled=False)
        yield from (_BENEATH + line for line in lines)


def _fact(value: object) -> TableCell:
    if value is None:
        return TableCell(NULL, "dim")
    return TableCell(visible(value) if isinstance(value, str) else visible(dumps(value)))
