"""Adapters give the store its backends: each implements the port's `TableClient` over one of them.

`open_client` chooses the adapter of a profile, and is the only place that does. `tsmem.open_store` calls it and passes
the client to the store. Only the chosen adapter is imported, because each one is slow to import:

- `local.py`: the engine, which keeps the tables in a SQLite file on this machine.
- `tablestore/`: Alibaba Cloud's TableStore through its SDK, wrapped in a client that retries.

Both adapters use `naming.py` for their errors. `redaction.py` takes secrets out of texts before they are printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tsmem.clock import Clock
    from tsmem.port import TableClient
    from tsmem.profiles import Profile


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
