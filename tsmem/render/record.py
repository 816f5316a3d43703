"""One record, or a report of facts: names at the left edge, values beside them, wrapped rather than cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tsmem.render import grid
from tsmem.render.grid import Cell, Column
from tsmem.render.ink import Ink
from tsmem.render.items import NULL, entries
from tsmem.render.options import Options
from tsmem.render.result import Record, Report
from tsmem.render.text import visible
from tsmem.store.documents import FIELDS, dumps
from tsmem.store.model import Session


def record_lines(record: Record, options: Options) -> Iterator[str]:
    """One line or more a field: names at the left edge, and nothing else there."""
    fields = options.fields or FIELDS["session" if isinstance(record.item, Session) else "message"]
    rows = [(Cell(name), cell) for field in fields for name, cell in entries(record.item, field, options)]
    return wrapped_rows((Column("", "id", "bold"), Column("")), rows, options)


def report_lines(report: Report, options: Options) -> Iterator[str]:
    """The report's rows under their titles, wrapped rather than cut; without columns its document, a line a key."""
    if not report.columns:
        entries = [(Cell(visible(name)), _fact(value)) for name, value in report.document.items()]
        return wrapped_rows((Column("", "id", "bold"), Column("")), entries, options)
    columns = [Column(visible(title), "text" if i else "id") for i, title in enumerate(report.columns)]
    return wrapped_rows(columns, [[_fact(value) for value in row] for row in report.rows], options)


def wrapped_rows(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], options: Options) -> Iterator[str]:
    """Rows under their titles, where they have some, each on as many lines as it needs on a terminal, else on one."""
    ink = Ink(options)
    widths = grid.natural_widths(columns, rows, options.width or grid.MAX_ALIGNED)
    if options.width is not None:
        room = max(1, (options.width + grid.GAP) // len(columns) - grid.GAP)
        if not columns[0].title:
            widths[0] = min(widths[0], max(12, options.width // 3))
        widths = grid.plan(widths, columns, options.width, cut_ids=True) or [room] * len(columns)
    if any(column.title for column in columns):
        yield from grid.header(columns, widths, ink, ruled=options.width is not None)
    for row in rows:
        if options.width is None:
            yield grid.row_line(columns, row, widths, ink)
        else:
            yield from grid.wrapped_row(columns, row, widths, ink)


def _fact(value: object) -> Cell:
    if value is None:
        return Cell(NULL, "dim")
    return Cell(visible(value) if isinstance(value, str) else visible(dumps(value)))
