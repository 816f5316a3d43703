"""TableClient over the engine: the built-in profile `local`, one SQLite file on this machine.

The engine does what TableStore does; this client makes its requests, raises its failures and counts costs. It is the
only adapter that loads SQLite, and `open_client` imports it for a local profile alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tsmem.adapters.naming import name_missing, tables_of
from tsmem.clock import Clock
from tsmem.engine import Engine
from tsmem.engine.requests import MAX_ROWS_PER_TRANSACTION, BatchGetRow, GetRange
from tsmem.errors import TableNotFound
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


class LocalClient:
    """TableStore in one file, or in an unnamed temporary file without a path."""

    def __init__(self, path: Path | None, clock: Clock, notice: Callable[[str], None] | None = None) -> None:
        self.meter = Meter()
        self.limiter = ConcurrencyLimiter()
        self.rows_per_write = MAX_ROWS_PER_TRANSACTION
        self._engine = Engine(path, clock, notice)

    def clock_skew_s(self) -> float | None:
        return None

    def close(self) -> None:
        self._engine.close()

    def list_tables(self) -> list[str]:
        return self._counted(self._engine.list_tables)

    def describe_table(self, name: str) -> TableSchema:
        return self._counted(lambda: self._engine.describe_table(name), name)

    def create_table(self, schema: TableSchema) -> None:
        self._counted(lambda: self._engine.create_table(schema))

    def delete_table(self, name: str) -> None:
        self._counted(lambda: self._engine.delete_table(name), name)

    def create_index(self, table: str, index: IndexSchema, defined: Sequence[tuple[str, ColumnType]] = ()) -> None:
        self._counted(lambda: self._engine.create_index(table, index, tuple(defined)), table)

    def delete_index(self, table: str, name: str) -> None:
        self._counted(lambda: self._engine.delete_index(table, name), table)

    def list_search_indexes(self, table: str) -> list[str]:
        return self._counted(lambda: self._engine.list_search_indexes(table), table)

    def create_search_index(self, schema: SearchIndexSchema) -> None:
        self._counted(lambda: self._engine.create_search_index(schema), schema.table)

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema:
        return self._counted(lambda: self._engine.describe_search_index(table, name).schema, table)

    def delete_search_index(self, table: str, name: str) -> None:
        self._counted(lambda: self._engine.delete_search_index(table, name), table)

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        return self._read_rows(table, (key,), columns)[0]

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        return [*self._read_rows(table, keys, columns)]

    def _read_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None) -> list[Row | None]:
        def read() -> tuple[list[Row | None], Cost]:
            reply = self._engine.get_rows(BatchGetRow(table, keys, columns))
            return reply.rows, reply.cost

        return self._metered((table.name,), read)

    def write_row(self, write: Write) -> None:
        (error,) = self.write_rows((write,))
        if error is not None:
            raise error

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        requests = max(1, -(-len(writes) // MAX_ROWS_PER_WRITE))

        def write() -> tuple[list[RowOutcome], Cost]:
            replies = self._engine.write_rows(writes)
            read_units = sum(reply.cost.read_units for reply in replies)
            write_units = sum(reply.cost.write_units for reply in replies)
            return [reply.error for reply in replies], Cost(requests, read_units, write_units)

        return self._metered(tables_of(writes), write, requests)

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
        def read() -> tuple[RangePage, Cost]:
            reply = self._engine.get_range(GetRange(table, span, limit, columns, filter))
            return RangePage(reply.rows, reply.next_start), reply.cost

        return self._metered((table.name,), read)

    def search(self, table: TableRef, index: str, search: Search) -> SearchPage:
        return self._metered((table.name,), lambda: self._engine.search(table, index, search))

    def _counted(self, call: Callable[[], T], *tables: str) -> T:
        """Make a call about these tables that costs one request and nothing else."""
        return self._metered(tables, lambda: (call(), Cost(1)))

    def _metered(self, tables: Sequence[str], call: Callable[[], tuple[T, Cost]], requests: int = 1) -> T:
        """Make a call about these tables, and count its cost; a call that fails costs its requests alone."""
        cost = Cost(requests)
        try:
            result, cost = call()
        except TableNotFound as error:
            name_missing(error, tables)
            raise
        finally:
            self.meter.add(cost)
        return result
