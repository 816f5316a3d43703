"""`tables.wait`, by a clock that is moved by hand, and the differences between tables or indexes and their layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backends import engine_client
from tests.support.clocks import ManualClock
from tests.support.faults import FaultyClient
from tsmem.errors import Throttled, Unavailable
from tsmem.port import FieldType, RangePage, SearchIndexSchema, TableClient
from tsmem.retry import RetryingClient, RetryPolicy
from tsmem.rows import Range, TableRef
from tsmem.store import MemoryStore
from tsmem.store.layout import DEFAULT
from tsmem.store.tables import search_differences, table_differences

TABLE, MESSAGES = DEFAULT.session.schema, DEFAULT.message.search
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


# Differences from the layout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reserved_units": (5, 0)}, "reserved throughput is 5 read and 0 write units, which cost money, not 0 and 0"),
        ({"reserved_units": (0, 1)}, "reserved throughput is 0 read and 1 write units, which cost money, not 0 and 0"),
        ({"deviation_s": 1000}, "cell versions may be 1000 s from now, not 86400"),
        ({"allow_update": False}, "updates are not allowed"),
    ],
)
def test_a_table_option_that_differs_is_named(change: dict[str, object], said: str) -> None:
    assert [said] == table_differences(TABLE, TABLE._replace(**change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (FieldType("TEXT", "single_word"), "TEXT single_word, not TEXT max_word"),
        (FieldType("TEXT", "fuzzy", 1, 7), "TEXT fuzzy(1..7), not TEXT max_word"),
        (FieldType("KEYWORD"), "KEYWORD, not TEXT max_word"),
    ],
)
def test_a_field_type_or_analyzer_that_differs_is_named(kind: FieldType, said: str) -> None:
    found = MESSAGES._replace(fields=(*MESSAGES.fields, ("content", kind)))  # the last field of a name wins

    assert [f"field content is {said}"] == search_differences(MESSAGES, found, "create_time")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"not_indexed": {"role"}}, "field role is kept and not indexed (index is false)"),
        ({"arrays": {"role"}}, "field role holds lists of values (is_array is true)"),
        ({"not_sorted": {"create_time"}}, "field create_time cannot be sorted by (enable_sort_and_agg is false)"),
    ],
)
def test_a_field_that_cannot_be_searched_or_sorted_is_named(change: dict[str, set[str]], said: str) -> None:
    found = MESSAGES._replace(**{name: frozenset(names) for name, names in change.items()})  # type: ignore[arg-type]

    assert [said] == search_differences(MESSAGES, found, "create_time")


def test_differences_that_no_search_needs_are_not_reported() -> None:
    found = MESSAGES._replace(not_sorted=frozenset({"role"}), not_indexed=frozenset({"x"}), arrays=frozenset({"y"}))

    assert [] == search_differences(MESSAGES, found, "create_time")
