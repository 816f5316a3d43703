"""Fixtures of servers and dispatchers for the tests of the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.checked_client import checked_store
from tests.support.raw_bodies import Wire, instance
from tests.support.server_in_process import Served, profile_of, serving
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.store import MemoryStore


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server that requires no access key, with an empty instance."""
    with serving(tmp_path / "memory.db") as served:
        yield served


@pytest.fixture
def store(served: Served) -> Iterator[MemoryStore]:
    """A store that talks to `served` over the SDK. CheckedClient checks every call."""
    with checked_store(profile_of(served.endpoint)) as store:
        yield store


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A dispatcher that serves the three tables of `instance`."""
    with instance() as made:
        yield made


@pytest.fixture(scope="module")
def unchanged() -> Iterator[Wire]:
    """The same as `wire`, and a search index `there` on `plain`. It is shared by the tests of a module, so only
    requests that change nothing can use it."""
    with instance() as made:
        made.engine.definitions.create_search_index(SearchIndexSchema("plain", "there", (("c", FieldType("LONG")),)))
        yield made
