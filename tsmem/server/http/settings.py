"""How a server is set up."""

from __future__ import annotations

from dataclasses import dataclass, field

from tsmem.server.http.auth import AccessKey
from tsmem.server.http.faults import Faults


@dataclass(frozen=True)
class Settings:
    """What a server needs to know beside what it serves."""

    host: str = "127.0.0.1"
    """A name or address; one beyond this machine needs credentials."""
    port: int = 0
    """0 takes a free one."""
    instance: str | None = None
    """The only instance that is there; None for any name."""
    credentials: AccessKey | None = None
    """The only key; None takes any."""
    faults: Faults = field(default_factory=Faults)
    latency_ms: float = 0
    """Added to every answer."""
    max_connections: int = 512
    """Those beyond are told that the server is busy; fewer where the process may not open so many files."""
    max_peer_connections: int = 384
    """Of one address. Those beyond are told the same."""
    yield_after_s: float = 1
    """How long a connection keeps its place without a whole request, when another one needs it."""
    max_held_bytes: int = 256 * 1024 * 1024
    """Of large answers that are being sent; whose answer would be more is told that the server is busy."""
    idle_s: float = 75
    """How long a connection may wait for its next request."""
    request_s: float = 30
    """How long a request may take to arrive whole, and an answer to be taken."""
    work_s: float = 20
    """Seconds that a read may work; tsmem's own clients wait for 30."""
    max_searches: int = 6
    """Searches that work at once; the others wait for their turn. Less than a temporary store has connections."""
    linger_s: float = 2
    """How long a refused client is read on, so that it sees why."""
    hang_s: float = 600
    """How long the fault `hang` lasts at most."""
    receive_s: float = 1
    """How long a stop leaves to a request that is still on its way to arrive whole."""
    stop_s: float = 30
    """How long a stop waits for requests in hand."""
