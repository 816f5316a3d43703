"""Requests, replies and errors that the row vocabulary lacks. The local adapter and the server make and read the same
ones.

Every reply carries its cost. The reply of a write also carries its failure, because a failed condition costs too. They
are few, because each named tuple costs every command 70 microseconds of its start.

Clients' test suites expect the service's error texts, so the server sends the engine's as they are. Source: those
suites, and the service's "Error codes" page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from tsmem.errors import TsmemError, from_service
from tsmem.port import Cost
from tsmem.rows import Filter, Key, Range, TableRef

if TYPE_CHECKING:
    from tsmem.engine.rows.cells import CellRow

R = TypeVar("R")
"""Row, or CellRow where a view of versions was asked for."""

MAX_ROWS_PER_TRANSACTION = 1000
"""More than the service takes in one request, because each transaction costs: a random key dirties a page of each index
in each. Measured, an import in transactions of 200 rows writes twice as many pages, and takes 1.1 times as long."""


class BatchGetRow(NamedTuple):
    table: TableRef
    keys: Sequence[Key]
    columns: Sequence[str] | None = None
    """Names wanted; no names: all."""
    filter: Filter | None = None


class GetRange(NamedTuple):
    table: TableRef
    span: Range
    limit: int | None = None
    columns: Sequence[str] | None = None
    filter: Filter | None = None


class RowsReply(NamedTuple, Generic[R]):
    """The reply to BatchGetRow, row by row in the order of the keys."""

    rows: list[R | None]
    """None for a row that does not exist or does not pass the filter."""
    costs: list[Cost]
    """The cost of each row; the request itself is not counted."""

    @property
    def cost(self) -> Cost:
        return Cost(1, sum(cost.read_units for cost in self.costs), 0, sum(cost.rows_scanned for cost in self.costs))


class PageReply(NamedTuple, Generic[R]):
    rows: list[R]
    next_start: Key | None
    cost: Cost


class WriteReply(NamedTuple):
    error: TsmemError | None
    cost: Cost
    row: CellRow | None = None
    """The part of the row that the write returns, if any."""


def invalid(text: str) -> TsmemError:
    return from_service("OTSParameterInvalid", text)
