"""The engine's face: one method a request, each one transaction.

Its one rule: only this class is used from outside the package, and only errors of `tsmem.errors` leave it. Any method
may be called from any thread, and any number of processes may have the same file open. What reading a row does not need
is loaded when it is called, because every command pays for what is loaded at its start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os.path import abspath
from pathlib import Path
from typing import TYPE_CHECKING

from tsmem.clock import Clock
from tsmem.engine.file.connections import Connections
from tsmem.engine.file.sqlite_version import check_sqlite
from tsmem.engine.requests import (
    BatchGetRow,
    BatchWriteRow,
    CreateIndex,
    GetRange,
    GetRow,
    PageReply,
    RowReply,
    RowsReply,
    WriteReply,
)
from tsmem.engine.rows import reads
from tsmem.port import KeySchema, SearchIndexSchema, TableSchema
from tsmem.rows import TableRef

if TYPE_CHECKING:
    from tsmem.engine.search.search import SearchReply
    from tsmem.engine.service_requests import (
        CellPageReply,
        CellRowsReply,
        CreateTable,
        SearchDescription,
        TableDescription,
        TableOptions,
        View,
    )
    from tsmem.queries import Search


class Engine:
    """TableStore's tables in one file; in an unnamed temporary one when `path` is None."""

    def __init__(self, path: Path | None, clock: Clock, notice: Callable[[str], None] | None = None) -> None:
        """`notice` hears what people should know of the file while it goes on. Raises StorageFailure where this
        Python's SQLite cannot serve."""
        check_sqlite()
        self._connections = Connections(None if path is None else abspath(path), notice)  # noqa: PTH100 - resolve() would follow links
        self._clock = clock

    def close(self) -> None:
        """Let go of the file. Closing twice is no error; a request in flight ends first."""
        self._connections.close()

    def make(self) -> None:
        """Make the file where it is missing. Raises what a write would: StorageFailure for one that cannot be made, or
        can only be read."""
        with self._connections.write() as transaction:
            transaction.execute("UPDATE catalog_version SET version = version")  # it takes a write to know

    def list_tables(self) -> list[str]:
        """Names of tables and secondary indexes, in order."""
        from tsmem.engine import definitions

        with self._connections.read() as transaction:
            return definitions.list_tables(transaction)

    def describe_table(self, name: str) -> TableSchema:
        """A table's schema, or a secondary index's as a table. Raises TableNotFound."""
        from tsmem.engine import definitions

        with self._connections.read() as transaction:
            return definitions.describe_table(transaction, name)

    def describe_full(self, name: str) -> TableDescription:
        """A table with its options, or a secondary index as a table. Raises TableNotFound."""
        from tsmem.engine import table_options

        with self._connections.read() as transaction:
            return table_options.describe_full(transaction, name)

    def create_table(self, schema: TableSchema) -> None:
        """Make a table with its secondary indexes, all of them local. Raises AlreadyExists, InvalidInput."""
        from tsmem.engine import definitions

        with self._connections.write() as transaction:
            definitions.create_table(transaction, schema)

    def create_full_table(self, request: CreateTable) -> None:
        """Make a table with its options and secondary indexes. Raises AlreadyExists, InvalidInput."""
        from tsmem.engine import table_options

        with self._connections.write() as transaction:
            table_options.create_full(transaction, request)

    def update_table(self, name: str, options: TableOptions) -> TableDescription:
        """Change some options of a table; rows do not expire, whatever they say. Raises TableNotFound, InvalidInput."""
        from tsmem.engine import table_options

        with self._connections.write() as transaction:
            return table_options.update_table(transaction, name, options)

    def add_defined_columns(self, table: str, columns: KeySchema) -> None:
        """Declare attribute columns that indexes may use. Raises TableNotFound, InvalidInput."""
        from tsmem.engine import defined_columns

        with self._connections.write() as transaction:
            defined_columns.add(transaction, table, columns)

    def delete_defined_columns(self, table: str, names: Sequence[str]) -> None:
        """Declare attribute columns no longer. Raises TableNotFound, InvalidInput for one that an index uses."""
        from tsmem.engine import defined_columns

        with self._connections.write() as transaction:
            defined_columns.delete_columns(transaction, table, names)

    def delete_table(self, name: str) -> None:
        """Delete a table, its rows and its secondary indexes. Raises TableNotFound, InvalidInput."""
        from tsmem.engine import definitions

        with self._connections.write() as transaction:
            definitions.delete_table(transaction, name)

    def create_index(self, request: CreateIndex) -> None:
        """Add a secondary index. Raises TableNotFound, AlreadyExists, InvalidInput."""
        from tsmem.engine import definitions

        with self._connections.write() as transaction:
            definitions.create_index(transaction, request)

    def delete_index(self, table: str, name: str) -> None:
        """Delete a secondary index. Raises TableNotFound."""
        from tsmem.engine import definitions

        with self._connections.write() as transaction:
            definitions.delete_index(transaction, table, name)

    def create_search_index(
        self, schema: SearchIndexSchema, definition: bytes | None = None, time_to_live_s: int = -1
    ) -> None:
        """Store a search index, with a definition that is kept as it comes. Raises TableNotFound, AlreadyExists,
        InvalidInput."""
        from tsmem.engine.indexes import search_schemas

        with self._connections.write() as transaction:
            search_schemas.create_search_index(transaction, schema, definition, self._clock.now_us(), time_to_live_s)

    def list_search_indexes(self, table: str) -> list[str]:
        """Names of a table's search indexes, in order. Raises TableNotFound."""
        from tsmem.engine.indexes import search_schemas

        with self._connections.read() as transaction:
            return search_schemas.list_search_indexes(transaction, table)

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema:
        """A search index's schema. Raises TableNotFound."""
        from tsmem.engine.indexes import search_schemas

        with self._connections.read() as transaction:
            return search_schemas.find_index(transaction, table, name).schema

    def describe_search(self, table: str, name: str) -> SearchDescription:
        """What is known of a search index beside its fields. Raises TableNotFound."""
        from tsmem.engine import table_options

        with self._connections.read() as transaction:
            return table_options.describe_search(transaction, table, name)

    def delete_search_index(self, table: str, name: str) -> None:
        """Delete a search index. Raises TableNotFound."""
        from tsmem.engine.indexes import search_schemas

        with self._connections.write() as transaction:
            search_schemas.delete_search_index(transaction, table, name)

    def get_row(self, request: GetRow) -> RowReply:
        """Read one row. Raises TableNotFound, InvalidInput."""
        with self._connections.read() as transaction:
            return reads.get_row(transaction, request)

    def get_rows(self, request: BatchGetRow) -> RowsReply:
        """Read up to 100 rows, all as of one moment. Raises TableNotFound, InvalidInput."""
        with self._connections.read() as transaction:
            return reads.get_rows(transaction, request)

    def get_range(self, request: GetRange) -> PageReply:
        """Read one page of a range, as of one moment. Raises TableNotFound, InvalidInput."""
        with self._connections.read() as transaction:
            return reads.get_range(transaction, request)

    def search(self, table: TableRef, index: str, search: Search, *, exact_count: bool = False) -> SearchReply:
        """Return one page of what a search index finds, as of one moment. A count that would take long is not exact
        unless `exact_count` asks for it. Raises TableNotFound, InvalidInput."""
        from tsmem.engine.search.search import search_page as search_page

        with self._connections.read() as transaction:
            return search_page(transaction, table.name, index, search, exact_count=exact_count)

    def read_rows(self, request: BatchGetRow, view: View) -> CellRowsReply:
        """Read up to 100 rows with the versions of their cells, as of one moment. Raises TableNotFound,
        InvalidInput."""
        from tsmem.engine.rows import versioned_reads

        with self._connections.read() as transaction:
            return versioned_reads.versioned_rows(transaction, request, view)

    def read_range(self, request: GetRange, view: View) -> CellPageReply:
        """Read one page of a range with the versions of its cells, as of one moment. Raises TableNotFound,
        InvalidInput."""
        from tsmem.engine.rows import versioned_reads

        with self._connections.read() as transaction:
            return versioned_reads.read_range(transaction, request, view)

    def write_rows(self, request: BatchWriteRow) -> list[WriteReply]:
        """Write up to 1,000 rows in one transaction, each for itself, in order. Raises what is wrong with the whole."""
        from tsmem.engine.rows import writes

        with self._connections.write(make=False) as transaction:
            drafts = writes.draft_batch(transaction.catalog(), request.writes)
            version_ms = self._clock.now_us() // 1000
            return writes.write_batch(transaction, drafts, version_ms)
