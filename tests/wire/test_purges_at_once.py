"""`purge --until --with-messages` over the wire: sessions that share messages are deleted one after another, others at
once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.faults import RefusingClient
from tests.support.items import load
from tests.support.server_in_process import Served, most_at_once, profile_of, serving
from tsmem.adapters import open_client
from tsmem.clock import SystemClock
from tsmem.errors import InvalidInput, PartialFailure
from tsmem.port import TableClient
from tsmem.store import MemoryStore, Message, Session
from tsmem.store.bulk.result import BulkResult


def fill(store: MemoryStore) -> None:
    """Users `a` and `b` have the same ten sessions of three messages each. The last one has a later message."""
    store.tables.apply()
    items: list[Session | Message] = [Session(user, f"s{n}", n) for user in "ab" for n in range(10)]
    items += [Message(f"s{n}", f"s{n}-m{m}", m) for n in range(10) for m in range(3)]
    load(store, [*items, Message("s9", "later", 1000)])


def left(served: Served) -> tuple[list[str], list[str]]:
    """Return the sessions and messages that are stored."""
    with MemoryStore(open_client(profile_of(served.endpoint), SystemClock()), target="test") as store:
        return (
            [f"{each.user_id}/{each.session_id}" for each in store.sessions.iterate(None)],
            [each.message_id for each in store.messages.iterate(None)],
        )


def purging(served: Served, wrap: Callable[[TableClient], TableClient]) -> MemoryStore:
    """Open a store whose client is wrapped."""
    return MemoryStore(wrap(open_client(profile_of(served.endpoint), SystemClock())), target="test")


class Alone:
    """Fails if two calls on the messages of one session are under way."""

    def __init__(self, client: TableClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._active: set[str] = set()
        self.meter, self.limiter = client.meter, client.limiter

    def __getattr__(self, name: str) -> object:
        method = getattr(self._client, name)

        def call(*args: object, **kwargs: object) -> object:
            session = _session_of(name, args)
            with self._lock:
                assert session is None or session not in self._active, "two at once"
                self._active |= {session} - {None}  # type: ignore[arg-type]
            try:
                return method(*args, **kwargs)
            finally:
                with self._lock:
                    self._active.discard(session)

        return call


def _session_of(name: str, args: Sequence[object]) -> str | None:
    """Return the session whose messages a call is about."""
    if name == "get_range" and args[0].name == "message":  # type: ignore[attr-defined]
        return str(args[1].start[0])  # type: ignore[attr-defined]
    if name == "write_rows" and args[0][0].table.name == "message":  # type: ignore[index]
        return str(args[0][0].key[0])  # type: ignore[index]
    return None


def test_sessions_of_one_id_are_deleted_one_after_another_and_others_at_once(tmp_path: Path) -> None:
    with serving(tmp_path / "memory.db", latency_ms=20) as served:
        fill(purging(served, lambda client: client))
        before = len(served.log)
        store = purging(served, Alone)  # type: ignore[arg-type]
        result = store.sessions.purge(None, until=100, with_messages=True)
        store.close()

        assert (18, 27, 2, 0) == (result.sessions, result.messages, result.skipped, result.failed)
        assert 2 <= most_at_once(served.log[before:], "GetRange")
        assert (["a/s9", "b/s9"], ["s9-m0", "s9-m1", "s9-m2", "later"]) == left(served)


def test_a_message_that_is_refused_keeps_its_session_and_a_second_purge_deletes_both(tmp_path: Path) -> None:
    with serving(tmp_path / "memory.db", latency_ms=5) as served:
        fill(purging(served, lambda client: client))
        store = purging(served, lambda client: RefusingClient(client, {"s1-m1": InvalidInput("refused")}))
        result = BulkResult()
        with pytest.raises(PartialFailure, match="could not be deleted") as caught:
            store.sessions.purge("a", until=100, with_messages=True, shared_too=True, result=result)
        sessions, messages = left(served)

        assert [("s1", 1, "s1-m1")] == [failure.key for failure in caught.value.failures]
        assert f"1 of {result.done + 1} rows could not be deleted" == caught.value.message
        assert result.done == caught.value.done == (20 - len(sessions)) + (31 - len(messages))
        assert "a/s1" in sessions
        assert "s1-m1" in messages

        store.sessions.purge("a", until=100, with_messages=True, shared_too=True)
        store.close()
        assert [f"b/s{n}" for n in range(9)] == [each for each in left(served)[0] if "s9" not in each]
