"""The `client` and `store` fixtures: a contract test runs once for each backend, watched by CheckedClient."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backends import BACKENDS, FILE, MESSAGE, PLAIN, SESSION, SdkClients, engine_client, shared_server
from tests.support.checked_client import CheckedClient
from tests.support.clocks import ManualClock
from tests.support.faults import FaultyClient
from tsmem.port import TableClient
from tsmem.store import MemoryStore


@pytest.fixture(scope="session")
def _made_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files with the tables of `client` and of `store`, to be copied: making them takes longer than most tests do."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("client", "store")}
    with engine_client(folders["client"]) as client:
        for schema in (SESSION, MESSAGE, PLAIN):
            client.create_table(schema)
    with engine_client(folders["store"]) as client:
        MemoryStore(client, target="test").tables.apply()
    return {name: folder / FILE for name, folder in folders.items()}


@pytest.fixture(scope="session")
def _sdk_client() -> Iterator[SdkClients]:
    with shared_server() as opened:
        yield opened


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The name of the backend, for a rule that is not the same on each."""
    name: str = request.param
    return name


@pytest.fixture
def file(request: pytest.FixtureRequest, _made_files: dict[str, Path]) -> Path | None:
    """The file that a copy is made of. A module whose tests need many rows has a fixture of this name with its own."""
    return next((made for name, made in _made_files.items() if name in request.fixturenames), None)


@pytest.fixture
def empty_client(
    backend: str, file: Path | None, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[TableClient]:
    """An instance without tables, where neither `client` nor `store` is asked for too."""
    if file is not None:
        shutil.copy(file, tmp_path / FILE)
    opened = engine_client if backend == "engine" else request.getfixturevalue("_sdk_client")
    with opened(tmp_path) as client:
        yield CheckedClient(client)


@pytest.fixture
def client(empty_client: TableClient) -> TableClient:
    """An instance with the tables `session`, `message` and `plain`, empty."""
    return empty_client


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def faulty(empty_client: TableClient) -> FaultyClient:
    """The client of `store`: it keeps what is asked, and fails when a test tells it to."""
    return FaultyClient(empty_client)


@pytest.fixture
def store(faulty: FaultyClient, clock: ManualClock) -> MemoryStore:
    return MemoryStore(faulty, clock=clock, target="test")
