"""The requests of each store operation, counted in the server's log: how many in all, and how many at once.

Users pay for requests, so no operation sends one that it does not need. Prefetching hides latency and adds no request.
"""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import tsmem
from tests.support.items import load
from tests.support.server_in_process import Served, most_at_once, profile_of, serving
from tests.support.waiting import wait_until
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.errors import InvalidInput
from tsmem.store import Changes, MemoryStore, Message, Session
from tsmem.store.bulk.comparing import compare
from tsmem.store.bulk.result import BulkResult
from tsmem.transfer.formats.conversations import Conversion
from tsmem.transfer.importing import ImportSource, read_records

LATENCY_MS = 40
DAY_US = 86_400_000_000
USERS, EACH, MANY = 6, 150, 450
"""The number of sessions of user `u` (and of user `v`), of messages in each, and of sessions of user `many`."""

Operation = Callable[[MemoryStore], object]


def conversations(count: int, each: int, user: str = "u") -> Iterator[Session | Message]:
    """Yield `count` sessions of a user, each followed by `each` messages."""
    for n in range(count):
        yield Session(user, f"{user}{n:04d}", n)
        for m in range(each):
            yield Message(f"{user}{n:04d}", f"m{m:05d}", m)


def create_store(path: Path, items: Iterable[Session | Message]) -> Path:
    with MemoryStore(LocalClient(path, SystemClock())) as store:
        store.tables.apply()
        load(store, items)
    return path


@contextmanager
def served_store(path: Path, *, latency_ms: float = 0) -> Iterator[tuple[Served, MemoryStore]]:
    """A server on a file, and a store that talks to it. The timeout is long, so that a busy machine causes no
    retries."""
    with serving(path, latency_ms=latency_ms) as served:
        profile = profile_of(served.endpoint)._replace(timeout_s=3600)
        with tsmem.open_profile(profile) as store:
            yield served, store


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "memory.db"
    many = (Session("many", f"s{n:04d}", n) for n in range(MANY))
    return create_store(
        path, [*conversations(USERS, EACH), *conversations(USERS, EACH, "v"), *many, Session("solo", "s", 1)]
    )


@pytest.fixture
def copied(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(filled, tmp_path / "memory.db"))


def batches(count: int) -> int:
    return -(-count // 200)


def two_pages(store: MemoryStore) -> None:
    page = store.messages.page("u0000", limit=50)
    assert 50 == len(store.messages.page("u0000", limit=50, page_token=page.next_page_token).items)


READS: list[tuple[dict[str, int], Operation]] = [
    ({"GetRow": 1}, lambda s: s.sessions.get("solo", "s")),
    ({"GetRow": 1}, lambda s: s.sessions.find("solo", "none")),
    ({"GetRow": 1}, lambda s: s.messages.get("u0000", "m00001", create_time=1)),
    ({"GetRange": 1, "GetRow": 1}, lambda s: s.messages.get("u0000", "m00001")),
    ({"GetRange": 1}, lambda s: list(s.messages.iterate(None))),
    ({"GetRange": 2}, two_pages),
    ({"GetRange": 1}, lambda s: s.messages.page("u0000", filter="create_time in [0, 100]")),
    ({"GetRange": 1}, lambda s: list(s.sessions.iterate(None))),
    ({"GetRange": 1}, lambda s: s.messages.last("u0000", 5)),
    ({"GetRange": 1, "BatchGetRow": 5}, lambda s: list(s.sessions.recent("many", limit=None))),
    ({"GetRange": 1, "BatchGetRow": 3}, lambda s: list(s.sessions.recent("many", limit=250))),
    ({"GetRange": 2}, lambda s: s.statistics()),
    ({"GetRange": 2}, lambda s: s.statistics(session_id="u0000")),
    ({"GetRange": 1 + USERS}, lambda s: s.statistics(user_id="u")),
    ({"GetRange": 2}, lambda s: s.count_by(["user_id", "role"], failed=True)),
    ({"GetRange": 1 + USERS}, lambda s: s.fields(user_id="u")),
    ({"GetRange": 2}, lambda s: list(s.troubles())),
    ({"GetRange": 2}, lambda s: list(s.bulk.items())),
    ({"GetRange": 2 + USERS}, lambda s: list(s.bulk.items(user_id="u"))),
    ({"GetRange": 2}, lambda s: list(s.bulk.items(session_id="u0000"))),
    ({"DescribeSearchIndex": 1, "Search": 1}, lambda s: s.sessions.search(user_id="many", limit=50).page()),
    ({"Search": 5}, lambda s: list(s.sessions.search(user_id="many", limit=None))),
    ({"DescribeSearchIndex": 1, "Search": 1}, lambda s: s.messages.search(session_id="u0000", limit=100).page()),
    ({"Search": 2}, lambda s: list(s.messages.search(session_id="u0000", limit=None))),
    ({"Search": 1}, lambda s: s.messages.search("nowhere", limit=50).page()),
    ({"Search": 1}, lambda s: s.sessions.recent(None, limit=50).page()),
]
"""Requests by action, and an operation. The order matters: an index is described once, before its first search."""
WRITES: list[tuple[dict[str, int], Operation]] = [
    ({"PutRow": 1}, lambda s: s.sessions.put(Session("solo", "new", 1), if_absent=True)),
    ({"PutRow": 1}, lambda s: s.messages.put(Message("solo", "new", 1))),
    ({"UpdateRow": 1}, lambda s: s.sessions.update("solo", "s", changes=Changes({"a": 1}))),
    ({"UpdateRow": 1}, lambda s: s.sessions.touch("solo", "s", 10**9)),
    ({"GetRow": 1, "UpdateRow": 1},
     lambda s: s.sessions.update("solo", "s", changes=Changes({}, replace_metadata=True))),
    ({"UpdateRow": 1}, lambda s: s.messages.update("u0000", "m00001", create_time=1, content="x")),
    ({"GetRange": 1, "UpdateRow": 1}, lambda s: s.messages.update("u0000", "m00001", content="x")),
    ({"DeleteRow": 1}, lambda s: s.messages.delete("u0000", "m00002", create_time=2)),
    ({"GetRange": 1, "DeleteRow": 1}, lambda s: s.messages.delete("u0000", "m00003")),
    ({"DeleteRow": 1}, lambda s: s.sessions.delete("solo", "s")),
    ({"GetRow": 1, "Search": 1, "GetRange": 1, "BatchWriteRow": 1, "DeleteRow": 1},
     lambda s: s.sessions.delete("u", "u0001", with_messages=True)),
    ({"GetRow": 1, "GetRange": 1, "BatchWriteRow": 1, "DeleteRow": 1},
     lambda s: s.sessions.delete("u", "u0002", with_messages=True, shared_too=True)),
    ({"BatchWriteRow": 2}, lambda s: load(s, conversations(1, 399, "new"))),
    ({"BatchWriteRow": 3}, lambda s: load(s, conversations(1, 400, "new"))),
    ({"GetRange": 1, "BatchWriteRow": batches(MANY)}, lambda s: s.sessions.purge("many", until=DAY_US)),
    ({"GetRange": 2 + USERS, "BatchWriteRow": batches(USERS * (EACH + 1))},
     lambda s: load(s, s.bulk.items(user_id="v"))),
    ({"Search": 1, "GetRange": 1 + 3 * USERS, "BatchWriteRow": batches(USERS * EACH) + 1},
     lambda s: s.sessions.purge("v", until=DAY_US, with_messages=True)),
    ({"Search": 1, "GetRange": 1 + USERS - 2, "BatchWriteRow": batches((USERS - 2) * EACH) + 1},
     lambda s: s.sessions.purge("u", with_messages=True)),
    ({"GetRange": 1, "BatchWriteRow": 2}, lambda s: s.messages.purge("new0000")),
]  # fmt: skip


def test_each_store_operation_sends_the_expected_requests_and_no_others(copied: Path) -> None:
    with served_store(copied) as (served, store):
        for place, (requests, operation) in enumerate([*READS, *WRITES]):
            served.log.clear()
            before = store.cost.requests
            operation(store)
            assert (place, requests) == (place, dict(Counter(served.actions())))
            assert store.cost.requests - before == len(served.log)


def conversation_lines(count: int, messages: list[dict[str, Any]], name: str = "s") -> bytes:
    return b"".join(json.dumps({"id": f"{name}{n}", "messages": messages}).encode() + b"\n" for n in range(count))


def imported(store: MemoryStore, data: bytes) -> ImportSource:
    return ImportSource(io.BytesIO(data), "openai", Conversion("u", 5, store.bulk))


def test_import_looks_up_stored_times_only_for_missing_equal_or_whole_second_times(copied: Path) -> None:
    with served_store(copied) as (served, store):
        for step_us, lookups in ((1_001, 0), (0, 3), (10**6, 3), (None, 3)):
            messages: list[dict[str, Any]] = [{"role": "user", "content": "tea"} for _ in range(100)]
            if step_us is not None:
                for place, message in enumerate(messages):
                    message["created_at"] = 1_767_225_600_000_000 + (place + 1) * step_us
            served.log.clear()
            data = conversation_lines(3, messages, f"{step_us}-")
            store.bulk.load(read_records(imported(store, data)), result=BulkResult())
            assert {"BatchWriteRow": 2, **({"GetRange": lookups} if lookups else {})} == dict(Counter(served.actions()))


# Requests at once

UNTIMED = conversation_lines(10, [{"role": "user", "content": "tea"}])
AT_ONCE: dict[str, tuple[str, Operation]] = {
    "import": ("BatchWriteRow", lambda s: load(s, conversations(3, 200, "new"))),
    "import looks up times": ("GetRange", lambda s: list(read_records(imported(s, UNTIMED)))),
    "message purge": ("BatchWriteRow", lambda s: s.messages.purge(None)),
    "session purge": ("BatchWriteRow", lambda s: s.sessions.purge("many")),
    "purge with messages": ("GetRange", lambda s: s.sessions.purge("u", with_messages=True)),
    "purge until": ("GetRange", lambda s: s.sessions.purge("u", until=DAY_US, with_messages=True)),
    "recent": ("BatchGetRow", lambda s: list(s.sessions.recent("many", limit=None))),
    "export of a user": ("GetRange", lambda s: list(s.bulk.items(user_id="u"))),
    "comparison of a user": ("GetRange", lambda s: list(compare(s, s, BulkResult(), user_id="u"))),
}


@pytest.mark.parametrize("name", AT_ONCE)
def test_bulk_operations_send_2_to_16_requests_at_once(copied: Path, name: str) -> None:
    action, operation = AT_ONCE[name]
    with served_store(copied, latency_ms=LATENCY_MS) as (served, store):
        operation(store)

    assert 2 <= most_at_once(served.log, action) <= 16


def test_purge_deletes_messages_of_a_shared_session_id_once(copied: Path) -> None:
    with served_store(copied, latency_ms=LATENCY_MS) as (_, store):
        load(store, [Session(f"other{n}", "u0000", 1) for n in range(7)])
        same = 'session_id == "u0000"'
        result = store.sessions.purge(None, until=EACH, filter=same, with_messages=True, shared_too=True)

    assert (8, EACH) == (result.sessions, result.messages)


def test_conversations_before_a_bad_line_are_yielded_while_times_are_looked_up(copied: Path) -> None:
    found: list[Session | Message] = []
    with served_store(copied, latency_ms=LATENCY_MS) as (_, store):
        records = read_records(imported(store, UNTIMED + b'{"id": "bad"}\n'))
        with pytest.raises(InvalidInput, match="line 11"):
            found.extend(record.item for record in records)
    assert [each.session_id for each in found] == [f"s{n}" for n in range(10) for _ in "ab"]


def test_a_listing_prefetches_one_page_and_none_beyond_its_limit(tmp_path: Path) -> None:
    """Each page holds two messages of 1.5 MB."""
    items = [Message("s", f"m{n}", n, "user", "x" * 1_500_000) for n in range(6)]
    with served_store(create_store(tmp_path / "memory.db", items), latency_ms=LATENCY_MS) as (served, store):
        rows = iter(store.messages.iterate("s"))
        next(rows)
        wait_until(lambda: len(served.log) >= 2)
        assert ["GetRange"] * 2 == served.actions()
        assert 5 == sum(1 for _ in rows)
        assert ["GetRange"] * 3 == served.actions()

        for limit, requests in ((2, 1), (3, 2)):  # the limit ends prefetching
            served.log.clear()
            assert limit == sum(1 for _ in store.messages.iterate("s", limit=limit))
            assert requests == len(served.log)
