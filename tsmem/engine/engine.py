"""The engine's face: one method a request, each one transaction.

Its one rule: only this class is used from outside the package, and only errors of `tsmem.errors` leave it. Any method
may be called from any thread, and any number of processes may have the same file open. What reading a row does not need
is loaded when it is called, because every command pays for what is loaded at its start.
"""

from __future__ import annotations

from os.path import abspath
from pathlib import Path

from tsmem.clock import Clock
from tsmem.engine import reads
from tsmem.engine.connections import Connections
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
from tsmem.port import SearchIndexSchema, TableSchema


class Engine:
    """TableStore's tables in one file; in an unnamed temporary one when `path` is None."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._connections = Connections(None if path is None else abspath(path))  # noqa: PTH100 - resolve() would follow links
        self._clock = clock

    def close(self) -> None:
        """Let go of the file. Closing twice is no error; a request in flight ends first."""
        self._connections.close()

    def list_tables(self) -> list[str]:
        """Names of tables and secondary indexes, in order."""
        from tsmem.engine import definitions

        with self._connections.read() as session:
            return definitions.list_tables(session)

    def describe_table(self, name: str) -> TableSchema:
        """A table's schema, or a secondary index's as a table. Raises TableNotFound."""
        from tsmem.engine import definitions

        with self._connections.read() as session:
            return definitions.describe_table(session, name)

    def create_table(self, schema: TableSchema) -> None:
        """Make a table with its secondary indexes. Raises AlreadyExists, InvalidInput."""
        from tsmem.engine import definitions

        with self._connections.write() as session:
            definitions.create_table(session, schema)

    def delete_table(self, name: str) -> None:
        """Delete a table, its rows and its secondary indexes. Raises TableNotFound, InvalidInput."""
        from tsmem.engine import definitions

        with self._connections.write() as session:
            definitions.delete_table(session, name)

    def create_index(self, request: CreateIndex) -> None:
        """Add a secondary index. Raises TableNotFound, AlreadyExists, InvalidInput."""
        from tsmem.engine import definitions

        with self._connections.write() as session:
            definitions.create_index(session, request)

    def delete_index(self, table: str, name: str) -> None:
        """Delete a secondary index. Raises TableNotFound."""
        from tsmem.engine import definitions

        with self._connections.write() as session:
            definitions.delete_index(session, table, name)

    def create_search_index(self, schema: SearchIndexSchema) -> None:
        """Store a search index. Raises TableNotFound, AlreadyExists, InvalidInput."""
        from tsmem.engine import search_defs

        with self._connections.write() as session:
            search_defs.create_search_index(session, schema)

    def list_search_indexes(self, table: str) -> list[str]:
        """Names of a table's search indexes, in order. Raises TableNotFound."""
        from tsmem.engine import search_defs

        with self._connections.read() as session:
            return search_defs.list_search_indexes(session, table)

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema:
        """A search index's schema. Raises TableNotFound."""
        from tsmem.engine import search_defs

        with self._connections.read() as session:
            return search_defs.describe_search_index(session, table, name)

    def delete_search_index(self, table: str, name: str) -> None:
        """Delete a search index. Raises TableNotFound."""
        from tsmem.engine import search_defs

        with self._connections.write() as session:
            search_defs.delete_search_index(session, table, name)

    def get_row(self, request: GetRow) -> RowReply:
        """Read one row. Raises TableNotFound, InvalidInput."""
        with self._connections.read() as session:
            return reads.get_row(session, request)

    def get_rows(self, request: BatchGetRow) -> RowsReply:
        """Read up to 100 rows, all as of one moment. Raises TableNotFound, InvalidInput."""
        with self._connections.read() as session:
            return reads.get_rows(session, request)

    def get_range(self, request: GetRange) -> PageReply:
        """Read one page of a range, as of one moment. Raises TableNotFound, InvalidInput."""
        with self._connections.read() as session:
            return reads.get_range(session, request)

    def write_rows(self, request: BatchWriteRow) -> list[WriteReply]:
        """Write up to 200 rows in one transaction, each for itself, in order. Raises what is wrong with the whole."""
        from tsmem.engine import writes

        with self._connections.write() as session:
            drafts = writes.draft_batch(session.catalog(), request.writes)
            stamp_ms = self._clock.now_us() // 1000
            return [writes.apply(session, draft, stamp_ms) for draft in drafts]
