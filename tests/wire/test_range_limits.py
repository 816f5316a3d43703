"""What `limit` of GetRange counts, through the Python SDK's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.serving import Served, sdk_client
from tsmem.limits import MAX_ROWS_PER_PAGE
from tsmem.port import TableSchema
from tsmem.rows import ColumnType, Put

TABLE = TableSchema("t", (("k", ColumnType.STRING),))


def pages(client: Any, wanted: str, batch_size: int, *, backward: bool = False) -> Iterator[tuple[Any, Any]]:
    """The rows and the next start of one page after another, of rows whose topic is `wanted`."""
    import tablestore

    low, high = [("k", tablestore.INF_MIN)], [("k", tablestore.INF_MAX)]
    start, end = (high, low) if backward else (low, high)
    test = tablestore.SingleColumnCondition(
        "topic", wanted, tablestore.ComparatorType.EQUAL, pass_if_missing=False, latest_version_only=True
    )
    while start:
        direction = tablestore.Direction.BACKWARD if backward else tablestore.Direction.FORWARD
        _, start, rows, _ = client.get_range("t", direction, start, end, None, batch_size, test, 1)
        yield rows, start


def until_an_empty_page(client: Any, wanted: str, batch_size: int, *, backward: bool = False) -> list[str]:
    """What `GetRangeIterator` of the official Java memory library reads, which stops at the first empty page."""
    found: list[str] = []
    for rows, _ in pages(client, wanted, batch_size, backward=backward):
        if not rows:
            break
        found += [row.primary_key[0][1] for row in rows]
    return found


def fill(served: Served, topics: list[str]) -> None:
    """A row for each topic."""

    served.engine.create_table(TABLE)
    for first in range(0, len(topics), 200):
        batch = topics[first : first + 200]
        puts = [Put(TABLE.ref, (f"{first + n:06d}",), {"topic": topic}) for n, topic in enumerate(batch)]
        assert not any(reply.error for reply in served.engine.write_rows(puts))


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 10])
def test_a_reader_that_stops_at_an_empty_page_loses_nothing(served: Served, batch_size: int, backward: bool) -> None:
    """Where fewer than 5,000 rows are looked at for each match."""
    fill(served, (["a"] * 7 + ["b"]) * 25 + ["b", "a", "b"])
    wanted = [f"{n:06d}" for n in [*range(7, 200, 8), 200, 202]]

    found = until_an_empty_page(sdk_client(served.endpoint), "b", batch_size, backward=backward)

    assert found == (wanted[::-1] if backward else wanted)


def test_a_page_ends_at_5000_rows_looked_at_whatever_the_limit(served: Served) -> None:
    """It may then be short, or empty."""
    fill(served, ["b", *["a"] * MAX_ROWS_PER_PAGE, "b"])

    first, second = pages(sdk_client(served.endpoint), "b", 10)

    assert [[row.primary_key for row in rows] for rows, _ in (first, second)] == [
        [[("k", "000000")]],
        [[("k", "005001")]],
    ]
    assert [("k", "005000")] == first[1]


def test_a_page_of_a_full_limit_names_the_next_row_whether_it_passes_or_not(served: Served) -> None:
    """The service does not look ahead for the next match."""
    fill(served, ["b", "a", "a"])

    assert [[("k", "000001")], None] == [start for _, start in pages(sdk_client(served.endpoint), "b", 1)]
