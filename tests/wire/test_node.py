"""The Node.js SDK against our server, and tsmem over the same tables.

It runs where `node` is and finds the package `tablestore` (for example through NODE_PATH); elsewhere it is skipped.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import METADATA, Served, profile_of
from tests.support.checked_client import checked_store
from tsmem.store import MemoryStore, Message, Metadata, Session

SCRIPT = Path(__file__).with_name("node_memory.js")


def why_not() -> str | None:
    """Why the SDK cannot be run here."""
    if shutil.which("node") is None:
        return "there is no node"
    found = subprocess.run(["node", "-e", "require('tablestore')"], capture_output=True, check=False)
    return None if found.returncode == 0 else "node does not find the package tablestore; set NODE_PATH"


REASON = why_not()
pytestmark = pytest.mark.skipif(REASON is not None, reason=REASON or "")


def node(served: Served, step: str) -> Any:
    """What one step of the script printed."""
    done = subprocess.run(
        ["node", str(SCRIPT), served.endpoint, step], capture_output=True, text=True, timeout=60, check=False
    )
    assert (0, "") == (done.returncode, done.stderr)
    return json.loads(done.stdout)


def plain(columns: dict[str, Any]) -> dict[str, Any]:
    """Columns as the script shows them, as Python's values."""
    values: dict[str, Callable[[Any], Any]] = {"integer": int, "double": float, "bytes": base64.b64decode}
    return {
        name: values[next(iter(value))](next(iter(value.values()))) if isinstance(value, dict) else value
        for name, value in columns.items()
    }


@pytest.fixture
def store(served: Served) -> Iterator[MemoryStore]:
    """tsmem on the same tables."""
    with checked_store(profile_of(served.endpoint)) as store:
        yield store


def test_what_node_writes_is_read(served: Served, store: MemoryStore) -> None:
    """Its tables, its batch of messages and its update of a session, type for type."""
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


def test_what_is_written_node_reads(served: Served, store: MemoryStore) -> None:
    """Single rows, batches, pages in both directions and the secondary index, value for value."""
    store.tables.apply(search=False)
    for number in range(12):
        store.sessions.put(Session("u", f"s{number:03d}", 1000 + number, metadata=Metadata(METADATA)))
        store.messages.put(
            Message("s000", f"m{100 + number}", 2000 + number, "user", "hi", metadata=Metadata(METADATA))
        )

    read = node(served, "read")

    wanted = {**METADATA, "update_time": 1000}
    assert (["u", "s000"], wanted) == (read["one"]["key"], plain(read["one"]["columns"]))
    assert ["m103", None, "m101"] == [found and found["key"][2] for found in read["many"]]
    assert (12, 2) == (len(read["sessions"]["rows"]), read["sessions"]["pages"])
    assert (12, 2) == (len(read["messages"]["rows"]), read["messages"]["pages"])
    assert {**METADATA, "role": "user", "content": "hi"} == plain(read["messages"]["rows"][5]["columns"])
    assert [f"s{number:03d}" for number in reversed(range(12))] == [row["key"][2] for row in read["index"]["rows"]]
    assert 3 == read["index"]["pages"]
    assert {"session", "message"} <= set(read["tables"])
    assert ["session_secondary_index"] == read["indexes"]


def test_node_deletes(served: Served, store: MemoryStore) -> None:
    """What tsmem wrote is gone when Node has deleted it, row by row and in one batch."""
    store.tables.apply(search=False)
    store.sessions.put(Session("u", "s000", 1))
    for number in range(30):
        store.messages.put(Message("s000", f"m{number}", number))

    assert {"sessions": 0, "messages": 0} == node(served, "remove")
    assert [] == list(store.messages.iterate(None))


def test_nodes_errors_carry_the_services_code(served: Served, store: MemoryStore) -> None:
    """A missing table, a failed condition and an operation that is not there."""
    store.tables.apply(search=False)
    missing, failed, unsupported = node(served, "refuse")

    assert "OTSObjectNotExist" in missing
    assert "OTSConditionCheckFail" in failed
    assert "Unsupported operation: 'SQLQuery'." in unsupported
