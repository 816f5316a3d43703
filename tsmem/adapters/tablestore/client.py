"""TableClient over TableStore's SDK: one request at a time, from any thread.

Its one rule: it repeats nothing and decides nothing. It says what is asked in the SDK's words, reads the answer whole,
and fails where an answer is not one for what was asked. tsmem.retry repeats round it. What no wire can carry, and what
is over a limit, is refused by tsmem.limits before anything is sent, with the same errors as the engine's.

Rows scanned, in the meter, are the rows that came back: the service does not say how many it looked at. Without a
filter that is the same; with one it is a lower bound, and the meter counts the call among `filtered`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tsmem.adapters.naming import tables_of
from tsmem.adapters.tablestore import batches as sdk_batches
from tsmem.adapters.tablestore import reply_checks
from tsmem.adapters.tablestore import rows as sdk_rows
from tsmem.adapters.tablestore import schemas as sdk_schemas
from tsmem.adapters.tablestore.http_session import HttpSession, Log
from tsmem.adapters.tablestore.sdk import ots
from tsmem.adapters.tablestore.transport import HttpAttempt
from tsmem.errors import InvalidInput
from tsmem.limits import MAX_ROWS_PER_WRITE, MAX_VALUE_BYTES, check_write
from tsmem.port import (
    Announce,
    ConcurrencyLimiter,
    Cost,
    FieldType,
    IndexSchema,
    RangePage,
    RowOutcome,
    RowRead,
    SearchIndexSchema,
    TableSchema,
)
from tsmem.profiles.model import Profile
from tsmem.retry import Deadline
from tsmem.rows import ColumnType, Filter, Key, Put, Range, Row, TableRef, Update, Write

if TYPE_CHECKING:
    from tsmem.queries import Search, SearchPage

MAX_IN_FLIGHT = 32
"""Calls at once: what hides 50 ms of latency of requests that take 2 ms each."""
_MAX_LIMIT = 2**31 - 1
"""What the wire's field holds. A page ends at 5,000 rows anyway."""


class TablestoreClient:
    """One instance of TableStore, as a profile names it. Nothing is connected to before the first call."""

    def __init__(self, profile: Profile, deadline: Deadline | None = None, log: Log | None = None) -> None:
        """`deadline` says how long a call may take, `log` hears of each request. Raises ProfileError."""
        self._session = HttpSession(profile, deadline, log)
        self.meter = self._session.meter
        self.limiter = ConcurrencyLimiter(MAX_IN_FLIGHT)
        self.rows_per_write = MAX_ROWS_PER_WRITE
        self._search_fields: dict[tuple[str, str], Mapping[str, FieldType]] = {}
        """The fields of the search indexes that were described, by table and index."""

    def clock_skew_s(self) -> float | None:
        """As TableClient."""
        return self._session.clock_skew_s()

    def close(self) -> None:
        """Let go of connections. Closing twice is no error."""
        self._session.close()

    # Tables

    def list_tables(self) -> list[str]:
        """As TableClient."""
        return self._session.call(
            "ListTable", (), lambda client, _: reply_checks.check_listed([*(client.list_table() or ())])
        )

    def describe_table(self, name: str) -> TableSchema:
        """As TableClient."""
        return self._session.call(
            "DescribeTable",
            name,
            lambda client, _: reply_checks.check_described(
                name, sdk_schemas.described_table(client.describe_table(name))
            ),
        )

    def create_table(self, schema: TableSchema) -> None:
        """As TableClient. Reserved throughput is 0: what is read and written is paid for, nothing in advance."""
        self._session.call(
            "CreateTable", schema.name, lambda client, _: client.create_table(*sdk_schemas.table_request(schema))
        )

    def delete_table(self, name: str) -> None:
        """As TableClient."""
        self._session.call("DeleteTable", name, lambda client, _: client.delete_table(name))

    def create_index(self, table: str, index: IndexSchema, defined: Sequence[tuple[str, ColumnType]] = ()) -> None:
        """As TableClient. Where the service refuses the index because the table does not define its columns yet, they
        are added first: 3 requests more."""
        try:
            self._create_index(table, index)
        except InvalidInput as refused:
            known = dict(self.describe_table(table).defined_columns) if defined else {}
            missing = [(name, kind) for name, kind in dict(defined).items() if name not in known]
            if not missing:
                raise
            try:
                self._add_defined_columns(table, missing)
            except InvalidInput as error:
                raise refused from error
            self._create_index(table, index)

    def _create_index(self, table: str, index: IndexSchema) -> None:
        self._session.call(
            "CreateIndex",
            table,
            lambda client, _: client.create_secondary_index(table, sdk_schemas.index_meta(index), True),
        )

    def _add_defined_columns(self, table: str, columns: Sequence[tuple[str, ColumnType]]) -> None:
        name = sdk_schemas.ADD_DEFINED_COLUMN
        self._session.call(name, table, lambda client, _: client._request_helper(name, table, columns))

    def delete_index(self, table: str, name: str) -> None:
        """As TableClient."""
        self._session.call("DropIndex", table, lambda client, _: client.delete_secondary_index(table, name))

    # Search indexes

    def list_search_indexes(self, table: str) -> list[str]:
        """As TableClient."""

        def request(client: Any, _: HttpAttempt) -> list[str]:
            return reply_checks.check_listed([name for of, name in client.list_search_index(table) if of == table])

        return self._session.call("ListSearchIndex", table, request)

    def create_search_index(self, schema: SearchIndexSchema) -> None:
        """As TableClient."""
        self._session.call(
            "CreateSearchIndex",
            schema.table,
            lambda client, _: client.create_search_index(schema.table, schema.name, sdk_schemas.search_meta(schema)),
        )

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema:
        """As TableClient."""

        def request(client: Any, _: HttpAttempt) -> SearchIndexSchema:
            found: SearchIndexSchema = client.describe_search_index(table, name)
            self._search_fields[table, name] = dict(found.fields)
            return found._replace(table=table, name=name)

        return self._session.call("DescribeSearchIndex", table, request)

    def delete_search_index(self, table: str, name: str) -> None:
        """As TableClient."""
        self._session.call("DeleteSearchIndex", table, lambda client, _: client.delete_search_index(table, name))

    # Reads

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        """As TableClient."""

        def request(client: Any, exchange: HttpAttempt) -> Row | None:
            units, found, _ = client.get_row(
                table.name, sdk_rows.key_columns(table, key), _names(columns), max_version=1
            )
            row = None if found is None else sdk_rows.to_row(table, found)
            exchange.rows = 0 if row is None else 1
            exchange.cost = _cost(units, exchange.rows)
            reply_checks.check_same_key(key, row)
            _check_values(exchange, (row,))
            return row

        return self._session.call("GetRow", table.name, request)

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        """As TableClient."""

        def request(client: Any, exchange: HttpAttempt) -> list[RowRead]:
            exchange.rows = len(keys)
            wanted = sdk_batches.read_request(table, keys, _names(columns))
            items = client.batch_get_row(wanted).get_result_by_table(table.name) or ()
            exchange.cost = sdk_batches.rows_cost(items)
            rows = sdk_batches.read_outcomes(table, keys, items)
            _check_values(exchange, [row for row in rows if isinstance(row, Row)])
            return rows

        return self._session.call("BatchGetRow", table.name, request)

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

        def request(client: Any, exchange: HttpAttempt) -> RangePage:
            if announce is not None:
                exchange.announce = lambda start: _announce(announce, table, span, start)
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
            exchange.rows = len(found)
            exchange.cost = _cost(units, exchange.rows)._replace(filtered=0 if filter is None else 1)
            rows = [sdk_rows.to_row(table, row) for row in found]
            page = RangePage(rows, None if next_start is None else sdk_rows.to_key(table, next_start))
            reply_checks.check_page(table, span, limit, filter, page)
            _check_values(exchange, rows)
            return page

        return self._session.call("GetRange", table.name, request)

    def search(self, table: TableRef, index: str, search: Search) -> SearchPage:
        """As TableClient. The service does not say what capacity it took. The first search for a part of a text costs a
        request more where the index was not described before."""
        from tsmem.adapters.tablestore import contains as sdk_contains
        from tsmem.adapters.tablestore import search as sdk_search

        planned = sdk_contains.has_contains(search.query)
        if planned:
            if (table.name, index) not in self._search_fields:
                self.describe_search_index(table.name, index)
            search = search._replace(
                query=sdk_contains.plan_contains(search.query, self._search_fields[table.name, index])
            )

        def request(client: Any, exchange: HttpAttempt) -> SearchPage:
            answer = client.search(table.name, index, sdk_search.request(search), sdk_search.columns(search.columns))
            exchange.rows = len(answer.rows)
            exchange.cost = Cost(rows_scanned=exchange.rows)
            page = sdk_search.page(table, answer, search)
            _check_values(exchange, page.rows)
            return page._replace(total_is_exact=not planned)

        return self._session.call("Search", table.name, request)

    # Writes

    def write_row(self, write: Write) -> None:
        """As TableClient."""

        def request(client: Any, exchange: HttpAttempt) -> None:
            exchange.rows = 1
            check_write(write)
            try:
                units, _ = _send(client, write)
            except ots.OTSServiceError as error:
                if error.code == "OTSConditionCheckFail":
                    exchange.cost = sdk_batches.FAILED_CONDITION
                raise
            exchange.cost = _cost(units)

        self._session.call(f"{type(write).__name__}Row", write.table.name, request)

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        """As TableClient. The service takes a batch table by table, and answers each table's rows in their order; the
        writes of one key stay in the order given. A row that no wire can carry is not sent, and the others are."""

        def request(client: Any, exchange: HttpAttempt) -> list[RowOutcome]:
            exchange.rows = len(writes)
            batch = sdk_batches.prepare_batch(writes)
            if not batch.places:
                return [batch.refused[place] for place in range(len(writes))]
            try:
                answer = client.batch_write_row(batch.request)
            except (IndexError, KeyError):  # the SDK looks for what an outcome is of
                raise reply_checks.WrongReply("outcomes for rows that were not sent") from None
            found, cost = sdk_batches.outcomes(batch, answer, len(writes))
            exchange.cost = cost
            return found

        return self._session.call("BatchWriteRow", tables_of(writes), request)


def _send(client: Any, write: Write) -> Any:
    """Send one write by the SDK's method for it."""
    name, condition = write.table.name, sdk_rows.sdk_condition(write.condition)
    if isinstance(write, Put):
        return client.put_row(name, sdk_rows.sdk_row(write), condition)
    if isinstance(write, Update):
        return client.update_row(name, sdk_rows.sdk_update(write), condition)
    return client.delete_row(name, sdk_rows.key_columns(write.table, write.key), condition)


def _announce(announce: Announce, table: TableRef, span: Range, start: Any) -> None:
    """Say where the next page begins. A start that breaks the rules is not said: its page will be refused."""
    next_start = None
    if start is not None:
        try:
            next_start = sdk_rows.to_key(table, start)
            reply_checks.check_key_values([next_start])
            reply_checks.check_next_start(span, next_start, None)
        except reply_checks.WrongReply:
            return
    announce(next_start)


def _check_values(exchange: HttpAttempt, rows: Sequence[Row | None]) -> None:
    """Look for values that are too long where the answer is long enough to hold one."""
    if exchange.received_bytes > MAX_VALUE_BYTES:
        reply_checks.check_values(rows)


def _names(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(columns)


def _cost(units: Any, rows: int = 0) -> Cost:
    return Cost(0, units.read, units.write, rows)
