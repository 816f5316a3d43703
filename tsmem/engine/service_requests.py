"""The rest of the service's vocabulary, which the port does not need and the wire does: versions of cells, explicit
timestamps, increments, returned rows, table options.

Its one rule: what `requests.py` can say is said there; this module is loaded for the server alone.
"""

from __future__ import annotations

from typing import NamedTuple

from tsmem.engine.rows.cells import CellRow
from tsmem.port import Cost, TableSchema
from tsmem.rows import Comparison, KeyBound


class View(NamedTuple):
    """Which cells of a row are read, where the latest version of each column is not what is wanted."""

    max_versions: int | None = 1
    """The newest of each column, so many at most; None: all."""
    time_range: tuple[int, int] | None = None
    """Epoch milliseconds, start inclusive, end exclusive."""
    start_column: str | None = None
    """Inclusive."""
    end_column: str | None = None
    """Exclusive."""
    page: tuple[int, int] | None = None
    """Of the columns that are left: how many to pass over, and how many to give at most."""


class AnyVersion(NamedTuple):
    """Holds where any version of the column passes the test, not only the latest. It may stand in a filter where a
    Comparison may: in `read_rows`, `read_range` and the conditions of writes. A range of times narrows the versions;
    `max_versions` does not."""

    test: Comparison


class Presence(NamedTuple):
    """Holds where a row has the column, or where it has it not. It may stand where AnyVersion may."""

    column: str
    present: bool


class TableOptions(NamedTuple):
    """What UpdateTable may change; None is left as it is. Rows do not expire, whatever the time to live."""

    time_to_live_s: int | None = None
    max_versions: int | None = None
    deviation_s: int | None = None
    """How far an explicit version may be from now, in seconds."""
    allow_update: bool | None = None
    """Whether UpdateRow is allowed."""


class CreateTable(NamedTuple):
    """Make a table with more than the port can say of it."""

    schema: TableSchema
    deviation_s: int = 86400
    allow_update: bool = True
    global_indexes: frozenset[str] = frozenset()
    """Names of secondary indexes that were asked for as global ones; they are in step with their table all the same."""


class TableDescription(NamedTuple):
    """Answers DescribeTable."""

    schema: TableSchema
    deviation_s: int
    allow_update: bool
    global_indexes: frozenset[str]
    main: str | None = None
    """Of a secondary index: its table."""


class SearchDescription(NamedTuple):
    """Answers DescribeSearchIndex."""

    definition: bytes | None
    """What it was created with beyond fields, kept as it came; None where the port created it."""
    created_us: int
    """When, in microseconds since 1970 UTC; 0 where it was created by a tsmem that did not keep it."""


class CellRowsReply(NamedTuple):
    """Answers GetRow and BatchGetRow with a view, in the order of the keys."""

    rows: list[CellRow | None]
    costs: list[Cost]
    """Of each row."""


class CellPageReply(NamedTuple):
    """Answers GetRange with a view."""

    rows: list[CellRow]
    next_start: KeyBound | None
    cost: Cost
