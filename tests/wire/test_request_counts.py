"""What each operation costs, counted where it arrives: on the server's own log."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import tsmem
from tests.contract.test_store_costs import ONE_ITEM, fill
from tests.serving import Served, profile_of
from tsmem.port import Cost
from tsmem.store import MemoryStore


@pytest.fixture
def store(served: Served) -> Iterator[MemoryStore]:
    """A store over the wire, whose tables are made."""
    with tsmem.open_profile(profile_of(served.endpoint)) as store:
        store.tables.apply()
        yield store


@pytest.mark.parametrize(("what", "requests", "operation"), ONE_ITEM, ids=[what for what, _, _ in ONE_ITEM])
def test_an_operation_sends_no_more_than_the_contract_says(
    served: Served, store: MemoryStore, what: str, requests: int, operation: Callable[[MemoryStore], object]
) -> None:
    """Every request that reached the server, and nothing described, listed or probed among them."""
    fill(store)
    before = len(served.log)
    counted = store.cost.requests

    operation(store)

    sent = served.actions()[before:]
    assert requests == len(sent), sent
    assert requests == store.cost.requests - counted
    assert set() == set(sent) & {"DescribeTable", "ListTable", "DescribeSearchIndex", "ListSearchIndex"}


def test_a_fresh_store_sends_nothing_before_its_first_operation(served: Served, store: MemoryStore) -> None:
    """Opening a profile connects to nothing, and the first operation costs what every one does."""
    store.sessions.put(store.sessions.new("u", "s"))
    before = len(served.log)

    with tsmem.open_profile(profile_of(served.endpoint)) as fresh:
        assert before == len(served.log)
        fresh.sessions.get("u", "s")
        assert ["GetRow"] == served.actions()[before:]


def test_provisioning_costs_what_it_says(served: Served, store: MemoryStore) -> None:
    """A plan describes two tables and two search indexes; doing it again costs two plans and creates nothing."""
    before = len(served.log)
    store.tables.plan()
    assert ["DescribeTable", "DescribeSearchIndex"] * 2 == served.actions()[before:]

    before = len(served.log)
    store.tables.apply()
    assert {"DescribeTable", "DescribeSearchIndex"} == set(served.actions()[before:])
    assert 8 == len(served.log) - before


def test_the_units_are_the_services(served: Served, store: MemoryStore) -> None:
    """The cost that a store counts is what the server's answers say."""
    message = store.messages.new("s", "m", content="x" * 5000)
    before = store.cost
    store.messages.put(message)
    assert (1, 0, 2) == _difference(store, before)

    before = store.cost
    assert message == store.messages.get("s", "m", create_time=message.create_time)
    assert (1, 2, 0) == _difference(store, before)


def _difference(store: MemoryStore, before: Cost) -> tuple[int, int, int]:
    after = store.cost
    return (
        after.requests - before.requests,
        after.read_units - before.read_units,
        after.write_units - before.write_units,
    )


def test_a_filter_is_sent_with_the_range(served: Served, store: MemoryStore) -> None:
    """One request, and the rows that came back are those that fulfil the filter."""
    fill(store)
    before, cost = len(served.log), store.cost

    found = store.messages.page("m", filter="create_time in [0, 100, 200]")

    assert [0, 100, 200] == [message.create_time for message in found.items]
    assert ["GetRange"] == served.actions()[before:]
    assert 3 == store.cost.rows_scanned - cost.rows_scanned
