"""Says which table is missing: the service does not, and whoever asked knows.

Both adapters name it in the same words; the server answers its clients with the service's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tsmem.errors import TableNotFound, TsmemError
from tsmem.rows import Write


@contextmanager
def naming(*tables: str) -> Iterator[None]:
    """Around a call that asks for these tables or secondary indexes."""
    try:
        yield
    except TableNotFound as error:
        name_missing(error, tables)
        raise


def name_missing(error: TsmemError | None, tables: Sequence[str]) -> None:
    """Name what was asked for, where an error says that something is not there and not what. Names stand in brackets
    or quotes: those of search indexes do."""
    named = [f"'{table}'" for table in tables]
    if isinstance(error, TableNotFound) and named and not any(sign in error.message for sign in "['"):
        error.message = f"there is no table or index {' or '.join(named)}"
        error.args = (error.message,)


def tables_of(writes: Sequence[Write]) -> tuple[str, ...]:
    """The tables that rows are written to, in their order."""
    return tuple(dict.fromkeys(write.table.name for write in writes))
