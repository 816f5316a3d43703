"""Calls under way at once: pages that are read ahead and batches in flight, up to the client's concurrency limit.

The calling thread consumes results; worker threads only wait for I/O. A client with a limit of one (the embedded store)
gets no thread: the call is made when its result is asked for, so that nothing is read that nobody wants. The same holds
where the system starts no further thread. Threads are daemons, so an interrupted command ends without waiting for them.
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
    """A call whose result is taken later."""

    def __init__(self, call: Callable[[], Result_co]) -> None:
        self._call = call
        self.future: Future[Result_co] | None = None  # None while the call waits to be made by `result`

    def start(self, limiter: ConcurrencyLimiter) -> None:
        """Make the call in a thread, in a copy of the present context, if more than one call at once is of use. The
        calls within a call are made one after another."""
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
        except RuntimeError:  # a limit on threads, often a container's
            self.future = None

    def done(self) -> bool:
        """Return True if the result needs no waiting for a worker thread."""
        return self.future is None or self.future.done()

    def result(self, timeout_s: float | None = None) -> Result_co:
        """Return what the call returned, or raise what it raised. Raises TimeoutError after `timeout_s` seconds."""
        if self.future is not None:
            return self.future.result(timeout_s)
        result = self._call()
        self._call = lambda: result  # made once
        return result


def submit(limiter: ConcurrencyLimiter, call: Callable[[], Result]) -> Pending[Result]:
    """Return a call that is under way if the limiter allows more than one."""
    pending = Pending(call)
    pending.start(limiter)
    return pending


def wait_for_one(pending: Sequence[Pending[object]]) -> None:
    """Wait until one of these calls has returned or raised."""
    futures = [each.future for each in pending if each.future is not None]
    if not any(each.done() for each in pending):
        from concurrent.futures import FIRST_COMPLETED, wait

        wait(futures, return_when=FIRST_COMPLETED)


def wait_for_all(pending: Iterable[Pending[object]], timeout_s: float) -> None:
    """Wait until all of these calls have returned or raised, but no longer than `timeout_s` seconds."""
    if futures := [each.future for each in pending if each.future is not None and not each.done()]:
        from concurrent.futures import wait

        wait(futures, timeout=timeout_s)


def prefetch(
    limiter: ConcurrencyLimiter, items: Iterable[T], start: Callable[[T], Result], most: int | None = None
) -> Iterator[Result]:
    """Yield `start(item)` for each item, in order. `start` is called ahead for as many items as the limiter allows
    calls at once, but for no more than `most`, so that the calls it submits are under way together."""
    source = iter(items)
    started: deque[Result] = deque()
    while True:
        with suppress(StopIteration):
            while len(started) < min(limiter.width, most or limiter.width):
                started.append(start(next(source)))
        if not started:
            return
        yield started.popleft()
