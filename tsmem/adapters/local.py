"""TableClient over the engine: the built-in profile `local`, one SQLite file on this machine.

Its one rule: it decides nothing. The engine means what TableStore means; here requests are made, failures raised and
costs counted. This module alone loads SQLite: `open_client` imports it when a local profile is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tsmem.adapters.naming import naming, tables_of
from tsmem.clock import Clock
from tsmem.engine import Engine
from tsmem.engine.requests import MAX_ROWS_PER_TRANSACTION, BatchGetRow, GetRange
from tsmem.limits import MAX_ROWS_PER_WRITE
from tsmem.port import (
    Announce,
    ConcurrencyLimiter,
    Cost,
    IndexSchema,
    Meter,
    RangePage,
    RowOutcome,
    RowRead,
    SearchIndexSchema,
    TableSchema,
)
from tsmem.rows import ColumnType, Filter, Key, Range, Row, TableRef, Write

if TYPE_CHECKING:
    from tsmem.queries import Search, SearchPage

T = TypeVar("T")

_ONE_REQUEST = Cost(1)


class LocalClient:
    """TableStore in one file; in an unnamed temporary one when `path` is None."""

    def __init__(self, path: Path | None, clock: Clock, notice: Callable[[str], None] | None = None) -> None:
        self.meter = Meter()
        self.limiter = ConcurrencyLimiter()
        self._engine = Engine(path, clock, notice)

    @property
    def rows_per_write(self) -> int:
        """As TableClient."""
        return MAX_ROWS_PER_TRANSACTION

    def clock_skew_s(self) -> float | None:
        """As TableClient: this machine's clock is the only one."""
        return None

    def close(self) -> None:
        """Let go of the file. Closing twice is no error."""
        self._engine.close()

    def list_tables(self) -> list[str]:
        """As TableClient. Secondary indexes are among them."""
        return self._counted(self._engine.list_tables)

    def describe_table(self, name: str) -> TableSchema:
        """As TableClient."""
        return self._counted(lambda: self._engine.describe_table(name), name)

    def create_table(self, schema: TableSchema) -> None:
        """As TableClient."""
        self._counted(lambda: self._engine.create_table(schema))

    def delete_table(self, name: str) -> None:
        """As TableClient."""
        self._counted(lambda: self._engine.delete_table(name), name)

    def create_index(self, table: str, index: IndexSchema, defined: Sequence[tuple[str, ColumnType]] = ()) -> None:
        """As TableClient."""
        self._counted(lambda: self._engine.create_index(table, index, tuple(defined)), table)

    def delete_index(self, table: str, name: str) -> None:
        """As TableClient."""
        self._counted(lambda: self._engine.delete_index(table, name), table)

    def list_search_indexes(self, table: str) -> list[str]:
        """As TableClient."""
        return self._counted(lambda: self._engine.list_search_indexes(table), table)

    def create_search_index(self, schema: SearchIndexSchema) -> None:
        """As TableClient."""
        self._counted(lambda: self._engine.create_search_index(schema), schema.table)

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema:
        """As TableClient."""
        return self._counted(lambda: self._engine.describe_search_index(table, name), table)

    def delete_search_index(self, table: str, name: str) -> None:
        """As TableClient."""
        self._counted(lambda: self._engine.delete_search_index(table, name), table)

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        """As TableClient."""
        return self._read_rows(table, (key,), columns)[0]

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        """As TableClient."""
        return [*self._read_rows(table, keys, columns)]

    def _read_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None) -> list[Row | None]:
        def read() -> tuple[list[Row | None], Cost]:
            reply = self._engine.get_rows(BatchGetRow(table, keys, columns))
            return reply.rows, reply.cost

        return self._priced(table, read)

    def write_row(self, write: Write) -> None:
        """As TableClient."""
        (error,) = self.write_rows((write,))
        if error is not None:
            raise error

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        """As TableClient."""
        requests = max(1, -(-len(writes) // MAX_ROWS_PER_WRITE))
        cost = Cost(requests)
        try:
            with naming(*tables_of(writes)):
                replies = self._engine.write_rows(writes)
            cost = Cost(
                requests,
                sum(reply.cost.read_units for reply in replies),
                sum(reply.cost.write_units for reply in replies),
            )
        finally:
            self.meter.add(cost)
        return [reply.error for reply in replies]

    def get_range(
        self,
        table: TableRef,
        span: Range,
        *,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
        filter: Filter | None = None,  # noqa: A002 - TableStore's own word for it
        announce: Announce | None = None,
    ) -> RangePage:
        """As TableClient."""

        def read() -> tuple[RangePage, Cost]:
            reply = self._engine.get_range(GetRange(table, span, limit, columns, filter))
            return RangePage(reply.rows, reply.next_start), reply.cost

        return self._priced(table, read)

    def search(self, table: TableRef, index: str, search: Search) -> SearchPage:
        """As TableClient."""
        return self._priced(table, lambda: self._engine.search(table, index, search))

    def _counted(self, call: Callable[[], T], *tables: str) -> T:
        """A call that asks for these tables, and costs one request and nothing else."""
        try:
            with naming(*tables):
                return call()
        finally:
            self.meter.add(_ONE_REQUEST)

    def _priced(self, table: TableRef, call: Callable[[], tuple[T, Cost]]) -> T:
        """A call whose reply says what it cost; one that fails costs one request."""
        cost = _ONE_REQUEST
        try:
            with naming(table.name):
                result, cost = call()
        finally:
            self.meter.add(cost)
        return result
