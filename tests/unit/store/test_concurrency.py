"""Concurrent calls: the concurrency limit, deadlines, and prefetching in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.clocks import ManualClock
from tsmem.clock import deadline, time_left_s
from tsmem.port import ConcurrencyLimiter
from tsmem.store.concurrency import prefetch, submit, wait_for_one

DEADLINE_S = 30


def test_the_limit_grows_with_each_answer_until_it_is_cut() -> None:
    """A new limit grows by one with each reply, up to its maximum. Once cut, it grows by one for each full round of
    replies."""
    limiter = ConcurrencyLimiter(8)
    widths = [limiter.width]
    for _ in range(6):
        limiter.answered()
        widths.append(limiter.width)
    assert [4, 5, 6, 7, 8, 8, 8] == widths

    limiter.throttled(limiter.cuts)
    widths = [limiter.width]
    for _ in range(11):
        limiter.answered()
        widths.append(limiter.width)
    assert [4] * 5 + [5] * 5 + [6] * 2 == widths


def test_calls_that_are_throttled_together_halve_the_limit_once() -> None:
    limiter = ConcurrencyLimiter(16)
    began = limiter.cuts
    for _ in range(4):
        limiter.throttled(began)
    assert (2, 1) == (limiter.width, limiter.cuts)

    limiter.throttled(limiter.cuts)
    limiter.throttled(limiter.cuts)
    assert (1, 3) == (limiter.width, limiter.cuts)


def test_with_a_limit_of_one_a_call_is_made_when_its_result_is_taken() -> None:
    threads: list[threading.Thread] = []
    pending = submit(ConcurrencyLimiter(), lambda: threads.append(threading.current_thread()))
    submit(ConcurrencyLimiter(), lambda: threads.append(threading.current_thread()))
    assert ([], True) == (threads, pending.done())
    wait_for_one([pending])
    assert [] == threads

    pending.result()
    assert [threading.current_thread()] == threads


def test_submitted_calls_run_concurrently() -> None:
    together = threading.Barrier(4)

    def call(number: int) -> Callable[[], int]:
        return lambda: number + 0 * together.wait(DEADLINE_S)

    pending = [submit(ConcurrencyLimiter(4), call(number)) for number in range(4)]
    assert [0, 1, 2, 3] == [each.result(DEADLINE_S) for each in pending]


def test_a_call_within_a_call_is_made_inline() -> None:
    def outer() -> tuple[bool, bool]:
        inner = submit(ConcurrencyLimiter(4), threading.current_thread)
        return inner.done(), inner.result() is threading.current_thread()

    assert (True, True) == submit(ConcurrencyLimiter(4), outer).result(DEADLINE_S)


def test_a_call_keeps_the_deadline_of_its_submitter() -> None:
    clock = ManualClock()
    with deadline(clock, clock.monotonic_s() + 3.5):
        pending = submit(ConcurrencyLimiter(4), time_left_s)

    assert pytest.approx(3.5) == pending.result(DEADLINE_S)
    assert submit(ConcurrencyLimiter(4), time_left_s).result(DEADLINE_S) is None


def test_waiting_ends_with_the_first_call_or_the_timeout() -> None:
    never = threading.Event()
    pending = [submit(ConcurrencyLimiter(4), never.wait), submit(ConcurrencyLimiter(4), lambda: True)]
    wait_for_one(pending)
    with pytest.raises(TimeoutError):
        pending[0].result(0)
    assert [False, True] == [each.done() for each in pending]

    never.set()
    assert pending[0].result(DEADLINE_S)


def recording_items(items: int, taken: list[int]) -> Iterator[int]:
    """Yield items, and record in `taken` when each is asked for."""
    for item in range(items):
        taken.append(item)
        yield item


@pytest.mark.parametrize(("limit", "most", "width"), [(16, None, 4), (16, 2, 2), (16, 9, 4), (1, None, 1)])
def test_prefetch_takes_no_more_items_than_the_limit(limit: int, most: int | None, width: int) -> None:
    taken: list[int] = []
    found = []
    for result in prefetch(ConcurrencyLimiter(limit), recording_items(10, taken), lambda item: -item, most):
        found.append(result)
        assert len(taken) == min(10, len(found) - 1 + width)

    assert [-item for item in range(10)] == found


def test_an_error_in_prefetched_items_is_raised() -> None:
    """An error of the source must not end the list early."""

    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        list(prefetch(ConcurrencyLimiter(4), broken(), lambda item: item))
