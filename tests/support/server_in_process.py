"""A server on a free port, in the test's own process. (`serve_command.py` starts `tsmem serve` as a process.)"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tsmem.clock import Clock, SystemClock
from tsmem.engine import Engine
from tsmem.engine.rows.reads import GetRange, RowReader
from tsmem.profiles import Profile, load_profile
from tsmem.rows import Key, TableRef, Value
from tsmem.server.dispatch import Dispatcher
from tsmem.server.http.exchange import LogEntry
from tsmem.server.http.faults import Fault, Faults
from tsmem.server.http.server import Server
from tsmem.server.http.settings import Settings

KEY, SECRET = "test-key", "test-secret-4f1c"
METADATA: dict[str, Any] = {
    "text": "北京 tea", "empty": "", "number": 2**63 - 1, "negative": -1, "price": 0.1, "yes": True, "no": False,
    "raw": b"\x00\xff",
}  # fmt: skip
"""Metadata of every type, for rows that other clients write or read."""


class Policy(Faults):
    """Denies some actions to every client."""

    def __init__(self, *denied: str) -> None:
        super().__init__()
        self.denied = denied

    def draw_fault(self, action: str) -> Fault | None:
        why = ("OTSNoPermissionAccess", "You have no permission to access the requested resource.")
        return Fault("throttle", False, why, 1.0) if action in self.denied else None


@dataclass
class Served:
    endpoint: str
    engine: Engine
    dispatcher: Dispatcher
    log: list[LogEntry] = field(default_factory=list)
    """Every request, in the order in which they were answered."""

    def actions(self) -> list[str]:
        return [entry.action for entry in self.log]

    def stored(self, table: TableRef) -> dict[Key, dict[str, Value]]:
        """Return the rows of a table directly from the engine. They must fit on one page."""
        page = self.engine.get_range(GetRange(table, table.range_of()), RowReader)
        assert page.next_start is None
        return {row.key: dict(row.columns) for row in page.rows}


@contextmanager
def serving(
    path: Path | None, *, clock: Clock | None = None, dispatcher: type[Dispatcher] = Dispatcher, **settings: Any
) -> Iterator[Served]:
    """Start a server on a file, or on a temporary store without a path."""
    time = SystemClock() if clock is None else clock
    engine = Engine(path, time)
    behind = dispatcher(engine, time)
    served = Served("", engine, behind)
    server = Server(behind, Settings(**settings), time, served.log.append)
    try:
        server.listen()
        server.start()
        served.endpoint = server.endpoint
        yield served
    finally:
        server.stop()
        while _clients:
            _clients.pop().connection.pool.clear()
        engine.close()


_clients: list[Any] = []
"""SDK clients whose connections are closed when the server stops."""


def environ(endpoint: str, **more: str) -> dict[str, str]:
    """Return the environment variables that point the built-in profile `env` at a server that requires no access
    key."""
    return {
        "TABLESTORE_ENDPOINT": endpoint,
        "TABLESTORE_INSTANCE_NAME": "test-instance",
        "TABLESTORE_ACCESS_KEY_ID": KEY,
        "TABLESTORE_ACCESS_KEY_SECRET": "tsmem",
        "HOME": "/nonexistent",
        **more,
    }


def profile_of(endpoint: str, **more: str) -> Profile:
    return load_profile(environ(endpoint, **more), config=None, profile=None)


def sdk_client(endpoint: str, *, secret: str = "tsmem", instance: str = "test-instance") -> Any:
    """Return a client of the Python SDK that does not retry."""
    from tsmem.server.wire import schema

    schema.new_message("Error")  # imports the SDK without its warnings
    import tablestore
    from tablestore.retry import NoRetryPolicy

    client = tablestore.OTSClient(endpoint, KEY, secret, instance, retry_policy=NoRetryPolicy())
    _clients.append(client)
    return client


def sdk_refusal(call: Callable[[], object]) -> tuple[int, str, str]:
    """Return the HTTP status, code and message of the error that the SDK call raises."""
    import tablestore

    with pytest.raises(tablestore.OTSServiceError) as caught:
        call()
    error = caught.value
    assert error.get_request_id()
    return error.get_http_status(), error.get_error_code(), error.get_error_message()


def most_at_once(log: Iterable[LogEntry], action: str) -> int:
    """Return the largest number of requests of an action that the server processed at the same time."""
    edges: list[tuple[float, int]] = []
    for entry in log:
        if entry.action == action:
            edges += [(entry.time_us, 1), (entry.time_us + entry.milliseconds * 1000, -1)]
    most = now = 0
    for _, step in sorted(edges):
        now += step
        most = max(most, now)
    return most
