"""Pages read ahead: begun when they are announced, a few at most, and never a page that does not belong."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import islice
from typing import Any, cast

import pytest

from tests.serving import profile_of, serving
from tsmem.adapters.tablestore.client import TablestoreClient
from tsmem.errors import Unavailable
from tsmem.port import Announce, ConcurrencyLimiter, RangePage, TableClient, TableSchema
from tsmem.rows import MAX, MIN, ColumnType, KeyBound, Put, Range, Row, TableRef
from tsmem.store.listing.scan import AHEAD, RowScan, Scan

TABLE = TableRef("t", ("create_time",))
SCAN = Scan(TABLE, Range((MIN,), (MAX,)))
DEADLINE_S = 20


class Scripted:
    """A client of ten pages with one row each; it announces at once, and answers a page when it is let."""

    def __init__(self, *, most: int = 8) -> None:
        self.limiter = ConcurrencyLimiter(most)
        self.let = [threading.Event() for _ in range(10)]
        self.begun: list[int] = []
        self.announced: dict[int, Sequence[int]] = {}
        """Where a page says that the next one starts, instead of where it does."""
        self.failing: set[int] = set()
        self._changed = threading.Condition()

    def get_range(self, table: TableRef, span: Range, *, announce: Announce | None = None, **more: Any) -> RangePage:
        """The page that starts there."""
        number = 0 if span.start == (MIN,) else cast(int, span.start[0])
        with self._changed:
            self.begun.append(number)
            self._changed.notify_all()
        if announce is not None:
            for start in self.announced.get(number, (number + 1,)):
                announce((start,) if start < 10 else None)
        assert self.let[number].wait(DEADLINE_S)
        if number in self.failing:
            self.failing.remove(number)
            raise Unavailable("gone")
        return RangePage([Row((number,), {})], (number + 1,) if number < 9 else None)

    def await_begun(self, count: int) -> None:
        """Until so many pages were asked for."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.begun) >= count, DEADLINE_S)

    def let_all(self) -> None:
        """Answer everything."""
        for each in self.let:
            each.set()


def scanning(client: Scripted) -> RowScan:
    """A scan to its end."""
    return RowScan(cast(TableClient, client), SCAN)


def rows(client: Scripted, want: int | None = None) -> list[KeyBound]:
    """The keys that a scan reads."""
    scan = RowScan(cast(TableClient, client), SCAN, want)
    return [row.key for row in islice(scan, want)]


def test_a_page_is_asked_for_when_it_is_announced() -> None:
    """Before the page in front of it is answered; no more than two are begun and not taken."""
    client = Scripted()
    reading = scanning(client)
    reading.begin()
    client.await_begun(AHEAD)
    assert [0, 1] == client.begun

    client.let[0].set()
    assert Row((0,), {}) == next(reading)
    client.await_begun(AHEAD + 1)
    assert [0, 1, 2] == client.begun
    client.let_all()


def test_all_rows_come_once_and_in_order() -> None:
    """However far pages are read ahead, and each page is asked for once."""
    client = Scripted()
    client.let_all()

    assert [(n,) for n in range(10)] == rows(client)
    assert list(range(10)) == sorted(client.begun)


def test_a_start_that_was_announced_wrongly_is_not_gone_on_from() -> None:
    """Where the answer that counts says otherwise, as when it was asked for again, the page is asked for there."""
    client = Scripted()
    client.announced = {2: (7,), 4: (5, 9)}
    client.let_all()

    assert [(n,) for n in range(10)] == rows(client)


def test_a_page_that_announces_again_is_not_believed_of_the_next() -> None:
    """What it says once the next page was begun is about neither of the two."""
    client = Scripted()
    client.announced = {0: (1, 7), 1: ()}
    client.let_all()

    assert [(n,) for n in range(10)] == rows(client)
    assert list(range(10)) == sorted(client.begun)


def test_a_bounded_scan_asks_for_nothing_ahead_of_its_bound() -> None:
    """What is not wanted is not asked for."""
    client = Scripted()
    client.let_all()

    assert [(0,), (1,), (2,)] == rows(client, want=3)
    assert [0, 1, 2] == client.begun


def test_one_call_at_a_time_asks_for_a_page_when_it_is_taken() -> None:
    """A client that gains nothing by more is asked for nothing ahead."""
    client = Scripted(most=1)
    client.let_all()
    reading = scanning(client)
    next(reading)
    assert [0] == client.begun[:1]
    client.begun.clear()

    assert Row((1,), {}) == next(reading)
    assert 1 == client.begun[0]


def test_a_page_that_failed_can_be_asked_for_again() -> None:
    """The place stays, and what was read ahead is not lost."""
    client = Scripted()
    client.failing = {3}
    client.let_all()
    reading = scanning(client)
    found = [next(reading).key for _ in range(3)]
    with pytest.raises(Unavailable):
        next(reading)

    found += [row.key for row in reading]
    assert [(n,) for n in range(10)] == found


def test_the_sdk_announces_what_its_page_says() -> None:
    """Once, before the rows are decoded: the start of the next page, or that there is none."""
    schema = TableSchema("t", (("k", ColumnType.STRING),))
    heard: list[KeyBound | None] = []
    with serving(None) as served:
        client = TablestoreClient(profile_of(served.endpoint))
        client.create_table(schema)
        client.write_rows([Put(schema.ref, (f"k{n}",), {"n": n}) for n in range(5)])
        page = client.get_range(schema.ref, Range((MIN,), (MAX,)), limit=3, announce=heard.append)
        rest = client.get_range(schema.ref, Range(("k3",), (MAX,)), announce=heard.append)
        client.close()

    assert [("k3",), None] == heard == [page.next_start, rest.next_start]
    assert (3, 2) == (len(page.rows), len(rest.rows))
