"""A server on a free port, for every test that talks over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tsmem.clock import Clock, SystemClock
from tsmem.engine import Engine
from tsmem.profiles import Profile, load_profile
from tsmem.server.dispatch import Dispatcher
from tsmem.server.http.log import LogEntry
from tsmem.server.http.server import Server
from tsmem.server.http.settings import Settings

KEY, SECRET = "test-key", "test-secret-4f1c"
METADATA: dict[str, Any] = {
    "text": "北京 tea",
    "empty": "",
    "number": 2**63 - 1,
    "negative": -1,
    "price": 0.1,
    "yes": True,
    "no": False,
    "raw": b"\x00\xff",
}
"""Metadata of every type, for rows that clients that are not ours write and read."""


@dataclass
class Served:
    """A running server."""

    endpoint: str
    engine: Engine
    log: list[LogEntry] = field(default_factory=list)
    """Every request, in the order in which they were answered."""

    def actions(self) -> list[str]:
        """What was asked, in order."""
        return [entry.action for entry in self.log]


@contextmanager
def serving(path: Path | None, *, clock: Clock | None = None, **settings: Any) -> Iterator[Served]:
    """A server in front of a file; of a temporary one when there is no path."""
    time = SystemClock() if clock is None else clock
    engine = Engine(path, time)
    served = Served("", engine)
    try:
        with Server(Dispatcher(engine, time), Settings(**settings), time, served.log.append) as server:
            served.endpoint = server.endpoint
            yield served
    finally:
        while _clients:
            _clients.pop().connection.pool.clear()
        engine.close()


_clients: list[Any] = []
"""SDK clients whose connections are closed when their server stops."""


def environ(endpoint: str, **more: str) -> dict[str, str]:
    """The environment variables of the built-in profile `env`, pointed at a server without a key."""
    return {
        "TABLESTORE_ENDPOINT": endpoint,
        "TABLESTORE_INSTANCE_NAME": "test-instance",
        "TABLESTORE_ACCESS_KEY_ID": KEY,
        "TABLESTORE_ACCESS_KEY_SECRET": "tsmem",
        "HOME": "/nonexistent",
        **more,
    }


def profile_of(endpoint: str, **more: str) -> Profile:
    """The profile that those variables make."""
    return load_profile(environ(endpoint, **more), config=None, profile=None)


def sdk_client(
    endpoint: str,
    *,
    secret: str = "tsmem",
    key: str = KEY,
    instance: str = "test-instance",
    region: str | None = None,
    **more: Any,
) -> Any:
    """The Python SDK's own client, which tries nothing twice."""
    from tsmem.server.wire import schema

    schema.new_message("Error")  # imports the SDK without its warnings
    import tablestore
    from tablestore.retry import NoRetryPolicy

    client = tablestore.OTSClient(endpoint, key, secret, instance, region=region, retry_policy=NoRetryPolicy(), **more)
    _clients.append(client)
    return client
