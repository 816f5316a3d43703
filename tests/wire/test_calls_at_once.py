"""Bulk work over the wire hides the service's latency: requests are under way together, seen in the server's own log.
And it asks for no more than the contract says."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import tsmem
from tests.serving import Served, profile_of, serving
from tests.support.items import load
from tests.support.waiting import wait_until
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.errors import InvalidInput
from tsmem.server.http.log import LogEntry
from tsmem.store import MemoryStore, Message, Session
from tsmem.store.bulk.comparing import compare
from tsmem.store.bulk.result import BulkResult
from tsmem.transfer.formats.conversations import Conversion
from tsmem.transfer.records import ImportSource, read_records

DEADLINE_S = 30
LATENCY_MS = 40
DAY_US = 86_400_000_000


def conversations(count: int, each: int, user: str = "u") -> Iterator[Session | Message]:
    """Sessions of a user with so many messages each."""
    for n in range(count):
        yield Session(user, f"{user}{n:04d}", n)
        for m in range(each):
            yield Message(f"{user}{n:04d}", f"m{m:05d}", m)


def untimed(store: MemoryStore, end: bytes) -> ImportSource:
    """Ten conversations whose messages have no times, and what stands behind them."""
    lines = [b'{"id": "s%d", "messages": [{"role": "user", "content": "tea"}]}\n' % n for n in range(10)]
    return ImportSource(io.BytesIO(b"".join(lines) + end), "openai", Conversion("u", 5, store.bulk.stored_times()))


def fill(path: Path, items: Iterable[Session | Message]) -> None:
    """Make a store's file that holds the items."""
    with MemoryStore(LocalClient(path, SystemClock())) as store:
        store.tables.apply()
        load(store, items)


@contextmanager
def slow(path: Path) -> Iterator[tuple[Served, MemoryStore]]:
    """A store over the wire, behind a server of this file that takes its time."""
    with serving(path, latency_ms=LATENCY_MS) as served, tsmem.open_profile(profile_of(served.endpoint)) as store:
        yield served, store


def together(log: Iterable[LogEntry], action: str) -> int:
    """How many requests of an action were in the server's hands at once, at most."""
    edges: list[tuple[float, int]] = []
    for entry in log:
        if entry.action == action:
            edges += [(entry.time_us, 1), (entry.time_us + entry.milliseconds * 1000, -1)]
    most = now = 0
    for _, step in sorted(edges):
        now += step
        most = max(most, now)
    return most


ALL: list[tuple[str, str, Callable[[MemoryStore], object]]] = [
    ("import", "BatchWriteRow", lambda s: load(s, conversations(3, 500, "new"))),
    ("import looks up times", "GetRange", lambda s: list(read_records(untimed(s, b"")))),
    ("message purge", "BatchWriteRow", lambda s: s.messages.purge(None)),
    ("session purge", "BatchWriteRow", lambda s: s.sessions.purge("many")),
    ("purge with messages", "BatchWriteRow", lambda s: s.sessions.purge("u", with_messages=True)),
    ("purge with messages reads", "GetRange", lambda s: s.sessions.purge("u", with_messages=True)),
    ("purge until", "GetRange", lambda s: s.sessions.purge("u", until=DAY_US, with_messages=True)),
    ("recent", "BatchGetRow", lambda s: list(s.sessions.recent("many", limit=None))),
    ("export of a user", "GetRange", lambda s: list(s.bulk.items(user_id="u"))),
    ("comparison of a user", "GetRange", lambda s: list(compare(s, s, BulkResult(), user_id="u"))),
]


@pytest.fixture(scope="module")
def many_users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many") / "memory.db"
    fill(path, [*conversations(6, 200), *(Session("many", f"s{n:04d}", n) for n in range(900))])
    return path


@pytest.mark.parametrize(("what", "action", "operation"), ALL, ids=[what for what, _, _ in ALL])
def test_requests_are_under_way_together(
    many_users: Path, tmp_path: Path, what: str, action: str, operation: Callable[[MemoryStore], object]
) -> None:
    """At least two at once, at most as many as the client's pace allows in all."""
    shutil.copy(many_users, tmp_path / "memory.db")
    with slow(tmp_path / "memory.db") as (served, store):
        operation(store)

    assert 2 <= together(served.log, action) <= 16


def test_conversations_before_a_bad_line_are_given_out(tmp_path: Path) -> None:
    """Also those whose times were still looked up when it was read."""
    found: list[Session | Message] = []
    fill(tmp_path / "memory.db", ())
    with slow(tmp_path / "memory.db") as (_, store):
        records = read_records(untimed(store, b'{"id": "bad"}\n'))
        with pytest.raises(InvalidInput, match="line 11"):
            found.extend(record.item for record in records)
    assert [each.session_id for each in found] == [f"s{n}" for n in range(10) for _ in "ab"]


def test_the_next_page_is_under_way_while_one_is_used(tmp_path: Path) -> None:
    """Who has taken one row of the first page finds the second one asked for; the third only when the second is used,
    and with a limit nothing that is not wanted."""
    items = (Message("s", f"m{n:05d}", n) for n in range(10_100))
    fill(tmp_path / "memory.db", items)
    with slow(tmp_path / "memory.db") as (served, store):
        rows = iter(store.messages.iterate("s"))
        next(rows)
        wait_until(lambda: len(served.log) >= 2)
        assert ["GetRange"] * 2 == served.actions()
        assert 10_099 == sum(1 for _ in rows)
        assert ["GetRange"] * 3 == served.actions()

        served.log.clear()
        assert 5_000 == sum(1 for _ in store.messages.iterate("s", limit=5_000))
        assert 1 == len(served.log)
        assert 5_001 == sum(1 for _ in store.messages.iterate("s", limit=5_001))
        assert 3 == len(served.log)


def batches(count: int) -> int:
    """Requests that so many writes take."""
    return -(-count // 200)


MESSAGES, USERS, EACH = 5_100, 30, 9
"""Of one session; sessions of user `u`, and messages in each."""
COSTS: list[tuple[str, dict[str, int], Callable[[MemoryStore], object]]] = [
    ("list", {"GetRange": 2}, lambda s: list(s.messages.iterate("big"))),
    ("list of all", {"GetRange": 2}, lambda s: list(s.messages.iterate(None))),
    ("list sessions", {"GetRange": 1}, lambda s: list(s.sessions.iterate(None))),
    ("recent", {"GetRange": 1, "BatchGetRow": 4}, lambda s: list(s.sessions.recent("many", limit=None))),
    ("recent 250", {"GetRange": 1, "BatchGetRow": 3}, lambda s: list(s.sessions.recent("many", limit=250))),
    ("message purge", {"GetRange": 2, "BatchWriteRow": 26}, lambda s: s.messages.purge("big")),
    ("session purge", {"GetRange": 1, "BatchWriteRow": 2}, lambda s: s.sessions.purge("many")),
    ("session purge until", {"GetRange": 1, "BatchWriteRow": 2}, lambda s: s.sessions.purge("many", until=DAY_US)),
    (
        "purge with messages",
        {"Search": 1, "GetRange": 1 + USERS, "BatchWriteRow": batches(USERS * EACH) + batches(USERS)},
        lambda s: s.sessions.purge("u", with_messages=True),
    ),
    (
        "purge until with messages",
        {"Search": 1, "GetRange": 1 + 3 * USERS, "BatchWriteRow": 2 * USERS},
        lambda s: s.sessions.purge("u", until=DAY_US, with_messages=True),
    ),
    ("import", {"BatchWriteRow": 6}, lambda s: load(s, conversations(1, 1000, "new"))),
    ("export", {"GetRange": 3}, lambda s: list(s.bulk.items())),
    ("export of a user", {"GetRange": 2 + USERS}, lambda s: list(s.bulk.items(user_id="u"))),
    ("export of a session", {"GetRange": 3}, lambda s: list(s.bulk.items(session_id="big"))),
    (
        "copy of a user",
        {"GetRange": 2 + USERS, "BatchWriteRow": batches(USERS * (EACH + 1))},
        lambda s: load(s, s.bulk.items(user_id="u")),
    ),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all that the costs are counted on."""
    path = tmp_path_factory.mktemp("costs") / "memory.db"
    messages = (Message("big", f"m{n:05d}", n) for n in range(MESSAGES))
    many = (Session("many", f"s{n:04d}", n) for n in range(400))
    fill(path, [*messages, *conversations(USERS, EACH), *many])
    return path


@pytest.mark.parametrize(("what", "requests", "operation"), COSTS, ids=[what for what, _, _ in COSTS])
def test_calls_at_once_are_no_more_than_the_contract_says(
    filled: Path, tmp_path: Path, what: str, requests: dict[str, int], operation: Callable[[MemoryStore], object]
) -> None:
    """Every request that reached the server, and nothing described, listed or probed."""
    (tmp_path / "memory.db").write_bytes(filled.read_bytes())
    with serving(tmp_path / "memory.db") as served, tsmem.open_profile(profile_of(served.endpoint)) as store:
        operation(store)
        actions = served.actions()
        assert store.cost.requests == len(actions)

    assert requests == {action: actions.count(action) for action in sorted(set(actions), reverse=True)}
