"""Sessions that a purge deletes one by one: several at once, and never two of the same id, because those share
messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tsmem.errors import Unavailable
from tsmem.port import ConcurrencyLimiter
from tsmem.store.bulk.purge import Job, delete_one_by_one
from tsmem.store.bulk.result import BulkResult

DEADLINE_S = 120
"""Only a test that fails waits this long."""


class Jobs:
    """Jobs, and which of them are under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[str] = []
        self.ended: list[str] = []
        self.most = 0

    def job(self, session_id: str, work: Callable[[BulkResult], None] = lambda part: None) -> Job:
        """Return a job that does some work, and counts a session."""

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


def test_sessions_are_deleted_several_at_once_unless_they_share_an_id() -> None:
    jobs, result = Jobs(), BulkResult()
    barrier = threading.Barrier(4)

    def meet(part: BulkResult) -> None:
        barrier.wait(DEADLINE_S)

    ids = ["a", "b", "c", "d"]
    work = [jobs.job(each, meet) for each in ids] + [jobs.job(each) for each in ["x", "x", "y", "x", "y", "z", "x"]]
    delete_one_by_one(ConcurrencyLimiter(4), work, result)

    assert 4 == jobs.most
    assert 11 == result.sessions
    assert sorted([*ids, "x", "x", "y", "x", "y", "z", "x"]) == sorted(jobs.ended)


def test_with_a_limit_of_one_sessions_are_deleted_in_order_up_to_a_failure() -> None:
    jobs, result = Jobs(), BulkResult()

    def fail(part: BulkResult) -> None:
        part.messages += 3
        raise Unavailable("gone")

    with pytest.raises(Unavailable, match=r"gone \(5 rows had been done before\)"):
        delete_one_by_one(
            ConcurrencyLimiter(), [jobs.job("b"), jobs.job("a"), jobs.job("c", fail), jobs.job("d")], result
        )
    assert ["b", "a", "c"] == jobs.ended
    assert (2, 3) == (result.sessions, result.messages)


def test_a_failure_is_raised_after_those_under_way_have_ended_and_were_counted() -> None:
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
        delete_one_by_one(ConcurrencyLimiter(8), source(), result)
    assert ["a", "b", "c"] == sorted(jobs.ended)
    assert (2, 20, 2) == (result.sessions, result.messages, result.unconfirmed)


def test_an_interrupt_is_raised_after_those_under_way_were_counted() -> None:
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
        delete_one_by_one(ConcurrencyLimiter(8), source(), result)
    assert 2 == result.sessions
