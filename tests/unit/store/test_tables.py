"""`tables.wait`: how long it waits for tables and indexes, and which requests it sends. The clock is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backends import engine_client
from tests.support.clocks import ManualClock
from tests.support.faults import FaultyClient
from tsmem.errors import Throttled, Unavailable
from tsmem.port import RangePage, SearchIndexSchema, TableClient
from tsmem.retry import RetryingClient, RetryPolicy
from tsmem.rows import Range, TableRef
from tsmem.store import MemoryStore

MIN_REQUEST_S = 0.5
"""The least time that a single request gets, even if less of the whole time is left."""


class BuildingClient(FaultyClient):
    """A client whose search indexes lag behind their tables for the first `behind` requests, and whose reads can be
    refused."""

    def __init__(self, client: TableClient, clock: ManualClock, behind: int, *, refuses: bool = False) -> None:
        super().__init__(client)
        self._clock = clock
        self._behind = behind
        self._refuses = refuses
        self.requested_s: list[float] = []

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema:
        self.calls.append(("describe_search_index", (table, name)))
        self._behind -= 1
        return self._client.describe_search_index(table, name)._replace(in_step=self._behind < 0)

    def get_range(self, table: TableRef, span: Range, **more: object) -> RangePage:
        self.calls.append(("get_range", (table,)))
        self.requested_s.append(self._clock.monotonic_s())
        if self._refuses:
            raise Throttled("busy")
        return self._client.get_range(table, span)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def client_with_tables(tmp_path: Path) -> Iterator[TableClient]:
    """A client of a store whose tables and indexes exist."""
    with engine_client(tmp_path) as client:
        MemoryStore(client, target="test").tables.apply()
        yield client


def test_wait_lasts_until_search_indexes_have_caught_up(client_with_tables: TableClient, clock: ManualClock) -> None:
    plan = MemoryStore(client_with_tables, target="test").tables.plan()
    client = BuildingClient(client_with_tables, clock, 3)
    MemoryStore(client, clock=clock, target="test").tables.wait(plan, 60)
    assert [1.0, 1.0] == clock.slept_s

    with pytest.raises(Unavailable, match="not ready after 3 s: search index session_search_index, search index"):
        MemoryStore(BuildingClient(client_with_tables, clock, 99), clock=clock, target="test").tables.wait(plan, 3)


@pytest.mark.parametrize("timeout_s", [0.1, 0.5, 2.3, 10])
def test_wait_ends_in_time_despite_retries(
    client_with_tables: TableClient, clock: ManualClock, timeout_s: float
) -> None:
    """It exceeds its time by at most one request, and does not name what is ready."""
    plan = MemoryStore(client_with_tables, target="test").tables.plan()
    client = BuildingClient(client_with_tables, clock, 0, refuses=True)
    waiting = MemoryStore(RetryingClient(client, clock, RetryPolicy(30), seed=1), clock=clock, target="test")
    started_s = clock.monotonic_s()
    with pytest.raises(Unavailable) as caught:
        waiting.tables.wait(plan, timeout_s)

    assert clock.monotonic_s() - started_s <= timeout_s + MIN_REQUEST_S
    assert max(client.requested_s) - started_s <= timeout_s + MIN_REQUEST_S
    assert "table session" in caught.value.message
    assert timeout_s < 4 or "search index" not in caught.value.message


def test_wait_0_asks_each_table_and_index_once(client_with_tables: TableClient, clock: ManualClock) -> None:
    plan = MemoryStore(client_with_tables, target="test").tables.plan()
    client = BuildingClient(client_with_tables, clock, 0, refuses=True)
    with pytest.raises(Unavailable, match="not ready after 0 s: table session, secondary index"):
        MemoryStore(client, clock=clock, target="test").tables.wait(plan, 0)
    assert (4, 2) == (client.names().count("get_range"), client.names().count("describe_search_index"))
    assert [] == clock.slept_s
