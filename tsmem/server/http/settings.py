"""The settings of a server. Only some of them are options of `tsmem serve`; tests set the others."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsmem.server.http.auth import AccessKey
from tsmem.server.http.faults import Faults


@dataclass(frozen=True)
class Settings:
    host: str = "127.0.0.1"  # a name or address; other machines may reach it only if there are credentials
    port: int = 0
    instance: str | None = None  # the only instance name that is accepted; None accepts any name
    credentials: AccessKey | None = None  # the only access key that is accepted; None accepts any key
    faults: Faults = field(default_factory=Faults)
    latency_ms: float = 0  # delay before each response
    max_connections: int = 512  # number of open connections, fewer if files are limited; any more get OTSServerBusy
    max_peer_connections: int = 384  # number of open connections from one address; any more get OTSServerBusy
    evict_after_s: float = 1  # time without a whole request after which a connection can make room for a new one
    max_sending_bytes: int = 256 * 1024 * 1024  # of all large responses being sent; any more become OTSServerBusy
    idle_s: float = 75  # longest wait for the next request of a connection
    request_s: float = 30  # longest wait for the rest of a request, or for the client to take a response
    work_s: float = 20  # longest work on a read; tsmem's own clients wait 30 seconds for a response
    max_searches: int = 6  # number of searches that run at once; fewer than a temporary store has connections
    linger_s: float = 2  # longest wait for a refused client to read its response
    hang_s: float = 600  # duration of the fault `hang`
    receive_s: float = 1  # longest wait of a stop for the rest of a request
    stop_s: float = 30  # longest wait of a stop for requests that are being answered
