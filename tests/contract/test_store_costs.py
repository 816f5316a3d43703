"""What each operation may cost: users pay for requests, and nothing is described, listed or probed on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.backends import FILE, engine_client, on_engine
from tests.support.faults import FaultyClient
from tests.support.items import load
from tsmem.port import TableClient
from tsmem.store import Changes, MemoryStore, Message, Session
from tsmem.store.bulk.bulk import ImportedItem
from tsmem.store.bulk.result import BulkResult

pytestmark = on_engine

ONE_ITEM: list[tuple[str, int, Callable[[MemoryStore], object]]] = [
    ("get session", 1, lambda s: s.sessions.get("u", "s")),
    ("find session", 1, lambda s: s.sessions.find("u", "none")),
    ("put session", 1, lambda s: s.sessions.put(Session("u", "x", 1))),
    ("put session if absent", 1, lambda s: s.sessions.put(Session("u", "y", 1), if_absent=True)),
    ("update session", 1, lambda s: s.sessions.update("u", "s", changes=Changes({"a": 1}))),
    ("replace session", 2, lambda s: s.sessions.update("u", "s", changes=Changes({"b": 1}, replace_metadata=True))),
    ("touch session", 1, lambda s: s.sessions.touch("u", "s", 10**9)),
    ("delete session", 1, lambda s: s.sessions.delete("u", "s")),
    ("get message", 1, lambda s: s.messages.get("m", "m0001", create_time=1)),
    ("get message by id", 2, lambda s: s.messages.get("m", "m0001")),
    ("put message", 1, lambda s: s.messages.put(Message("m", "new", 1))),
    ("update message", 1, lambda s: s.messages.update("m", "m0001", create_time=1, content="x")),
    ("update message by id", 2, lambda s: s.messages.update("m", "m0001", content="x")),
    ("delete message", 1, lambda s: s.messages.delete("m", "m0002", create_time=2)),
    ("delete message by id", 2, lambda s: s.messages.delete("m", "m0003")),
    ("list 50 messages", 1, lambda s: s.messages.page("m", limit=50)),
    ("list 50 messages, then 50 behind a token", 2, lambda s: _two_pages(s, 50)),
    ("list all messages", 1, lambda s: list(s.messages.iterate("m"))),
    ("list sessions", 1, lambda s: s.sessions.page(None, limit=10)),
    ("last 5", 1, lambda s: s.messages.last("m", 5)),
    ("recent 100", 2, lambda s: list(s.sessions.recent("r", limit=100))),
    ("recent 250", 4, lambda s: list(s.sessions.recent("r", limit=None))),
    ("delete of 250 messages", 3, lambda s: s.messages.purge("m")),
    ("purge of 250 sessions", 3, lambda s: s.sessions.purge("r")),
    ("delete with 250 messages", 6, lambda s: s.sessions.delete("u", "m", with_messages=True)),
    ("delete with shared messages", 5, lambda s: s.sessions.delete("u", "m", with_messages=True, shared_too=True)),
    ("import of 400", 2, lambda s: s.bulk.load(_records(400), result=BulkResult())),
    ("import of 401", 3, lambda s: s.bulk.load(_records(401), result=BulkResult())),
]


def _two_pages(store: MemoryStore, limit: int) -> None:
    page = store.messages.page("m", limit=limit)
    assert limit == len(store.messages.page("m", limit=limit, page_token=page.next_page_token).items)


def fill(store: MemoryStore) -> None:
    """What the operations are done on."""
    store.sessions.put(Session("u", "s", 1))
    store.sessions.put(Session("u", "m", 1))
    items: list[Session | Message] = [Message("m", f"m{n:04d}", n) for n in range(250)]
    others = [Session("r", f"r{n:04d}", n) for n in range(250)]
    load(store, [*items, *others])


def _records(count: int) -> list[ImportedItem]:
    """Sessions and messages mixed: batches hold both."""
    items: list[Session | Message] = [
        Session("i", f"s{n}", n) if n % 7 == 0 else Message("i", f"m{n}", n) for n in range(count)
    ]
    return [ImportedItem(n, item) for n, item in enumerate(items)]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    with engine_client(folder) as client:
        store = MemoryStore(client, target="test")
        store.tables.apply()
        fill(store)
    return folder / FILE


@pytest.mark.parametrize(("what", "requests", "operation"), ONE_ITEM, ids=[what for what, _, _ in ONE_ITEM])
def test_an_operation_makes_no_more_requests_than_the_contract_says(
    empty_client: TableClient, what: str, requests: int, operation: Callable[[MemoryStore], object]
) -> None:
    client = FaultyClient(empty_client)

    operation(MemoryStore(client, target="test"))

    assert requests == len(client.calls), client.names()
