"""Requests and replies of `Engine`, and the errors for invalid requests.

The engine's error texts are the service's own, where they are known, because test suites of SDKs expect them from our
server. Source: those suites, and the service's "Error codes" page. Each named tuple here adds 70 microseconds to the
start of every command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

from tsmem.engine.rows.cells import CellRow
from tsmem.errors import TsmemError, from_service
from tsmem.port import Cost
from tsmem.rows import Filter, Key, Range, TableRef

R = TypeVar("R")
"""Row, or CellRow if the request asked for versions of cells."""

MAX_ROWS_PER_TRANSACTION = 1000
"""The service takes 200 rows in one request. An import in transactions of 200 writes twice as many pages, and takes 1.1
times as long (measured)."""


class BatchGetRow(NamedTuple):
    table: TableRef
    keys: Sequence[Key]
    columns: Sequence[str] | None = None
    """Columns to read; all if there are none."""
    filter: Filter | None = None


class GetRange(NamedTuple):
    table: TableRef
    span: Range
    limit: int | None = None
    columns: Sequence[str] | None = None
    filter: Filter | None = None


class RowsReply(NamedTuple, Generic[R]):
    """The reply to BatchGetRow. Both lists are in the order of the requested keys."""

    rows: list[R | None]
    """None for a row that does not exist or does not pass the filter."""
    costs: list[Cost]
    """Without the request itself."""

    @property
    def cost(self) -> Cost:
        return Cost(1, sum(cost.read_units for cost in self.costs), 0, sum(cost.rows_scanned for cost in self.costs))


class PageReply(NamedTuple, Generic[R]):
    rows: list[R]
    next_start: Key | None
    """The key of the first unread row; None after the last page."""
    cost: Cost


class WriteReply(NamedTuple):
    error: TsmemError | None
    cost: Cost
    """A write whose condition failed has a cost, too."""
    row: CellRow | None = None


def invalid(text: str) -> TsmemError:
    return from_service("OTSParameterInvalid", text)
