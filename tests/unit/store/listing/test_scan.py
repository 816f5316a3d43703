"""Scans: pages are prefetched when they are announced, at most a few, and never beyond the end of the scan."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import islice
from typing import Any, cast

import pytest

from tests.support.server_in_process import profile_of, serving
from tsmem.adapters.tablestore.client import TablestoreClient
from tsmem.errors import Unavailable
from tsmem.port import Announce, ConcurrencyLimiter, RangePage, TableClient, TableSchema
from tsmem.rows import MAX, MIN, ColumnType, KeyBound, Put, Range, Row, TableRef
from tsmem.store.listing.scan import MAX_PREFETCHED, RowScan, Scan

TABLE = TableRef("t", ("create_time",))
SCAN = Scan(TABLE, TABLE.range_of())
DEADLINE_S = 20


class ScriptedClient:
    """A client with ten pages of one row each. It announces the next page at once, and replies when the test sets
    `let`."""

    def __init__(self) -> None:
        self.limiter = ConcurrencyLimiter(8)
        self.allowed = [threading.Event() for _ in range(10)]
        self.requested: list[int] = []
        self.announced: dict[int, Sequence[int]] = {}
        """The wrong starts of the next page to announce instead of the right one, by page."""
        self.failing: set[int] = set()
        self._changed = threading.Condition()

    def get_range(self, table: TableRef, span: Range, *, announce: Announce | None = None, **more: Any) -> RangePage:
        number = 0 if span.start == (MIN,) else cast(int, span.start[0])
        with self._changed:
            self.requested.append(number)
            self._changed.notify_all()
        if announce is not None:
            for start in self.announced.get(number, (number + 1,)):
                announce((start,) if start < 10 else None)
        assert self.allowed[number].wait(DEADLINE_S)
        if number in self.failing:
            self.failing.remove(number)
            raise Unavailable("gone")
        return RangePage([Row((number,), {})], (number + 1,) if number < 9 else None)

    def await_requests(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requested) >= count, DEADLINE_S)

    def allow_all(self) -> None:
        for each in self.allowed:
            each.set()


def scanning(client: ScriptedClient, want: int | None = None) -> RowScan:
    return RowScan(cast(TableClient, client), SCAN, want)


def test_an_announced_page_is_requested_before_the_previous_reply_arrives() -> None:
    """At most MAX_PREFETCHED pages are requested and not yet consumed."""
    client = ScriptedClient()
    reading = scanning(client).start()
    client.await_requests(MAX_PREFETCHED)
    assert [0, 1] == client.requested

    client.allowed[0].set()
    assert Row((0,), {}) == next(reading)
    client.await_requests(MAX_PREFETCHED + 1)
    assert [0, 1, 2] == client.requested
    client.allow_all()


@pytest.mark.parametrize(("announced", "once"), [({}, True), ({0: (1, 7), 1: ()}, True), ({2: (7,), 4: (5, 9)}, False)])
def test_a_scan_gives_all_rows_once_in_order_whatever_pages_are_announced(
    announced: dict[int, list[int]], once: bool
) -> None:
    """A late announcement is ignored. A wrong one costs requests for pages that are not used."""
    client = ScriptedClient()
    client.announced.update(announced)
    client.allow_all()

    assert [(n,) for n in range(10)] == [row.key for row in scanning(client)]
    assert once == (list(range(10)) == sorted(client.requested))


def test_a_bounded_scan_requests_nothing_beyond_its_bound() -> None:
    client = ScriptedClient()
    client.allow_all()

    assert [(0,), (1,), (2,)] == [row.key for row in islice(scanning(client, 3), 3)]
    assert [0, 1, 2] == client.requested


def test_a_failed_page_can_be_requested_again() -> None:
    client = ScriptedClient()
    client.failing = {3}
    client.allow_all()
    reading = scanning(client)
    found = [next(reading).key for _ in range(3)]
    with pytest.raises(Unavailable):
        next(reading)

    found += [row.key for row in reading]
    assert [(n,) for n in range(10)] == found


def test_the_sdk_client_announces_the_next_page_once() -> None:
    schema = TableSchema("t", (("k", ColumnType.STRING),))
    heard: list[KeyBound | None] = []
    with serving(None) as served:
        client = TablestoreClient(profile_of(served.endpoint))
        client.create_table(schema)
        client.write_rows([Put(schema.ref, (f"k{n}",), {"n": n}) for n in range(5)])
        page = client.get_range(schema.ref, schema.ref.range_of(), limit=3, announce=heard.append)
        rest = client.get_range(schema.ref, Range(("k3",), (MAX,)), announce=heard.append)
        client.close()

    assert [("k3",), None] == heard == [page.next_start, rest.next_start]
    assert (3, 2) == (len(page.rows), len(rest.rows))
