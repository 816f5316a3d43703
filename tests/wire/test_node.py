"""The Node.js SDK and tsmem on the same tables of our server. Skipped if `node` does not find the SDK."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import missing_node_sdk, run_script
from tests.support.search_table import BY_KEY, ROWS, columns, fill
from tests.support.server_in_process import METADATA, Served
from tsmem.store import MemoryStore, Message, Metadata, Session

REASON = missing_node_sdk()
pytestmark = pytest.mark.skipif(REASON is not None, reason=REASON or "")


def node(served: Served, step: str) -> Any:
    return run_script(Path(__file__).with_name("node_steps.js"), served.endpoint, step)


def python_values(columns: dict[str, Any]) -> dict[str, Any]:
    """Convert columns as the script prints them to Python values."""
    values: dict[str, Callable[[Any], Any]] = {"integer": int, "double": float, "bytes": base64.b64decode}
    return {
        name: values[next(iter(value))](next(iter(value.values()))) if isinstance(value, dict) else value
        for name, value in columns.items()
    }


def test_tsmem_reads_what_node_writes(served: Served, store: MemoryStore) -> None:
    assert {"written": 25} == node(served, "write")

    session = store.sessions.get("u", "s000")
    messages = list(store.messages.iterate("s000"))

    assert 1000 == session.update_time
    assert {**{k: v for k, v in METADATA.items() if k != "empty"}, "topic": "billing"} == dict(session.metadata)
    assert [(f"m{100 + n}", 2000 + n, f"said {n}", "user") for n in range(25)] == [
        (m.message_id, m.create_time, m.content, m.role) for m in messages
    ]
    assert all(METADATA == dict(message.metadata) for message in messages)
    assert [type(value) for value in METADATA.values()] == [type(messages[0].metadata[name]) for name in METADATA]
    assert {("table", "present"), ("secondary index", "present"), ("search index", "missing")} == {
        (step.kind, step.state) for step in store.tables.plan().steps
    }


def test_node_reads_what_tsmem_writes(served: Served, store: MemoryStore) -> None:
    store.tables.apply(search=False)
    for number in range(12):
        store.sessions.put(Session("u", f"s{number:03d}", 1000 + number, metadata=Metadata(METADATA)))
        store.messages.put(
            Message("s000", f"m{100 + number}", 2000 + number, "user", "hi", metadata=Metadata(METADATA))
        )

    read = node(served, "read")

    wanted = {**METADATA, "update_time": 1000}
    assert (["u", "s000"], wanted) == (read["one"]["key"], python_values(read["one"]["columns"]))
    assert ["m103", None, "m101"] == [found and found["key"][2] for found in read["many"]]
    assert (12, 2) == (len(read["sessions"]["rows"]), read["sessions"]["pages"])
    assert (12, 2) == (len(read["messages"]["rows"]), read["messages"]["pages"])
    assert {**METADATA, "role": "user", "content": "hi"} == python_values(read["messages"]["rows"][5]["columns"])
    assert [f"s{number:03d}" for number in reversed(range(12))] == [row["key"][2] for row in read["index"]["rows"]]
    assert 3 == read["index"]["pages"]
    assert {"session", "message"} <= set(read["tables"])
    assert ["session_secondary_index"] == read["indexes"]


def test_node_deletes_what_tsmem_wrote(served: Served, store: MemoryStore) -> None:
    store.tables.apply(search=False)
    store.sessions.put(Session("u", "s000", 1))
    for number in range(30):
        store.messages.put(Message("s000", f"m{number}", number))

    assert {"sessions": 0, "messages": 0} == node(served, "remove")
    assert [] == list(store.messages.iterate(None))


FOUND = {
    "all": set(range(ROWS)), "match": {17, 18}, "terms": {3, 4}, "range": {10, 11}, "bool": {10, 12, 14, 16, 18},
}  # fmt: skip


def test_node_searches_what_tsmem_wrote(served: Served) -> None:
    fill(served)
    found = {
        name: {"rows": [n for n in BY_KEY if n in wanted], "total": len(wanted), "hits": len(wanted)}
        for name, wanted in FOUND.items()
    }
    expected = {
        "found": found, "pages": {"found": list(reversed(range(ROWS))), "count": 8}, "scan": [35, 15, 0],
        "scores": [True, True], "uncounted": True, "columns": list(columns(17)),
    }  # fmt: skip
    printed = node(served, "search")

    assert "field: none does not exist" in printed.pop("refused")
    assert expected == printed
