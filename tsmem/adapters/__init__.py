"""From a profile to a TableClient: this is the one place that chooses an adapter, and it imports exactly one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsmem.errors import ProfileError

if TYPE_CHECKING:
    from tsmem.clock import Clock
    from tsmem.port import TableClient
    from tsmem.profiles import Profile


def open_client(profile: Profile, clock: Clock) -> TableClient:
    """The client of a profile's backend. Nothing is connected to yet. Raises ProfileError."""
    if profile.backend == "local" and profile.path is not None:
        from tsmem.adapters.local import LocalClient

        return LocalClient(profile.path, clock)
    raise ProfileError(
        f"profile '{profile.name}' has the backend '{profile.backend}', which this version cannot open",
        hint="the backend 'local' keeps everything in one file",
    )
