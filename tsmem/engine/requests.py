"""What requests and replies carry beyond the row vocabulary. The local adapter and the server use the same ones.

Its one rule: a reply carries its cost, and a write's reply carries its failure, because a failed condition costs too.
Put, Update, Delete, TableSchema and SearchIndexSchema are requests as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from tsmem.errors import TsmemError
from tsmem.port import Cost, IndexSchema, KeySchema, RangePage
from tsmem.rows import Filter, Key, Range, Row, TableRef, Write

if TYPE_CHECKING:
    from tsmem.engine.rows.cells import CellRow
    from tsmem.engine.rows.changes import RowChange


class CreateIndex(NamedTuple):
    """Add a secondary index to a table."""

    table: str
    schema: IndexSchema
    defined: KeySchema = ()
    """Types of attribute columns that the table does not define yet."""
    include_base_data: bool = True
    """Whether rows that are there already get entries."""
    is_global: bool = False
    """Whether it was asked for as a global one."""


class GetRow(NamedTuple):
    """Read one row."""

    table: TableRef
    key: Key
    columns: Sequence[str] | None = None
    """Names wanted; none or no names: all."""
    filter: Filter | None = None


class BatchGetRow(NamedTuple):
    """Read up to 100 rows of one table."""

    table: TableRef
    keys: Sequence[Key]
    columns: Sequence[str] | None = None
    filter: Filter | None = None


class GetRange(NamedTuple):
    """Read one page of a range."""

    table: TableRef
    span: Range
    limit: int | None = None
    columns: Sequence[str] | None = None
    filter: Filter | None = None


MAX_ROWS_PER_TRANSACTION = 1000
"""More than the service takes in one request, because each transaction costs: a random key dirties a page of each index
in each. Measured, an import in transactions of 200 rows writes twice as many pages, and takes 1.1 times as long."""


class BatchWriteRow(NamedTuple):
    """Write up to MAX_ROWS_PER_TRANSACTION rows."""

    writes: Sequence[Write | RowChange]


class RowReply(NamedTuple):
    """Answers GetRow."""

    row: Row | None
    cost: Cost


class RowsReply(NamedTuple):
    """Answers BatchGetRow, in the order of its keys."""

    rows: list[Row | None]
    cost: Cost


class PageReply(NamedTuple):
    """Answers GetRange."""

    page: RangePage
    cost: Cost


class WriteReply(NamedTuple):
    """Answers one written row."""

    error: TsmemError | None
    cost: Cost
    row: CellRow | None = None
    """What the write was asked to return."""
