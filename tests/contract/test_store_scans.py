"""What a listing reads of the store: the same rows whether a service counts a limit before its filter or behind it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.faults import FaultyClient
from tsmem.port import RangePage, TableClient
from tsmem.rows import Filter, Range, TableRef
from tsmem.store import MemoryStore, Message, Metadata
from tsmem.store.bulk.loading import ImportedItem
from tsmem.store.bulk.result import BulkResult


class CountsBeforeFilter(FaultyClient):
    """A service whose limit counts the rows that it looks at."""

    def get_range(
        self,
        table: TableRef,
        span: Range,
        *,
        limit: int | None = None,
        filter: Filter | None = None,  # noqa: A002 - TableStore's own word for it
        **more: Any,
    ) -> RangePage:
        """The rows of a page that pass the filter."""
        self.calls.append(("get_range", (limit,)))
        columns = {"columns": more["columns"]} if more.get("columns") else {}
        looked_at = self._client.get_range(table, span, limit=limit, **columns)
        end = span.end if looked_at.next_start is None else looked_at.next_start
        if filter is None:
            return looked_at
        passed = self._client.get_range(table, span._replace(end=end), filter=filter, **columns)
        return RangePage(passed.rows, looked_at.next_start)


CLIENTS = pytest.mark.parametrize("client_type", [FaultyClient, CountsBeforeFilter])
FILTERS = {
    "tested by the service": 'topic == "b"',
    "tested here in part": 'topic == "b" and (exists(score) or exists(vip) or exists(gone))',
}


def fill(store: MemoryStore, topics: list[str]) -> None:
    """A message for each topic."""
    items = [
        Message("s", f"m{n:05}", n, "user", "x", None, Metadata({"topic": topic, "score": n}))
        for n, topic in enumerate(topics)
    ]
    store.bulk.load([ImportedItem(n, item) for n, item in enumerate(items)], result=BulkResult())


@CLIENTS
@pytest.mark.parametrize("text", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("size", [1, 2, 7, 100])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_filtered_pages_join_to_all_matches_whatever_the_service_counts(
    store: MemoryStore, empty_client: TableClient, client_type: type[FaultyClient], text: str, size: int, order: Any
) -> None:
    """Every page is full but the last."""
    fill(store, ["b", *["a"] * 30, "b", "b", "a", *["b"] * 5, *["a"] * 3])
    reader = MemoryStore(client_type(empty_client), target="test")

    found: list[int] = []
    token: str | None = None
    while True:
        page = reader.messages.page("s", filter=text, limit=size, order=order, page_token=token)
        found += [message.create_time for message in page.items]
        token = page.next_page_token
        if token is None:
            break
        assert len(page.items) == size

    wanted = [0, 31, 32, 34, 35, 36, 37, 38]
    assert (wanted if order == "asc" else wanted[::-1]) == found


@pytest.mark.slow
@CLIENTS
def test_a_short_filtered_page_costs_one_request_more_where_a_service_counts_before_it_filters(
    store: MemoryStore, empty_client: TableClient, client_type: type[FaultyClient]
) -> None:
    """And no more than that, however few rows match."""
    fill(store, ["a"] * 5500 + ["b"])
    client = client_type(empty_client)

    page = MemoryStore(client, target="test").messages.page("s", filter='topic == "b"', limit=10)

    assert [5500] == [message.create_time for message in page.items]
    assert (2 if client_type is FaultyClient else 3) == len(client.calls)


def test_a_filtered_page_reads_no_more_rows_than_it_takes_to_fill_it(
    store: MemoryStore, empty_client: TableClient
) -> None:
    """400 rows would cost more than one unit."""
    fill(store, ["a", "b"] * 200)
    before = empty_client.meter.total

    page = store.messages.page("s", filter='topic == "b"', limit=3)
    cost = empty_client.meter.total

    assert [1, 3, 5] == [message.create_time for message in page.items]
    assert page.next_page_token is not None
    assert 1 == cost.requests - before.requests
    assert cost.read_units - before.read_units == 1
