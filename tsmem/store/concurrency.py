"""Run calls to the client concurrently: pages that are read ahead, and batches that are written together.

A call gets no thread, and is made when its result is asked for, in three cases: the client's limit is one (the embedded
store), the call is made within another concurrent call, or the system cannot start another thread. Threads are daemons,
so an interrupted command ends without waiting for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

    from tsmem.port import ConcurrencyLimiter

_IN_WORKER: ContextVar[bool] = ContextVar("_IN_WORKER", default=False)
T = TypeVar("T")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Pending(Generic[Result_co]):
    def __init__(self, call: Callable[[], Result_co]) -> None:
        self._call = call
        self.future: Future[Result_co] | None = None

    def start(self, limiter: ConcurrencyLimiter) -> None:
        if limiter.most == 1 or _IN_WORKER.get():
            return
        from concurrent.futures import Future
        from threading import Thread

        future: Future[Result_co] = Future()
        context = copy_context()
        context.run(_IN_WORKER.set, True)

        def run() -> None:
            try:
                future.set_result(context.run(self._call))
            except BaseException as error:
                future.set_exception(error)

        self.future = future
        try:
            Thread(target=run, name="tsmem call", daemon=True).start()
        except RuntimeError:  # the limit on threads was reached, as happens in containers
            self.future = None

    def done(self) -> bool:
        """Return True if `result` will not wait for a thread."""
        return self.future is None or self.future.done()

    def result(self, timeout_s: float | None = None) -> Result_co:
        """Return what the call returned, or raise what it raised. Raises TimeoutError after `timeout_s` seconds."""
        if self.future is not None:
            return self.future.result(timeout_s)
        result = self._call()
        self._call = lambda: result  # a second `result` must not make the call again
        return result


def submit(limiter: ConcurrencyLimiter, call: Callable[[], Result]) -> Pending[Result]:
    pending = Pending(call)
    pending.start(limiter)
    return pending


def wait_for_one(pending: Sequence[Pending[object]]) -> None:
    if not any(each.done() for each in pending):
        from concurrent.futures import FIRST_COMPLETED, wait

        wait([each.future for each in pending if each.future is not None], return_when=FIRST_COMPLETED)


def prefetch(
    limiter: ConcurrencyLimiter, items: Iterable[T], start: Callable[[T], Result], max_started: int | None = None
) -> Iterator[Result]:
    """Yield `start(item)` for each item, in order. `start` submits a call; it is called for as many items in advance as
    the limiter allows, and at most `max_started`."""
    source = iter(items)
    started: deque[Result] = deque()
    while True:
        with suppress(StopIteration):
            while len(started) < min(limiter.width, max_started or limiter.width):
                started.append(start(next(source)))
        if not started:
            return
        yield started.popleft()
