"""Name the missing table in an error: the service does not say which one it is, but the caller knows.

Both adapters use the same words. `tsmem serve` replies with the service's own.
"""

from __future__ import annotations

from collections.abc import Sequence

from tsmem.errors import TableNotFound, TsmemError
from tsmem.rows import Write


def name_missing(error: TsmemError | None, tables: Sequence[str]) -> None:
    """Name the tables of the request in a TableNotFound that names nothing.

    A name stands in brackets or quotes: errors on search indexes have one."""
    if isinstance(error, TableNotFound) and tables and not any(sign in error.message for sign in "['"):
        named = " or ".join(f"'{table}'" for table in tables)
        error.message = f"there is no table or index {named}"
        error.args = (error.message,)


def tables_of(writes: Sequence[Write]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(write.table.name for write in writes))
