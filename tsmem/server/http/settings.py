"""The settings of a server."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsmem.server.http.auth import AccessKey
from tsmem.server.http.faults import Faults


@dataclass(frozen=True)
class Settings:
    """The options of a server."""

    host: str = "127.0.0.1"
    """A name or address; needs credentials if other machines can reach it."""
    port: int = 0
    instance: str | None = None
    """The only instance that exists; None accepts any name."""
    credentials: AccessKey | None = None
    """The only key that is accepted; None accepts any."""
    faults: Faults = field(default_factory=Faults)
    latency_ms: float = 0
    max_connections: int = 512
    """Further ones get OTSServerBusy. Lower if the process may not open so many files."""
    max_peer_connections: int = 384
    """Connections from one address; further ones get OTSServerBusy."""
    yield_after_s: float = 1
    """Seconds for which a connection without a whole request is safe from being closed for a new one."""
    max_held_bytes: int = 256 * 1024 * 1024
    """Large responses that are being sent, in all; one that does not fit is replaced by OTSServerBusy."""
    idle_s: float = 75
    """Seconds that a connection may wait for its next request."""
    request_s: float = 30
    """Seconds that a request may take to arrive, and a response to be taken."""
    work_s: float = 20
    """Seconds that a read may work; tsmem's own clients wait for 30."""
    max_searches: int = 6
    """Searches that run at once; others wait. Fewer than a temporary store has connections."""
    linger_s: float = 2
    """Seconds for which a refused client is read on, so that it sees why."""
    hang_s: float = 600
    """Seconds that the fault `hang` lasts at most."""
    receive_s: float = 1
    """Seconds that a stop waits for a request that has begun to arrive."""
    stop_s: float = 30
    """Seconds that a stop waits for requests that are being answered."""
