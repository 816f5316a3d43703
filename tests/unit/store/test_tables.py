"""Waiting until tables and indexes can be used: how long, and what is asked meanwhile. The clock is moved by hand."""

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

SHORTEST_S = 0.5
"""What one question gets, even when less of the whole time is left."""


class Building(FaultyClient):
    """Search indexes that are behind their tables for so many questions, and tables that may refuse every read."""

    def __init__(self, client: TableClient, clock: ManualClock, behind: int, *, refuses: bool = False) -> None:
        super().__init__(client)
        self._clock = clock
        self._behind = behind
        self._refuses = refuses
        self.asked_s: list[float] = []

    def describe_search_index(self, table: str, name: str) -> SearchIndexSchema:
        self.calls.append(("describe_search_index", (table, name)))
        self._behind -= 1
        return self._client.describe_search_index(table, name)._replace(in_step=self._behind < 0)

    def get_range(self, table: TableRef, span: Range, **more: object) -> RangePage:
        self.calls.append(("get_range", (table,)))
        self.asked_s.append(self._clock.monotonic_s())
        if self._refuses:
            raise Throttled("busy")
        return self._client.get_range(table, span)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[TableClient]:
    """A client whose tables and indexes are there."""
    with engine_client(tmp_path) as client:
        MemoryStore(client, target="test").tables.apply()
        yield client


def test_wait_lasts_until_search_indexes_have_caught_up(made: TableClient, clock: ManualClock) -> None:
    plan = MemoryStore(made, target="test").tables.plan()
    client = Building(made, clock, 3)
    MemoryStore(client, clock=clock, target="test").tables.wait(plan, 60)
    assert [1.0, 1.0] == clock.slept_s

    with pytest.raises(Unavailable, match="not ready after 3 s: search index session_search_index, search index"):
        MemoryStore(Building(made, clock, 99), clock=clock, target="test").tables.wait(plan, 3)


@pytest.mark.parametrize("timeout_s", [0.1, 0.5, 2.3, 10])
def test_wait_ends_in_time_despite_retries(made: TableClient, clock: ManualClock, timeout_s: float) -> None:
    """It passes its time by one check at most, and does not name what was ready."""
    plan = MemoryStore(made, target="test").tables.plan()
    client = Building(made, clock, 0, refuses=True)
    waiting = MemoryStore(RetryingClient(client, clock, RetryPolicy(30), seed=1), clock=clock, target="test")
    started_s = clock.monotonic_s()
    with pytest.raises(Unavailable) as caught:
        waiting.tables.wait(plan, timeout_s)

    assert clock.monotonic_s() - started_s <= timeout_s + SHORTEST_S
    assert max(client.asked_s) - started_s <= timeout_s + SHORTEST_S
    assert "table session" in caught.value.message
    assert timeout_s < 4 or "search index" not in caught.value.message


def test_wait_0_asks_each_table_and_index_once(made: TableClient, clock: ManualClock) -> None:
    plan = MemoryStore(made, target="test").tables.plan()
    client = Building(made, clock, 0, refuses=True)
    with pytest.raises(Unavailable, match="not ready after 0 s: table session, secondary index"):
        MemoryStore(client, clock=clock, target="test").tables.wait(plan, 0)
    assert (4, 2) == (client.names().count("get_range"), client.names().count("describe_search_index"))
    assert [] == clock.slept_s
