"""The class `Engine`: one method for each request, which runs it in one transaction.

The local adapter and the server call it. A method takes a connection (`file/connections.py`), and passes the request to
the module that answers it; requests that change schemas are methods of `Engine.definitions`. Only errors of
`tsmem.errors` leave the engine. Any thread can call any method, and any number of processes can have the same file
open.

Methods import what reading a row does not need, because every command pays for the imports at the top of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from os.path import abspath
from pathlib import Path
from typing import TYPE_CHECKING

from tsmem.clock import Clock
from tsmem.engine.file.connections import Connections
from tsmem.engine.file.files import check_sqlite
from tsmem.engine.requests import BatchGetRow, GetRange, PageReply, RowsReply, WriteReply
from tsmem.engine.rows.reads import RowReader, get_range, get_rows
from tsmem.engine.tables import SearchDescription
from tsmem.port import TableSchema
from tsmem.rows import Row, TableRef, Write

if TYPE_CHECKING:
    from tsmem.engine.definitions import Definitions
    from tsmem.engine.rows.cells import CellRow
    from tsmem.engine.rows.changes import RowChange
    from tsmem.engine.rows.versioned_reads import View
    from tsmem.engine.search.search import SearchReply
    from tsmem.queries import Search


class Engine:
    """TableStore's tables in one file. Errors that only the file causes, StorageFailure and Unavailable, can be raised
    by every method, whose docstring does not repeat them."""

    def __init__(self, path: Path | None, clock: Clock, notice: Callable[[str], None] | None = None) -> None:
        """The engine uses a temporary file if `path` is None. While a call waits for another process, it passes
        messages for the user to `notice`. Raises StorageFailure if this Python's SQLite cannot be used."""
        check_sqlite()
        self._connections = Connections(None if path is None else abspath(path), notice)  # noqa: PTH100 - resolve() would follow links
        self._clock = clock

    def close(self) -> None:
        """Close the file. Requests in flight can end. Closing twice is not an error."""
        self._connections.close()

    def create_file(self) -> None:
        """Create the file if it is missing. Raises StorageFailure if it cannot be created or written."""
        with self._connections.write() as transaction:
            transaction.execute("UPDATE catalog_version SET version = version")  # fails for a read-only file

    @property
    def definitions(self) -> Definitions:
        """The requests that change tables and indexes."""
        from tsmem.engine.definitions import Definitions

        return Definitions(self._connections, self._clock)

    def list_tables(self) -> list[str]:
        """Return the names of tables and secondary indexes, sorted."""
        with self._connections.read() as transaction:
            return sorted(transaction.catalog().tables)

    def describe_table(self, name: str) -> TableSchema:
        """Return the schema of a table, or of a secondary index as a table. Raises TableNotFound."""
        with self._connections.read() as transaction:
            return transaction.catalog().table(name).schema

    def list_search_indexes(self, table: str) -> list[str]:
        """Return the names of a table's search indexes, sorted. Raises TableNotFound."""
        with self._connections.read() as transaction:
            found = transaction.catalog().table(table, main_only=True)
            return [description.schema.name for description in found.search_descriptions]

    def describe_search_index(self, table: str, name: str) -> SearchDescription:
        """Return a search index as it was created. Raises TableNotFound."""
        from tsmem.engine.indexes.search_index import find_index

        with self._connections.read() as transaction:
            return find_index(transaction, table, name).description

    def get_rows(self, request: BatchGetRow) -> RowsReply[Row]:
        """Read up to 100 rows as of one moment. Raises TableNotFound, InvalidInput."""
        with self._connections.read() as transaction:
            return get_rows(transaction, request, RowReader)

    def get_range(self, request: GetRange) -> PageReply[Row]:
        """Read one page of a range as of one moment. Raises TableNotFound, InvalidInput."""
        with self._connections.read() as transaction:
            return get_range(transaction, request, RowReader)

    def read_rows(self, request: BatchGetRow, view: View) -> RowsReply[CellRow]:
        """Read rows as `get_rows` does, with the versions of their cells."""
        from tsmem.engine.rows.versioned_reads import CellReader

        with self._connections.read() as transaction:
            return get_rows(transaction, request, partial(CellReader, view))

    def read_range(self, request: GetRange, view: View) -> PageReply[CellRow]:
        """Read one page of a range as `get_range` does, with the versions of its cells."""
        from tsmem.engine.rows.versioned_reads import CellReader

        with self._connections.read() as transaction:
            return get_range(transaction, request, partial(CellReader, view))

    def search(self, table: TableRef, index: str, search: Search) -> SearchReply[Row]:
        """Return one page of a search as of one moment. The total is exact unless counting would take too long. Raises
        TableNotFound, InvalidInput."""
        from tsmem.engine.indexes.search_index import find_index
        from tsmem.engine.search.search import check_limit, search_page

        with self._connections.read() as transaction:
            found = find_index(transaction, table.name, index)
            check_limit(found, search)
            return search_page(transaction, found, search, RowReader, exact_count=False)

    def search_cells(self, table: TableRef, index: str, search: Search) -> SearchReply[CellRow]:
        """Search as `search` does, but return the versions of cells and an exact total. The caller checks the limit."""
        from tsmem.engine.indexes.search_index import find_index
        from tsmem.engine.rows.versioned_reads import CellReader, View
        from tsmem.engine.search.search import search_page

        with self._connections.read() as transaction:
            found = find_index(transaction, table.name, index)
            return search_page(transaction, found, search, partial(CellReader, View()), exact_count=True)

    def write_rows(self, writes: Sequence[Write | RowChange]) -> list[WriteReply]:
        """Write up to 1,000 rows in order, in one transaction. If a row fails, its reply has the error, and the other
        rows are written. Raises TableNotFound, and InvalidInput for an error that concerns the whole batch."""
        from tsmem.engine.rows.writes import write_batch

        with self._connections.write(create=False) as transaction:
            return write_batch(transaction, writes, self._clock.now_us() // 1000)
