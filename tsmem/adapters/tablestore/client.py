"""TableClient over TableStore's SDK: one request at a time, from any thread.

Each method makes a request of the SDK, reads the reply and checks it, all within `HttpSession.call`. tsmem.retry, which
wraps this client, retries. tsmem.limits refuses what cannot be sent before anything is sent, with the engine's errors.

The meter's rows scanned are the rows that came back, because the service does not say how many it looked at. With a
filter that is a lower bound, and the meter counts the call among `filtered`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tsmem import port
from tsmem.adapters.naming import tables_of
from tsmem.adapters.tablestore import reply_checks
from tsmem.adapters.tablestore import rows as sdk_rows
from tsmem.adapters.tablestore import schemas as sdk_schemas
from tsmem.adapters.tablestore.http_session import HttpSession, Log
from tsmem.adapters.tablestore.sdk import ots
from tsmem.errors import InvalidInput
from tsmem.limits import MAX_ROWS_PER_WRITE, check_write
from tsmem.port import RowRead
from tsmem.profiles.model import Profile
from tsmem.rows import ColumnType, Delete, Filter, Key, Put, Range, Row, TableRef, Write

if TYPE_CHECKING:
    from tsmem.queries import Search, SearchPage

MAX_IN_FLIGHT = 32  # concurrent calls: enough to hide 50 ms of latency of requests that take 2 ms each
_MAX_LIMIT = 2**31 - 1
"""The largest limit of a page that the wire can carry. A page ends at 5,000 rows anyway."""


class TablestoreClient:
    """The TableStore instance of a profile. Nothing is connected to before the first call."""

    def __init__(self, profile: Profile, log: Log | None = None) -> None:
        """Raises ProfileError."""
        self._session = HttpSession(profile, log)
        self.meter = self._session.meter
        self.limiter = port.ConcurrencyLimiter(MAX_IN_FLIGHT)
        self.rows_per_write = MAX_ROWS_PER_WRITE
        self._search_fields: dict[tuple[str, str], Mapping[str, port.FieldType]] = {}

    def clock_skew_s(self) -> float | None:
        return self._session.clock_skew_s

    def close(self) -> None:
        self._session.close()

    # Tables

    def list_tables(self) -> list[str]:
        with self._session.call("ListTable") as (client, _):
            return sorted(client.list_table() or ())

    def describe_table(self, name: str) -> port.TableSchema:
        with self._session.call("DescribeTable", name) as (client, _):
            found = sdk_schemas.described_table(client.describe_table(name))
            if found.name != name or not found.key:
                raise reply_checks.WrongReply("the description of another table than it was asked for")
            return found

    def create_table(self, schema: port.TableSchema) -> None:
        with self._session.call("CreateTable", schema.name) as (client, _):
            client.create_table(*sdk_schemas.table_request(schema))

    def delete_table(self, name: str) -> None:
        with self._session.call("DeleteTable", name) as (client, _):
            client.delete_table(name)

    def create_index(self, table: str, index: port.IndexSchema, defined: Sequence[tuple[str, ColumnType]] = ()) -> None:
        """Create a secondary index, as TableClient says. If the service refuses it because the table does not define
        its columns yet, they are added first, which costs 3 requests more."""
        try:
            with self._session.call("CreateIndex", table) as (client, _):
                client.create_secondary_index(table, sdk_schemas.index_meta(index), True)
        except InvalidInput as refused:
            known = dict(self.describe_table(table).defined_columns) if defined else {}
            missing = [(name, kind) for name, kind in dict(defined).items() if name not in known]
            if not missing:
                raise
            try:
                with self._session.call(sdk_schemas.ADD_DEFINED_COLUMN, table) as (client, _):
                    client._request_helper(sdk_schemas.ADD_DEFINED_COLUMN, table, missing)
            except InvalidInput as error:
                raise refused from error
            self.create_index(table, index)

    def delete_index(self, table: str, name: str) -> None:
        with self._session.call("DropIndex", table) as (client, _):
            client.delete_secondary_index(table, name)

    # Search indexes

    def list_search_indexes(self, table: str) -> list[str]:
        with self._session.call("ListSearchIndex", table) as (client, _):
            return sorted(name for of, name in client.list_search_index(table) if of == table)

    def create_search_index(self, schema: port.SearchIndexSchema) -> None:
        with self._session.call("CreateSearchIndex", schema.table) as (client, _):
            client.create_search_index(schema.table, schema.name, sdk_schemas.search_meta(schema))

    def describe_search_index(self, table: str, name: str) -> port.SearchIndexSchema:
        with self._session.call("DescribeSearchIndex", table) as (client, _):
            found: port.SearchIndexSchema = client.describe_search_index(table, name)
        self._search_fields[table, name] = dict(found.fields)
        return found._replace(table=table, name=name)

    def delete_search_index(self, table: str, name: str) -> None:
        with self._session.call("DeleteSearchIndex", table) as (client, _):
            client.delete_search_index(table, name)

    # Reads

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        with self._session.call("GetRow", table.name) as (client, attempt):
            sdk_key = sdk_rows.key_columns(table, key)
            units, found, _ = client.get_row(table.name, sdk_key, _names(columns), max_version=1)
            row = None if found is None else sdk_rows.to_row(table, found.primary_key, found.attribute_columns)
            attempt.rows = 0 if row is None else 1
            attempt.cost = _cost(units, attempt.rows)
            reply_checks.check_same_key(key, row)
            return row

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        with self._session.call("BatchGetRow", table.name) as (client, attempt):
            attempt.rows = len(keys)
            batch = sdk_rows.read_request(table, keys, _names(columns))
            items = client.batch_get_row(batch).get_result_by_table(table.name) or ()
            attempt.cost = sdk_rows.rows_cost(items)
            return sdk_rows.read_outcomes(table, keys, items)

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
        with self._session.call("GetRange", table.name) as (client, attempt):
            if announce is not None:
                attempt.announce = lambda start: announce(None if start is None else sdk_rows.to_key(table, start))
            units, next_start, found, _ = client.get_range(
                table.name,
                ots.Direction.BACKWARD if span.backward else ots.Direction.FORWARD,
                sdk_rows.bound_columns(table, span.start),
                sdk_rows.bound_columns(table, span.end),
                _names(columns),
                None if limit is None else min(limit, _MAX_LIMIT),
                sdk_rows.column_filter(filter),
                max_version=1,
            )
            attempt.rows = len(found)
            attempt.cost = _cost(units, attempt.rows)._replace(filtered=0 if filter is None else 1)
            rows = [sdk_rows.to_row(table, row.primary_key, row.attribute_columns) for row in found]
            page = port.RangePage(rows, None if next_start is None else sdk_rows.to_key(table, next_start))
            reply_checks.check_page(span, limit, page)
            return page

    def search(self, table: TableRef, index: str, search: Search) -> SearchPage:
        """Search, as TableClient says. The service does not say how many capacity units it took. The first search with
        a Contains takes one request more if the index was not described before."""
        from tsmem.adapters.tablestore import search as sdk_search

        planned = sdk_search.has_contains(search.query)
        if planned and (table.name, index) not in self._search_fields:
            self.describe_search_index(table.name, index)
        fields = self._search_fields.get((table.name, index), {})
        with self._session.call("Search", table.name) as (client, attempt):
            request = sdk_search.search_request(search, fields)
            reply = client.search(table.name, index, request, sdk_search.sdk_columns(search.columns))
            attempt.rows = len(reply.rows)
            attempt.cost = port.Cost(rows_scanned=attempt.rows)
            return sdk_search.to_page(table, reply, search)._replace(total_is_exact=not planned)

    # Writes

    def write_row(self, write: Write) -> None:
        with self._session.call(f"{type(write).__name__}Row", write.table.name) as (client, attempt):
            attempt.rows = 1
            check_write(write)
            row, condition = sdk_rows.sdk_row(write), sdk_rows.sdk_condition(write.condition)
            try:
                if isinstance(write, Delete):
                    units, _ = client.delete_row(write.table.name, row.primary_key, condition)
                else:
                    send = client.put_row if isinstance(write, Put) else client.update_row
                    units, _ = send(write.table.name, row, condition)
            except ots.OTSServiceError as error:
                if error.code == "OTSConditionCheckFail":
                    attempt.cost = sdk_rows.FAILED_CONDITION
                raise
            attempt.cost = _cost(units)

    def write_rows(self, writes: Sequence[Write]) -> list[port.RowOutcome]:
        with self._session.call("BatchWriteRow", *tables_of(writes)) as (client, attempt):
            attempt.rows = len(writes)
            batch = sdk_rows.prepare_batch(writes)
            if not batch.places:
                return batch.outcomes
            try:
                reply = client.batch_write_row(batch.request)
            except (IndexError, KeyError):  # the SDK looks up the row of each outcome
                raise reply_checks.WrongReply("outcomes for rows that were not sent") from None
            attempt.cost = sdk_rows.read_write_outcomes(batch, reply)
            return batch.outcomes


def _names(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(columns)


def _cost(units: Any, rows: int = 0) -> port.Cost:
    return port.Cost(0, units.read, units.write, rows)
