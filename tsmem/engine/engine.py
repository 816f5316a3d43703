"""The engine's face: one method for each request, each one transaction.

Only this class is used from outside the package, and only errors of `tsmem.errors` leave it. Any method may be called
from any thread, and any number of processes may have the same file open. What reading a row does not need is loaded
when it is called, because every command pays for what is loaded at its start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
from tsmem.port import IndexSchema, KeySchema, SearchIndexSchema, TableSchema
from tsmem.rows import Row, TableRef, Write

if TYPE_CHECKING:
    from tsmem.engine.definitions import Definitions, TableOptions
    from tsmem.engine.rows.cells import CellRow
    from tsmem.engine.rows.changes import RowChange
    from tsmem.engine.rows.versioned_reads import View
    from tsmem.engine.search.search import SearchReply
    from tsmem.queries import Search


class Engine:
    """TableStore's tables in one file, or in an unnamed temporary file."""

    def __init__(self, path: Path | None, clock: Clock, notice: Callable[[str], None] | None = None) -> None:
        """Use a temporary file if `path` is None. Call `notice` with messages for the user while a call waits. Raises
        StorageFailure if this Python's SQLite is too old."""
        check_sqlite()
        self._connections = Connections(None if path is None else abspath(path), notice)  # noqa: PTH100 - resolve() would follow links
        self._clock = clock

    def close(self) -> None:
        """Close the file. Closing twice is no error; a request in flight ends first."""
        self._connections.close()

    def make(self) -> None:
        """Make the file where it is missing. Raises StorageFailure for one that cannot be made or written."""
        with self._connections.write() as transaction:
            transaction.execute("UPDATE catalog_version SET version = version")  # only a write finds that out

    @contextmanager
    def _definitions(self) -> Iterator[Definitions]:
        """Run a block that changes schemas, in one write transaction."""
        from tsmem.engine.definitions import Definitions

        with self._connections.write() as transaction:
            yield Definitions(transaction)
            transaction.execute("UPDATE catalog_version SET version = version + 1")

    def list_tables(self) -> list[str]:
        """Return the names of tables and secondary indexes, in order."""
        with self._connections.read() as transaction:
            return sorted(transaction.catalog().tables)

    def describe_table(self, name: str) -> TableSchema:
        """Return the schema of a table, or of a secondary index as a table. Raises TableNotFound."""
        with self._connections.read() as transaction:
            return transaction.catalog().table(name).schema

    def create_table(self, schema: TableSchema) -> None:
        """Make a table with its secondary indexes. Raises AlreadyExists, InvalidInput."""
        with self._definitions() as definitions:
            definitions.create_table(schema)

    def update_table(self, name: str, options: TableOptions) -> TableSchema:
        """Change some options of a table. Fewer versions hide the older ones of rows there, and the next write of a
        column drops them. Raises TableNotFound, InvalidInput."""
        with self._definitions() as definitions:
            return definitions.update_table(name, options)

    def delete_table(self, name: str) -> None:
        """Delete a table, its rows and its secondary indexes. Raises TableNotFound, and InvalidInput while it has a
        search index."""
        with self._definitions() as definitions:
            definitions.delete_table(name)

    def add_defined_columns(self, table: str, columns: KeySchema) -> None:
        """Declare attribute columns that indexes may use. One that has the same type already is no error. Raises
        TableNotFound, InvalidInput."""
        with self._definitions() as definitions:
            definitions.add_defined_columns(table, columns)

    def delete_defined_columns(self, table: str, names: Sequence[str]) -> None:
        """Remove the declaration of columns; the values in rows stay. Raises TableNotFound, and InvalidInput for one
        that an index uses."""
        with self._definitions() as definitions:
            definitions.delete_defined_columns(table, names)

    def create_index(
        self, table: str, index: IndexSchema, defined: KeySchema = (), *, include_base_data: bool = True
    ) -> None:
        """Add a secondary index, and define its columns that the table does not define yet. Existing rows get entries
        if `include_base_data`. Raises TableNotFound, AlreadyExists, InvalidInput."""
        with self._definitions() as definitions:
            definitions.create_index(table, index, defined, include_base_data)

    def delete_index(self, table: str, name: str) -> None:
        """Delete a secondary index. Raises TableNotFound."""
        with self._definitions() as definitions:
            definitions.delete_index(table, name)

    def create_search_index(
        self, schema: SearchIndexSchema, definition: bytes | None = None, time_to_live_s: int = -1
    ) -> None:
        """Create a search index, which holds all rows from its first moment; `definition` is stored as it comes. A
        field of a type that the engine does not know is described, and a search that names it is refused. Raises
        TableNotFound, AlreadyExists, InvalidInput."""
        with self._definitions() as definitions:
            definitions.create_search_index(schema, definition, self._clock.now_us(), time_to_live_s)

    def list_search_indexes(self, table: str) -> list[str]:
        """Return the names of a table's search indexes, in order. Raises TableNotFound."""
        with self._connections.read() as transaction:
            return [search.schema.name for search in transaction.catalog().table(table, main_only=True).searches]

    def describe_search_index(self, table: str, name: str) -> SearchDescription:
        """Return a search index as it was created. Raises TableNotFound."""
        from tsmem.engine.indexes.search_index import find_index

        with self._connections.read() as transaction:
            return find_index(transaction, table, name).description

    def delete_search_index(self, table: str, name: str) -> None:
        """Delete a search index. Raises TableNotFound."""
        with self._definitions() as definitions:
            definitions.delete_search_index(table, name)

    def get_rows(self, request: BatchGetRow) -> RowsReply[Row]:
        """Read up to 100 rows, all as of one moment. Raises TableNotFound, InvalidInput."""
        with self._connections.read() as transaction:
            return get_rows(transaction, request, RowReader)

    def get_range(self, request: GetRange) -> PageReply[Row]:
        """Read one page of a range, as of one moment. Raises TableNotFound, InvalidInput."""
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
        """Return one page of a search, as of one moment. The count is exact unless that would take long. Raises
        TableNotFound, InvalidInput."""
        from tsmem.engine.indexes.search_index import find_index
        from tsmem.engine.search.search import check_limit, search_page

        with self._connections.read() as transaction:
            found = find_index(transaction, table.name, index)
            check_limit(found, search)
            return search_page(transaction, found, search, RowReader, exact_count=False)

    def search_cells(self, table: TableRef, index: str, search: Search) -> SearchReply[CellRow]:
        """Search as `search` does, with the versions of cells, an exact count, and any limit of at least 0."""
        from tsmem.engine.indexes.search_index import find_index
        from tsmem.engine.rows.versioned_reads import CellReader, View
        from tsmem.engine.search.search import search_page

        with self._connections.read() as transaction:
            found = find_index(transaction, table.name, index)
            return search_page(transaction, found, search, partial(CellReader, View()), exact_count=True)

    def write_rows(self, writes: Sequence[Write | RowChange]) -> list[WriteReply]:
        """Write up to 1,000 rows in one transaction, in order. A row that fails has its error in its reply. Raises
        TableNotFound, InvalidInput for a batch that is wrong as a whole."""
        from tsmem.engine.rows.writes import write_batch

        with self._connections.write(make=False) as transaction:
            return write_batch(transaction, writes, self._clock.now_us() // 1000)
