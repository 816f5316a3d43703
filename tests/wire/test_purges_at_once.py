"""`purge --until --with-messages`: sessions are deleted each by itself, several at once, and none beside another one
of its id, because they share messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.contract.faults import RefusingClient
from tests.serving import Served, profile_of, serving
from tests.support.items import load
from tests.wire.test_calls_at_once import together
from tsmem.adapters import open_client
from tsmem.clock import SystemClock
from tsmem.errors import InvalidInput, PartialFailure, Unavailable
from tsmem.port import ConcurrencyLimiter, TableClient
from tsmem.store import MemoryStore, Message, Session
from tsmem.store.bulk.purge import Job, one_by_one
from tsmem.store.bulk.result import BulkResult

DEADLINE_S = 30


class Jobs:
    """Jobs that note which of them are under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[str] = []
        self.ended: list[str] = []
        self.most = 0

    def job(self, session_id: str, work: Callable[[BulkResult], None] = lambda part: None) -> Job:
        """One that does some work, and counts a session."""

        def delete(part: BulkResult) -> None:
            with self._lock:
                assert session_id not in self._active
                self._active.append(session_id)
                self.most = max(self.most, len(self._active))
            try:
                work(part)
                part.sessions += 1
            finally:
                with self._lock:
                    self._active.remove(session_id)
                    self.ended.append(session_id)

        return Job(session_id, delete)


def test_sessions_are_deleted_at_once_but_for_those_that_share_an_id() -> None:
    """Four meet at a barrier, so they are under way together; two of one id never are, and all are counted."""
    jobs, result = Jobs(), BulkResult()
    barrier = threading.Barrier(4)

    def meet(part: BulkResult) -> None:
        barrier.wait(DEADLINE_S)

    ids = ["a", "b", "c", "d"]
    work = [jobs.job(each, meet) for each in ids] + [jobs.job(each) for each in ["x", "x", "y", "x", "y", "z", "x"]]
    one_by_one(ConcurrencyLimiter(4), work, result)

    assert 4 == jobs.most
    assert 11 == result.sessions
    assert sorted([*ids, "x", "x", "y", "x", "y", "z", "x"]) == sorted(jobs.ended)


def test_with_a_pace_of_one_they_are_deleted_in_order() -> None:
    """One after another, and none after one that fails."""
    jobs, result = Jobs(), BulkResult()

    def fail(part: BulkResult) -> None:
        part.messages += 3
        raise Unavailable("gone")

    with pytest.raises(Unavailable, match=r"gone \(5 rows had been done before\)"):
        one_by_one(ConcurrencyLimiter(), [jobs.job("b"), jobs.job("a"), jobs.job("c", fail), jobs.job("d")], result)
    assert ["b", "a", "c"] == jobs.ended
    assert (2, 3) == (result.sessions, result.messages)


def test_a_failure_is_raised_when_those_under_way_have_ended() -> None:
    """One of three fails at once, the others end later and are counted; what was not begun is not begun."""
    jobs, result = Jobs(), BulkResult()
    failed = threading.Event()

    def fail(part: BulkResult) -> None:
        part.unconfirmed += 2
        failed.set()
        raise Unavailable("gone", ambiguous=True)

    def late(part: BulkResult) -> None:
        assert failed.wait(DEADLINE_S)
        part.messages += 10

    def source() -> Iterator[Job]:
        yield from [jobs.job("a", fail), jobs.job("b", late), jobs.job("c", late), jobs.job("a")]

    with pytest.raises(Unavailable, match=r"gone \(22 rows had been done before; 2 may have been\)"):
        one_by_one(ConcurrencyLimiter(8), source(), result)
    assert ["a", "b", "c"] == sorted(jobs.ended)
    assert (2, 20, 2) == (result.sessions, result.messages, result.unconfirmed)


def test_an_interrupt_waits_for_those_under_way() -> None:
    """Ctrl-C while the next session is looked for: those under way are counted, and it is raised."""
    jobs, result = Jobs(), BulkResult()
    barrier = threading.Barrier(3)

    def meet(part: BulkResult) -> None:
        barrier.wait(DEADLINE_S)

    def source() -> Iterator[Job]:
        yield jobs.job("a", meet)
        yield jobs.job("b", meet)
        barrier.wait(DEADLINE_S)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one_by_one(ConcurrencyLimiter(8), source(), result)
    assert 2 == result.sessions


def fill(store: MemoryStore) -> None:
    """Users `a` and `b` have the same ten sessions, of three messages each; the last one still speaks."""
    store.tables.apply()
    items: list[Session | Message] = [Session(user, f"s{n}", n) for user in "ab" for n in range(10)]
    items += [Message(f"s{n}", f"s{n}-m{m}", m) for n in range(10) for m in range(3)]
    load(store, [*items, Message("s9", "later", 1000)])


def left(served: Served) -> tuple[list[str], list[str]]:
    """Sessions and messages that are there."""
    with MemoryStore(open_client(profile_of(served.endpoint), SystemClock()), target="test") as store:
        return (
            [f"{each.user_id}/{each.session_id}" for each in store.sessions.iterate(None)],
            [each.message_id for each in store.messages.iterate(None)],
        )


def purging(served: Served, wrap: Callable[[TableClient], TableClient]) -> MemoryStore:
    """A store whose client is wrapped."""
    return MemoryStore(wrap(open_client(profile_of(served.endpoint), SystemClock())), target="test")


class Alone:
    """Sees that no two calls on the messages of one session are under way, and passes everything on."""

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
    """The session whose messages a call is about, where it is about one's."""
    if name == "get_range" and args[0].name == "message":  # type: ignore[attr-defined]
        return str(args[1].start[0])  # type: ignore[attr-defined]
    if name == "write_rows" and args[0][0].table.name == "message":  # type: ignore[index]
        return str(args[0][0].key[0])  # type: ignore[index]
    return None


def test_over_the_wire_shared_sessions_are_deleted_one_after_another(tmp_path: Path) -> None:
    """Requests for several sessions are under way at once, never two for the messages of one; what still speaks
    stays, and each message counts once."""
    with serving(tmp_path / "memory.db", latency_ms=20) as served:
        fill(purging(served, lambda client: client))
        before = len(served.log)
        store = purging(served, Alone)  # type: ignore[arg-type]
        result = store.sessions.purge(None, until=100, with_messages=True)
        store.close()

        assert (18, 27, 2, 0) == (result.sessions, result.messages, result.skipped, result.failed)
        assert 2 <= together(served.log[before:], "GetRange")
        assert (["a/s9", "b/s9"], ["s9-m0", "s9-m1", "s9-m2", "later"]) == left(served)


def test_over_the_wire_a_refused_message_keeps_its_session(tmp_path: Path) -> None:
    """The failure is raised with all that was done and failed in it; repeated, the purge ends the job."""
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
