"""Parallel scans through the Python SDK's own client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clocks import ManualClock
from tests.serving import serving
from tests.wire.said import BY_KEY, ROWS, TABLE, columns, fill, key, numbers
from tests.wire.test_sdk_rows import refusal
from tsmem.clock import SystemClock
from tsmem.rows import Put
from tsmem.server.actions.search_actions import MAX_SESSIONS, ScanSessions

INVALID = "OTSParameterInvalid"
EXPIRED = (
    400,
    "OTSSessionExpired",
    "ScanQuery'session is expired, please retry ComputeSplitsRequest and ScanQuery.",
)

OUT_OF_SPLITS = (
    "[parallel_scan.current_parallel_id] must in [0, max_parallel), current max_parallel is 1, "
    "current_parallel_id is 101"
)


@pytest.fixture
def clock() -> ManualClock:
    """The server's clock: now, until it is moved."""
    return ManualClock(SystemClock().now_us())


@pytest.fixture
def client(tmp_path: Path, clock: ManualClock) -> Iterator[Any]:
    """The SDK's client on a table of fifty rows with an index."""
    with serving(tmp_path / "memory.db", clock=clock) as served:
        yield fill(served)


def scan(client: Any, session: str | None, query: Any = None, *, columns: Any = None, **how: Any) -> Any:
    """One page of a scan of all rows."""
    import tablestore as t

    said = {"limit": 35, "next_token": None, "current_parallel_id": 0, "max_parallel": 1, "alive_time": 30} | how
    query = t.MatchAllQuery() if query is None else query
    return client.parallel_scan("said", "said_index", t.ScanQuery(query, **said), session, columns)


def test_a_scan_ends_with_an_empty_page(client: Any) -> None:
    """35 rows and a token, 15 rows and a token all the same, no row and no token."""
    import tablestore as t

    from_index = t.ColumnsToGet(return_type=t.ColumnReturnType.ALL_FROM_INDEX)
    splits = client.compute_splits("said", "said_index")
    assert 1 == splits.splits_size
    first = scan(client, splits.session_id, columns=from_index)
    second = scan(client, splits.session_id, columns=from_index, next_token=first.next_token)
    third = scan(client, splits.session_id, columns=from_index, next_token=second.next_token)

    assert (35, 15, 0) == (len(first.rows), len(second.rows), len(third.rows))
    assert (True, True, False) == (bool(first.next_token), bool(second.next_token), bool(third.next_token))
    assert BY_KEY == numbers(first) + numbers(second)
    wanted = [(name, value) for name, value in columns(BY_KEY[0]).items() if name != "raw"]
    assert wanted == [(name, value) for name, value, _ in first.rows[0][1]]


def test_a_scan_finds_what_its_query_finds(client: Any) -> None:
    """Those rows alone, with the columns that are named; without a session too."""
    import tablestore as t

    named = t.ColumnsToGet(["number"], t.ColumnReturnType.SPECIFIED)
    found = scan(client, None, t.RangeQuery("n", 3, 5), columns=named)

    assert [([("who", "w0"), ("n", 3)], [("number", 3)]), ([("who", "w1"), ("n", 4)], [("number", 4)])] == [
        (key, [(name, value) for name, value, _ in cells]) for key, cells in found.rows
    ]
    assert [] == scan(client, None, t.TermQuery("n", 99)).rows


def test_a_scan_may_ask_for_two_thousand_rows(client: Any) -> None:
    """And for no more, nor for none."""
    assert ROWS == len(scan(client, None, limit=2000).rows)
    assert ROWS == len(scan(client, None, limit=None).rows)
    for limit in (0, 2001, -1):
        said = f"[parallel_scan.limit] must in (0, 2000], current limit is {limit}"
        assert (400, INVALID, said) == refusal(lambda limit=limit: scan(client, None, limit=limit))


def test_a_page_may_be_longer_than_the_engines(tmp_path: Path) -> None:
    """1,400 of 1,450 rows at once, then the rest."""
    with serving(tmp_path / "memory.db") as served:
        client = fill(served)
        for start in range(ROWS, 1450, 200):
            puts = [Put(TABLE.ref, key(n), {"number": n}) for n in range(start, start + 200)]
            served.engine.write_rows(puts)
        first = scan(client, None, limit=1400)
        second = scan(client, None, limit=1400, next_token=first.next_token)

    assert (1400, 50) == (len(first.rows), len(second.rows))
    assert sorted(range(1450), key=key) == numbers(first) + numbers(second)


def test_a_session_lives_as_long_as_was_asked(client: Any, clock: ManualClock) -> None:
    """Each page prolongs it; after that, and for ids that are none, it is expired."""
    session = client.compute_splits("said", "said_index").session_id
    clock.sleep(59)
    token = scan(client, session).next_token
    clock.sleep(29)
    scan(client, session, next_token=token)
    clock.sleep(30)

    assert EXPIRED == refusal(lambda: scan(client, session, next_token=token))
    assert EXPIRED == refusal(lambda: scan(client, "none"))
    assert EXPIRED == refusal(lambda: scan(client, session))


def test_what_is_wrong_is_said(client: Any) -> None:
    """Codes and texts as the SDK's own tests expect them."""
    import tablestore as t

    session = client.compute_splits("said", "said_index").session_id
    everything = t.ColumnsToGet(return_type=t.ColumnReturnType.ALL)
    for call, code, text in [
        (lambda: client.compute_splits("said", None), INVALID, "[search index splits options] must not be null"),
        (lambda: client.compute_splits("said", "none"), "OTSMetaNotMatch", "search index [none] does not exist"),
        (lambda: client.compute_splits("none", "said_index"), INVALID, "table [none] does not exist"),
        (lambda: scan(client, session, current_parallel_id=101), INVALID,
         OUT_OF_SPLITS),
        (lambda: scan(client, session, max_parallel=2), INVALID,
         "[parallel_scan.max_parallel_id] must in (0 ,1], current max_parallel_id is 2"),
        (lambda: scan(client, session, columns=everything), INVALID,
         "[parallel_scan.columns_to_get] must not be RETURN_ALL"),
        (lambda: scan(client, session, next_token=b"nonsense"), INVALID,
         "[parallel_scan.token] is not one of this server's"),
        (lambda: scan(client, session, t.TermQuery("none", 1)), INVALID, "field: none does not exist"),
    ]:  # fmt: skip
        assert (400, code, text) == refusal(call)


def test_sessions_are_bounded(clock: ManualClock) -> None:
    """Past so many, the one that was not heard of for the longest is forgotten."""
    sessions = ScanSessions(clock)
    first, second = sessions.begin("t", "i"), sessions.begin("t", "i")
    sessions.prolong("t", "i", first, 60)
    for _ in range(MAX_SESSIONS - 1):
        sessions.begin("t", "i")

    sessions.prolong("t", "i", first, 60)
    with pytest.raises(Exception, match="expired"):
        sessions.prolong("t", "i", second, 60)
    with pytest.raises(Exception, match="expired"):
        sessions.prolong("t", "other", first, 60)
