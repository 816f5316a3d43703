"""The `client` fixture: every contract test runs once for each backend, watched by CheckedClient."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clocks import ManualClock
from tests.contract.backends import BACKENDS, MESSAGE, PLAIN, SESSION
from tsmem.contract import CheckedClient
from tsmem.port import TableClient
from tsmem.store import MemoryStore


@pytest.fixture(params=BACKENDS)
def empty_client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TableClient]:
    """An instance without tables."""
    with BACKENDS[request.param](tmp_path) as client:
        yield CheckedClient(client)


@pytest.fixture
def client(empty_client: TableClient) -> TableClient:
    """An instance with the tables `session`, `message` and `plain`, empty."""
    for schema in (SESSION, MESSAGE, PLAIN):
        empty_client.create_table(schema)
    return empty_client


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def store(empty_client: TableClient, clock: ManualClock) -> MemoryStore:
    """A store whose tables are made."""
    store = MemoryStore(empty_client, clock=clock, target="test")
    store.tables.apply()
    return store
