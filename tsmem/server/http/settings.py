"""The settings of a server."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsmem.server.http.auth import AccessKey
from tsmem.server.http.faults import Faults


@dataclass(frozen=True)
class Settings:
    host: str = "127.0.0.1"  # a name or address; needs credentials if other machines can reach it
    port: int = 0
    instance: str | None = None  # the only instance that exists; None accepts any name
    credentials: AccessKey | None = None  # the only key that is accepted; None accepts any
    faults: Faults = field(default_factory=Faults)
    latency_ms: float = 0
    max_connections: int = 512  # further ones get OTSServerBusy; lower if the process may not open so many files
    max_peer_connections: int = 384  # from one address; further ones get OTSServerBusy
    yield_after_s: float = 1  # a connection without a whole request is not closed for a new one before
    max_held_bytes: int = 256 * 1024 * 1024  # of large responses being sent; others are replaced by OTSServerBusy
    idle_s: float = 75  # a connection may wait so long for its next request
    request_s: float = 30  # for a request to arrive, and a response to be taken
    work_s: float = 20  # for a read; tsmem's own clients wait for 30
    max_searches: int = 6  # at once; others wait. Fewer than a temporary store has connections
    linger_s: float = 2  # a refused client is read on so long, so that it sees why
    hang_s: float = 600  # the fault `hang`
    receive_s: float = 1  # a stop waits for a request that has begun to arrive
    stop_s: float = 30  # a stop waits for requests that are being answered
