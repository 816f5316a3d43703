"""The port's `TableClient` over TableStore's SDK.

A failed request is not sent again here: tsmem.retry does that. Before a write is sent, tsmem.limits refuses what
TableStore would not accept, with the same errors as in the embedded store.

The service does not say how many rows it scanned, so the meter counts the rows of the reply. If the request had a
filter, that is only a lower bound, and the meter counts the call in `filtered`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tsmem import port
from tsmem.adapters import name_missing_table, tables_of
from tsmem.adapters.redaction import hide
from tsmem.adapters.tablestore import rows as sdk_rows
from tsmem.adapters.tablestore import schemas as sdk_schemas
from tsmem.adapters.tablestore.errors import translate
from tsmem.adapters.tablestore.sdk import WrongReply, make_sdk_client, make_transport, ots
from tsmem.adapters.tablestore.transport import CURRENT_ATTEMPT, HttpAttempt
from tsmem.errors import InvalidInput, TsmemError, Unavailable
from tsmem.limits import MAX_ROWS_PER_PAGE, MAX_ROWS_PER_WRITE, check_write
from tsmem.port import RowRead
from tsmem.profiles.model import Profile
from tsmem.rows import ColumnType, Delete, Filter, Key, Put, Range, Row, TableRef, Write
from tsmem.words import quantity

if TYPE_CHECKING:
    from tsmem.queries import Search, SearchPage

MAX_CONCURRENT_CALLS = 32
"""Enough to keep a service busy that works 2 ms on a request whose reply takes 50 ms. That needs 26 calls at once."""
_CLOSED = "the store is closed"


class TablestoreClient:
    def __init__(self, profile: Profile, log: Callable[[str], None] | None = None) -> None:
        """`log` gets one line for each request: operation, tables, rows, milliseconds, request id, error code. Raises
        ProfileError for credentials and certificates that cannot be used."""
        self.meter = port.Meter()
        self.limiter = port.ConcurrencyLimiter(MAX_CONCURRENT_CALLS)
        self.rows_per_write = MAX_ROWS_PER_WRITE
        self._clock_skew_s: float | None = None
        self._search_fields: dict[tuple[str, str], Mapping[str, port.FieldType]] = {}
        self._timeout_s = profile.timeout_s
        self._log = log
        self._is_closed = False
        self._transport = make_transport(profile)
        credentials = profile.credentials()
        self._secrets = tuple(credentials)
        hide(self._secrets)
        self._sdk = make_sdk_client(profile, credentials, self._transport)
        sdk_schemas.extend(self._sdk)

    def clock_skew_s(self) -> float | None:
        return self._clock_skew_s

    def close(self) -> None:
        self._is_closed = True
        self._transport.close()

    @contextmanager
    def _call(self, operation: str, *tables: str) -> Iterator[HttpAttempt]:
        """Run the block, which calls the SDK once: translate what it raises, meter its cost and log it."""
        if self._is_closed:
            raise TsmemError(_CLOSED)
        started_s = time.monotonic()
        attempt = HttpAttempt(operation, self._timeout_s)
        token = CURRENT_ATTEMPT.set(attempt)
        error: TsmemError | None = None
        try:
            yield attempt
        except Exception as failure:
            # The error's text can contain the signatures, so they are hidden too. `hide` remembers only the strings
            # that it was given last, so it gets the credentials again.
            hide((*attempt.signatures, *self._secrets))
            if self._is_closed and not attempt.is_sent:  # another thread has called close()
                raise TsmemError(_CLOSED) from None
            error = translate(failure, attempt, self._transport.host)
            name_missing_table(error, tables)
            if error is None or error is failure:
                raise
            raise error from failure
        finally:
            CURRENT_ATTEMPT.reset(token)
            if attempt.clock_skew_s is not None:
                self._clock_skew_s = attempt.clock_skew_s
            self.meter.add(attempt.cost.plus(port.Cost(1 if attempt.is_sent else 0)))
            if self._log is not None and (attempt.is_sent or isinstance(error, Unavailable)):
                parts = [" ".join((operation, *tables))]
                if attempt.rows is not None:
                    parts.append(quantity(attempt.rows, "row"))
                parts.append(f"{(time.monotonic() - started_s) * 1000:.1f} ms")
                if request_id := attempt.request_id or (error and error.request_id):
                    parts.append(f"request {request_id}")
                if error is not None:
                    parts.append(error.service_code or error.code)
                self._log(", ".join(parts))

    # Tables

    def list_tables(self) -> list[str]:
        with self._call("ListTable"):
            return sorted(self._sdk.list_table() or ())

    def describe_table(self, name: str) -> port.TableSchema:
        with self._call("DescribeTable", name):
            found = sdk_schemas.to_table_schema(self._sdk.describe_table(name))
            if found.name != name or not found.key:
                raise WrongReply("not the description of this table")
            return found

    def create_table(self, schema: port.TableSchema) -> None:
        with self._call("CreateTable", schema.name):
            self._sdk.create_table(*sdk_schemas.create_table_arguments(schema))

    def delete_table(self, name: str) -> None:
        with self._call("DeleteTable", name):
            self._sdk.delete_table(name)

    def create_index(self, table: str, index: port.IndexSchema, defined: Sequence[tuple[str, ColumnType]] = ()) -> None:
        """The service refuses an index on columns that the table does not define. If the table lacks some columns of
        `defined`, this method adds them and creates the index again, which costs three more requests."""
        try:
            with self._call("CreateIndex", table):
                self._sdk.create_secondary_index(table, sdk_schemas.index_meta(index), True)
        except InvalidInput:
            existing = dict(self.describe_table(table).defined_columns) if defined else {}
            missing = [(name, kind) for name, kind in dict(defined).items() if name not in existing]
            if not missing:
                raise
            with self._call(sdk_schemas.ADD_DEFINED_COLUMN, table):
                self._sdk._request_helper(sdk_schemas.ADD_DEFINED_COLUMN, table, missing)
            self.create_index(table, index)

    def delete_index(self, table: str, name: str) -> None:
        with self._call("DropIndex", table):
            self._sdk.delete_secondary_index(table, name)

    # Search indexes

    def list_search_indexes(self, table: str) -> list[str]:
        with self._call("ListSearchIndex", table):
            return sorted(name for owner, name in self._sdk.list_search_index(table) if owner == table)

    def create_search_index(self, schema: port.SearchIndexSchema) -> None:
        with self._call("CreateSearchIndex", schema.table):
            self._sdk.create_search_index(schema.table, schema.name, sdk_schemas.search_meta(schema))

    def describe_search_index(self, table: str, name: str) -> port.SearchIndexSchema:
        with self._call("DescribeSearchIndex", table):
            found: port.SearchIndexSchema = self._sdk.describe_search_index(table, name)
        self._search_fields[table, name] = dict(found.fields)
        return found._replace(table=table, name=name)

    def delete_search_index(self, table: str, name: str) -> None:
        with self._call("DeleteSearchIndex", table):
            self._sdk.delete_search_index(table, name)

    # Reads

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        with self._call("GetRow", table.name) as attempt:
            sdk_key = sdk_rows.key_columns(table, key)
            units, found, _ = self._sdk.get_row(table.name, sdk_key, columns, max_version=1)
            row = None if found is None else sdk_rows.to_row(table, found.primary_key, found.attribute_columns)
            attempt.rows = 0 if row is None else 1
            attempt.cost = sdk_rows.to_cost(units, attempt.rows)
            sdk_rows.check_same_key(key, row)
            return row

    def get_rows(self, table: TableRef, keys: Sequence[Key], columns: Sequence[str] | None = None) -> list[RowRead]:
        with self._call("BatchGetRow", table.name) as attempt:
            attempt.rows = len(keys)
            batch = sdk_rows.batch_read_request(table, keys, columns)
            items = self._sdk.batch_get_row(batch).get_result_by_table(table.name) or ()
            attempt.cost = sdk_rows.batch_read_cost(items)
            return sdk_rows.batch_read_outcomes(table, keys, items)

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
        with self._call("GetRange", table.name) as attempt:
            if announce is not None:
                attempt.announce = lambda start: announce(None if start is None else sdk_rows.to_key(table, start))
            units, next_start, found, _ = self._sdk.get_range(
                table.name,
                ots.Direction.BACKWARD if span.backward else ots.Direction.FORWARD,
                sdk_rows.bound_columns(table, span.start),
                sdk_rows.bound_columns(table, span.end),
                columns,
                None if limit is None else min(limit, MAX_ROWS_PER_PAGE),  # no page has more; the field has 31 bits
                sdk_rows.column_filter(filter),
                max_version=1,
            )
            attempt.rows = len(found)
            attempt.cost = sdk_rows.to_cost(units, attempt.rows)._replace(filtered=0 if filter is None else 1)
            rows = [sdk_rows.to_row(table, row.primary_key, row.attribute_columns) for row in found]
            page = port.RangePage(rows, None if next_start is None else sdk_rows.to_key(table, next_start))
            sdk_rows.check_page(span, limit, page)
            return page

    def search(self, table: TableRef, index: str, search: Search) -> SearchPage:
        """The service does not say how many capacity units a search took, so the meter counts none. The first search
        for a Contains in an index may take one more request, to describe the index."""
        from tsmem.adapters.tablestore import search as sdk_search

        is_approximate = sdk_search.has_contains(search.query)
        if is_approximate and (table.name, index) not in self._search_fields:
            self.describe_search_index(table.name, index)
        fields = self._search_fields.get((table.name, index), {})
        with self._call("Search", table.name) as attempt:
            request = sdk_search.search_request(search, fields)
            reply = self._sdk.search(table.name, index, request, sdk_search.sdk_columns(search.columns))
            attempt.rows = len(reply.rows)
            attempt.cost = port.Cost(rows_scanned=attempt.rows)
            return sdk_search.to_page(table, reply, search)._replace(total_is_exact=not is_approximate)

    # Writes

    def write_row(self, write: Write) -> None:
        with self._call(f"{type(write).__name__}Row", write.table.name) as attempt:
            attempt.rows = 1
            check_write(write)
            row, condition = sdk_rows.sdk_row(write), sdk_rows.sdk_condition(write.condition)
            try:
                if isinstance(write, Delete):
                    units, _ = self._sdk.delete_row(write.table.name, row.primary_key, condition)
                else:
                    send = self._sdk.put_row if isinstance(write, Put) else self._sdk.update_row
                    units, _ = send(write.table.name, row, condition)
            except ots.OTSServiceError as error:
                if error.code == "OTSConditionCheckFail":
                    attempt.cost = sdk_rows.FAILED_CONDITION_COST
                raise
            attempt.cost = sdk_rows.to_cost(units)

    def write_rows(self, writes: Sequence[Write]) -> list[port.RowOutcome]:
        with self._call("BatchWriteRow", *tables_of(writes)) as attempt:
            attempt.rows = len(writes)
            batch = sdk_rows.prepare_batch(writes)
            if not batch.places:
                return batch.outcomes
            try:
                reply = self._sdk.batch_write_row(batch.request)
            except (IndexError, KeyError):  # from the SDK, which looks up the row that each outcome is for
                raise WrongReply("outcomes for rows that were not sent") from None
            attempt.cost = sdk_rows.set_write_outcomes(batch, reply)
            return batch.outcomes
