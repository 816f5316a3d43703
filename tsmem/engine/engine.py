"""The class `Engine`: one method for each request, which runs it in one transaction.

Only errors of `tsmem.errors` leave the engine. Any thread can call any method, and any number of processes can have the
same file open. Methods import what reading a row does not need, because every command pays for the imports at the top
of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os.path import abspath
from pathlib import Path
from typing import TYPE_CHECKING

from tsmem.clock import Clock
from tsmem.engine.catalog import SearchDescription
from tsmem.engine.file.connections import Connections
from tsmem.engine.file.files import check_sqlite
from tsmem.engine.rows import reads
from tsmem.engine.rows.reads import BatchGetRow, GetRange, MakeReader, PageReply, R, RowsReply
from tsmem.port import TableSchema
from tsmem.rows import TableRef, Write

if TYPE_CHECKING:
    from tsmem.engine.definitions import Definitions
    from tsmem.engine.rows.changes import RowChange
    from tsmem.engine.rows.writes import WriteReply
    from tsmem.engine.search.search import SearchReply
    from tsmem.queries import Search


class Engine:
    """TableStore's tables in one file. A method raises TableNotFound for a table or index that does not exist,
    InvalidInput for a request that the service would refuse, and StorageFailure or Unavailable if the file cannot be
    used."""

    def __init__(self, path: Path | None, clock: Clock, notice: Callable[[str], None] | None = None) -> None:
        """Use a temporary file if `path` is None. A call that waits for another process tells the user by `notice`.
        Raises StorageFailure if this Python's SQLite cannot be used."""
        check_sqlite()
        self._connections = Connections(None if path is None else abspath(path), notice)  # noqa: PTH100 - resolve() would follow links
        self._clock = clock

    def close(self) -> None:
        """Requests in progress can end. Closing twice is not an error."""
        self._connections.close()

    def create_file(self) -> None:
        with self._connections.write() as transaction:
            transaction.execute("UPDATE catalog_version SET version = version")  # fails for a read-only file

    @property
    def definitions(self) -> Definitions:
        from tsmem.engine.definitions import Definitions

        return Definitions(self._connections, self._clock)

    def list_tables(self) -> list[str]:
        with self._connections.read() as transaction:
            return sorted(transaction.catalog().tables)

    def describe_table(self, name: str) -> TableSchema:
        """Return the schema of a table, or of a secondary index as a table."""
        with self._connections.read() as transaction:
            return transaction.catalog().table(name).schema

    def list_search_indexes(self, table: str) -> list[str]:
        with self._connections.read() as transaction:
            found = transaction.catalog().table(table, main_only=True)
            return [description.schema.name for description in found.search_descriptions]

    def describe_search_index(self, table: str, name: str) -> SearchDescription:
        from tsmem.engine.indexes.search_index import find_index

        with self._connections.read() as transaction:
            return find_index(transaction, table, name).description

    def get_rows(self, request: BatchGetRow, make_reader: MakeReader[R]) -> RowsReply[R]:
        """Read up to 100 rows. `make_reader` is RowReader, or the reader of a View."""
        with self._connections.read() as transaction:
            return reads.get_rows(transaction, request, make_reader)

    def get_range(self, request: GetRange, make_reader: MakeReader[R]) -> PageReply[R]:
        with self._connections.read() as transaction:
            return reads.get_range(transaction, request, make_reader)

    def search(
        self, table: TableRef, index: str, search: Search, make_reader: MakeReader[R], *, for_server: bool = False
    ) -> SearchReply[R]:
        """Return one page. The total is exact unless counting would take too long; the server needs it exact, and
        checks the limit itself."""
        from tsmem.engine.indexes.search_index import find_index
        from tsmem.engine.search.search import check_limit, search_page

        with self._connections.read() as transaction:
            found = find_index(transaction, table.name, index)
            if not for_server:
                check_limit((*found.field_types, *found.table.key_names), search)
            return search_page(transaction, found, search, make_reader, exact_count=for_server)

    def write_rows(self, writes: Sequence[Write | RowChange]) -> list[WriteReply]:
        """Write up to 1,000 rows in order, in one transaction. If a row fails, its reply has the error, and the other
        rows are written. An error that concerns the whole batch is raised."""
        from tsmem.engine.rows.writes import write_batch

        with self._connections.write(create=False) as transaction:
            return write_batch(transaction, writes, self._clock.now_us() // 1000)
