"""The local adapter: the port's `TableClient` over the engine, which keeps TableStore's tables in one SQLite file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tsmem import port
from tsmem.adapters import name_missing_table, tables_of
from tsmem.clock import Clock
from tsmem.engine import Engine
from tsmem.engine.file.connections import MAX_ROWS_PER_TRANSACTION
from tsmem.engine.rows.reads import BatchGetRow, GetRange, RowReader
from tsmem.errors import TableNotFound
from tsmem.limits import MAX_ROWS_PER_WRITE
from tsmem.port import RowRead
from tsmem.rows import ColumnType, Filter, Key, Range, Row, TableRef, Write

if TYPE_CHECKING:
    from tsmem.engine.rows.writes import WriteReply
    from tsmem.queries import Search, SearchPage

T = TypeVar("T")


class LocalClient:
    def __init__(self, path: Path | None, clock: Clock, notice: Callable[[str], None] | None = None) -> None:
        """Keep the tables in the file at `path`. None stands for a temporary file without a name."""
        self.meter = port.Meter()
        self.limiter = port.ConcurrencyLimiter()
        self.rows_per_write = MAX_ROWS_PER_TRANSACTION
        self._engine = Engine(path, clock, notice)

    def clock_skew_s(self) -> float | None:
        return None

    def close(self) -> None:
        self._engine.close()

    def list_tables(self) -> list[str]:
        return self._request(self._engine.list_tables)

    def describe_table(self, name: str) -> port.TableSchema:
        return self._request(lambda: self._engine.describe_table(name), name)

    def create_table(self, schema: port.TableSchema) -> None:
        self._request(lambda: self._engine.definitions.create_table(schema))

    def delete_table(self, name: str) -> None:
        self._request(lambda: self._engine.definitions.delete_table(name), name)

    def create_index(self, table: str, index: port.IndexSchema, defined: Sequence[tuple[str, ColumnType]] = ()) -> None:
        self._request(lambda: self._engine.definitions.create_index(table, index, tuple(defined)), table)

    def delete_index(self, table: str, name: str) -> None:
        self._request(lambda: self._engine.definitions.delete_index(table, name), table)

    def list_search_indexes(self, table: str) -> list[str]:
        return self._request(lambda: self._engine.list_search_indexes(table), table)

    def create_search_index(self, schema: port.SearchIndexSchema) -> None:
        self._request(lambda: self._engine.definitions.create_search_index(schema), schema.table)

    def describe_search_index(self, table: str, name: str) -> port.SearchIndexSchema:
        return self._request(lambda: self._engine.describe_search_index(table, name).schema, table)

    def delete_search_index(self, table: str, name: str) -> None:
        self._request(lambda: self._engine.definitions.delete_search_index(table, name), table)

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        return port.rows_of(self.get_rows(table, (key,), columns))[0]

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        call = partial(self._engine.get_rows, BatchGetRow(table, keys, columns), RowReader)
        return [*self._request(call, table.name, cost=lambda reply: reply.cost).rows]

    def write_row(self, write: Write) -> None:
        (error,) = self.write_rows((write,))
        if error is not None:
            raise error

    def write_rows(self, writes: Sequence[Write]) -> list[port.RowOutcome]:
        def cost(replies: Sequence[WriteReply]) -> port.Cost:
            requests = -(-len(writes) // MAX_ROWS_PER_WRITE)  # the service would take this many for the same rows
            read_units = sum(reply.cost.read_units for reply in replies)
            return port.Cost(requests, read_units, sum(reply.cost.write_units for reply in replies))

        replies = self._request(lambda: self._engine.write_rows(writes), *tables_of(writes), cost=cost)
        return [reply.error for reply in replies]

    def get_range(
        self,
        table: TableRef,
        span: Range,
        *,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
        filter: Filter | None = None,  # noqa: A002 - TableStore's own word for it
        announce: port.Announce | None = None,
    ) -> port.RangePage:
        call = partial(self._engine.get_range, GetRange(table, span, limit, columns, filter), RowReader)
        reply = self._request(call, table.name, cost=lambda reply: reply.cost)
        return port.RangePage(reply.rows, reply.next_start)

    def search(self, table: TableRef, index: str, search: Search) -> SearchPage:
        from tsmem.queries import SearchPage

        call = partial(self._engine.search, table, index, search, RowReader)
        reply = self._request(call, table.name, cost=lambda reply: reply.cost)
        return SearchPage(reply.rows, reply.scores, reply.token, reply.total, reply.total_is_exact)

    def _request(self, call: Callable[[], T], *tables: str, cost: Callable[[T], port.Cost] | None = None) -> T:
        """Call the engine, and add the cost of its reply to the meter. Without `cost`, and after an error, it is one
        request."""
        total = port.Cost(1)
        try:
            reply = call()
            if cost is not None:
                total = cost(reply)
            return reply
        except TableNotFound as error:
            name_missing_table(error, tables)
            raise
        finally:
            self.meter.add(total)
