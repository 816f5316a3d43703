"""Open the TableClient of a profile: the one place that chooses an adapter. It imports exactly one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsmem.errors import ProfileError

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
    """Return the client of a profile's backend, connected to nothing yet. Raises ProfileError.

    `log` takes a line about each request over the wire; `notice` takes what people should know about a wait for the
    file."""
    if profile.backend == "local" and profile.path is not None:
        from tsmem.adapters.local import LocalClient

        return LocalClient(profile.path, clock, notice)
    if profile.backend == "tablestore":
        from tsmem.adapters.tablestore.client import TablestoreClient
        from tsmem.retry import RetryingClient, RetryPolicy

        return RetryingClient(TablestoreClient(profile, log), clock, RetryPolicy(timeout_s=profile.timeout_s))
    raise ProfileError(
        f"profile '{profile.name}' has the backend '{profile.backend}', which this version cannot open",
        hint="the backend is 'local' for one file on this machine, or 'tablestore'",
    )
