"""Adapters give the store its backends: each implements the port's `TableClient` over one of them.

`tsmem.open_store` calls `open_client` and passes the client to the store. Only the chosen adapter is imported, because
each one is slow to import:

- `local.py`: the engine, which keeps the tables in a SQLite file on this machine.
- `tablestore/`: Alibaba Cloud's TableStore through its SDK, wrapped in a client that retries.

`redaction.py` takes secrets out of texts before they are printed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tsmem.errors import TableNotFound, TsmemError

if TYPE_CHECKING:
    from tsmem.clock import Clock
    from tsmem.port import TableClient
    from tsmem.profiles import Profile
    from tsmem.rows import Write


def open_client(
    profile: Profile,
    clock: Clock,
    log: Callable[[str], None] | None = None,
    notice: Callable[[str], None] | None = None,
) -> TableClient:
    """Return the client of a profile's backend. It connects to nothing before its first call. Raises ProfileError.

    `log` is called with one line for each request to TableStore. `notice` is called with a sentence for the user while
    the local file is locked by another process."""
    if profile.backend == "local":
        from tsmem.adapters.local import LocalClient

        return LocalClient(profile.path, clock, notice)
    from tsmem.adapters.tablestore.client import TablestoreClient
    from tsmem.retry import RetryingClient, RetryPolicy

    return RetryingClient(TablestoreClient(profile, log), clock, RetryPolicy(timeout_s=profile.timeout_s))


def name_missing_table(error: TsmemError | None, tables: Sequence[str]) -> None:
    """Name the requested tables in a TableNotFound, because TableStore's own message does not say which one is missing.
    A message that names a table or index, in brackets or quotes, stays."""
    if isinstance(error, TableNotFound) and tables and not any(mark in error.message for mark in "['"):
        names = " or ".join(f"'{table}'" for table in tables)
        error.message = f"there is no table or index {names}"
        error.args = (error.message,)


def tables_of(writes: Sequence[Write]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(write.table.name for write in writes))
