"""What each operation costs, counted where it arrives: on the server's own log."""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tsmem
from tests.contract.test_store_costs import ONE_ITEM, fill
from tests.serving import Served, profile_of, serving
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.port import Cost
from tsmem.store import MemoryStore, Message, Session
from tsmem.store.bulk.loading import ImportedItem
from tsmem.store.bulk.result import BulkResult
from tsmem.transfer.formats.conversations import Conversion
from tsmem.transfer.records import ImportSource, read_records


@pytest.fixture
def store(served: Served) -> Iterator[MemoryStore]:
    """A store over the wire, whose tables are made."""
    with tsmem.open_profile(profile_of(served.endpoint)) as store:
        store.tables.apply()
        yield store


@pytest.fixture
def patient_store(served: Served) -> Iterator[MemoryStore]:
    """The same, where no attempt ends before its answer on a busy machine: another one would be counted too."""
    with tsmem.open_profile(profile_of(served.endpoint)._replace(timeout_s=3600)) as store:
        store.tables.apply()
        yield store


@pytest.fixture(scope="module")
def _filled_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("filled") / "memory.db"
    with MemoryStore(LocalClient(path, SystemClock())) as store:
        store.tables.apply()
        fill(store)
    return path


@pytest.fixture
def filled(tmp_path: Path, _filled_file: Path) -> Iterator[tuple[Served, MemoryStore]]:
    """A server that holds all that the operations are done on, and a store that has asked nothing yet."""
    shutil.copy(_filled_file, tmp_path / "memory.db")
    with serving(tmp_path / "memory.db") as served, tsmem.open_profile(profile_of(served.endpoint)) as store:
        yield served, store


@pytest.mark.parametrize(("what", "requests", "operation"), ONE_ITEM, ids=[what for what, _, _ in ONE_ITEM])
def test_an_operation_sends_no_more_than_the_contract_says(
    filled: tuple[Served, MemoryStore], what: str, requests: int, operation: Callable[[MemoryStore], object]
) -> None:
    """Every request that reached the server, and nothing described, listed or probed among them."""
    served, store = filled

    operation(store)

    sent = served.actions()
    assert requests == len(sent), sent
    assert requests == store.cost.requests
    assert set() == set(sent) & {"DescribeTable", "ListTable", "DescribeSearchIndex", "ListSearchIndex"}


SEARCHES: list[tuple[str, int, Callable[[MemoryStore], object]]] = [
    ("session search", 1, lambda s: s.sessions.search(user_id="r", limit=50).page()),
    ("session search of 250", 3, lambda s: list(s.sessions.search(user_id="r", limit=None))),
    ("message search", 1, lambda s: s.messages.search(session_id="m", limit=100).page()),
    ("message search of 250", 3, lambda s: list(s.messages.search(session_id="m", limit=None))),
    ("message search of a text", 1, lambda s: s.messages.search("nowhere", limit=50).page()),
    ("recent of everyone", 1, lambda s: s.sessions.recent(None, limit=50).page()),
    ("all 252 of everyone", 3, lambda s: list(s.sessions.recent(None, limit=None))),
]


@pytest.mark.parametrize(("what", "requests", "operation"), SEARCHES, ids=[what for what, _, _ in SEARCHES])
def test_a_search_sends_a_request_for_a_hundred_rows(
    filled: tuple[Served, MemoryStore], what: str, requests: int, operation: Callable[[MemoryStore], object]
) -> None:
    """The index is described once in a store; then each hundred of what it nominates is a request, and no more."""
    served, store = filled

    operation(store)
    assert ["DescribeSearchIndex"] + ["Search"] * requests == served.actions()

    operation(store)
    assert ["Search"] * requests == served.actions()[1 + requests :]


LARGE: list[tuple[str, dict[str, int], Callable[[MemoryStore], object]]] = [
    ("list 300", {"GetRange": 1}, lambda s: s.messages.page("m", limit=300)),
    ("list 1,000", {"GetRange": 1}, lambda s: s.messages.page("m", limit=1000)),
    ("list 5,000", {"GetRange": 1}, lambda s: s.messages.page("m", limit=5000)),
    ("list 5,001", {"GetRange": 2}, lambda s: s.messages.page("m", limit=5001)),
    ("list all", {"GetRange": 2}, lambda s: list(s.messages.iterate("m"))),
    ("list few", {"GetRange": 2}, lambda s: s.messages.page("m", filter="create_time == 5000")),
    ("list sessions", {"GetRange": 2}, lambda s: list(s.sessions.iterate("m"))),
    ("last 1,000", {"GetRange": 1}, lambda s: s.messages.last("m", 1000)),
    ("recent 1,000", {"GetRange": 1, "BatchGetRow": 10}, lambda s: list(s.sessions.recent("m", limit=1000))),
    ("recent all", {"GetRange": 2, "BatchGetRow": 51}, lambda s: list(s.sessions.recent("m", limit=None))),
    ("delete messages", {"GetRange": 2, "BatchWriteRow": 26}, lambda s: s.messages.purge("m")),
    ("delete sessions", {"GetRange": 2, "BatchWriteRow": 26}, lambda s: s.sessions.purge("m")),
    ("import", {"BatchWriteRow": 51}, lambda s: s.bulk.load(_large(), result=BulkResult())),
]


@pytest.mark.slow
def test_costs_of_more_rows_than_a_page_holds(served: Served, patient_store: MemoryStore) -> None:
    """Of 5,001 messages and sessions, each 5,000 are a page, each 200 a batch of writes, and each 100 one of reads; a
    listing that is bounded reads its bound at once."""
    patient_store.bulk.load(_large(), result=BulkResult())
    for what, requests, operation in LARGE:
        before = len(served.log)
        operation(patient_store)
        assert (what, requests) == (what, dict(Counter(served.actions()[before:])))


def _large() -> list[ImportedItem]:
    items: list[Session | Message] = [Session("m", f"{n:04d}", n) for n in range(5001)]
    items += [Message("m", f"{n:04d}", n) for n in range(5001)]
    return [ImportedItem(n, item) for n, item in enumerate(items)]


@pytest.mark.parametrize(
    ("step_us", "requests"),
    [
        (1_001, {"BatchWriteRow": 2}),
        (0, {"BatchWriteRow": 2, "GetRange": 3}),
        (10**6, {"BatchWriteRow": 2, "GetRange": 3}),
        (None, {"BatchWriteRow": 2, "GetRange": 3}),
    ],
    ids=["times apart", "one time", "whole seconds", "no times"],
)
def test_an_import_of_conversations_looks_up_unsure_times_in_a_request_a_session(
    served: Served, store: MemoryStore, step_us: int | None, requests: dict[str, int]
) -> None:
    """Three conversations of 100 messages; nothing is asked for where all messages have a time of their own that is
    finer than a second."""
    said: list[dict[str, object]] = [{"role": "user", "content": "tea"} for _ in range(100)]
    if step_us is not None:
        for place, message in enumerate(said):
            message["created_at"] = 1_767_225_600_000_000 + (place + 1) * step_us
    data = b"".join(json.dumps({"id": f"s{n}", "messages": said}).encode() + b"\n" for n in range(3))
    before = len(served.log)
    rules = Conversion("u", 5, store.bulk.stored_times())
    store.bulk.load(read_records(ImportSource(io.BytesIO(data), "openai", rules)), result=BulkResult())
    assert requests == dict(Counter(served.actions()[before:]))


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
