"""The `client` fixture: every contract test runs once for each backend, watched by CheckedClient."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clocks import ManualClock
from tests.contract.backends import BACKENDS, FILE, MESSAGE, PLAIN, SESSION, engine_client
from tests.support.checked_client import CheckedClient
from tsmem.port import TableClient
from tsmem.store import MemoryStore


@pytest.fixture(scope="session")
def _made_tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files with the tables of `client` and of `store`, to be copied: making them takes longer than most tests do."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("client", "store")}
    with engine_client(folders["client"]) as client:
        for schema in (SESSION, MESSAGE, PLAIN):
            client.create_table(schema)
    with engine_client(folders["store"]) as client:
        MemoryStore(client, target="test").tables.apply()
    return {name: folder / FILE for name, folder in folders.items()}


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The name of the backend, for a rule that is not the same on each."""
    name: str = request.param
    return name


@pytest.fixture
def empty_client(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path, _made_tables: dict[str, Path]
) -> Iterator[TableClient]:
    """An instance without tables, where neither `client` nor `store` is asked for too."""
    for name in _made_tables.keys() & set(request.fixturenames):
        shutil.copy(_made_tables[name], tmp_path / FILE)
    with BACKENDS[backend](tmp_path) as client:
        yield CheckedClient(client)


@pytest.fixture
def client(empty_client: TableClient) -> TableClient:
    """An instance with the tables `session`, `message` and `plain`, empty."""
    return empty_client


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def store(empty_client: TableClient, clock: ManualClock) -> MemoryStore:
    """A store whose tables are made."""
    return MemoryStore(empty_client, clock=clock, target="test")
