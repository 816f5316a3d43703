"""Fixtures that run each contract test once for each backend. CheckedClient checks every call."""

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
    """Store files with the tables of `client` and of `store`. Tests copy them, because creating the tables takes longer
    than most tests."""
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
    """The name of the backend, for rules that differ between backends."""
    name: str = request.param
    return name


@pytest.fixture
def file(request: pytest.FixtureRequest, _made_files: dict[str, Path]) -> Path | None:
    """The file that the backend starts with a copy of. A module whose tests need many rows overrides this fixture."""
    return next((made for name, made in _made_files.items() if name in request.fixturenames), None)


@pytest.fixture
def empty_client(
    backend: str, file: Path | None, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[TableClient]:
    """The client of an instance; without tables, unless the test also asks for `client` or `store`."""
    if file is not None:
        shutil.copy(file, tmp_path / FILE)
    opened = engine_client if backend == "engine" else request.getfixturevalue("_sdk_client")
    with opened(tmp_path) as client:
        yield CheckedClient(client)


@pytest.fixture
def client(empty_client: TableClient) -> TableClient:
    """The client of an instance with the empty tables `session`, `message` and `plain`."""
    return empty_client


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def faulty(empty_client: TableClient) -> FaultyClient:
    """The client of `store`. It records every call, and a test can make calls fail."""
    return FaultyClient(empty_client)


@pytest.fixture
def store(faulty: FaultyClient, clock: ManualClock) -> MemoryStore:
    return MemoryStore(faulty, clock=clock, target="test")
