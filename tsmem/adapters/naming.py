"""Add the name of the missing table to an error of the service or of the engine.

Both adapters call this module when a request fails. TableStore's own message does not say which table is missing, but
the adapter knows which tables it asked for. `tsmem serve` sends the original message, as the service would.
"""

from __future__ import annotations

from collections.abc import Sequence

from tsmem.errors import TableNotFound, TsmemError
from tsmem.rows import Write


def name_missing_table(error: TsmemError | None, tables: Sequence[str]) -> None:
    """Change the message of a TableNotFound to name the tables of the request, unless it names one already.

    Messages that name a table or a search index put the name in brackets or quotes."""
    if isinstance(error, TableNotFound) and tables and not any(mark in error.message for mark in "['"):
        names = " or ".join(f"'{table}'" for table in tables)
        error.message = f"there is no table or index {names}"
        error.args = (error.message,)


def tables_of(writes: Sequence[Write]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(write.table.name for write in writes))
