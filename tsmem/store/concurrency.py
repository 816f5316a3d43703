"""Calls under way at once: pages that are read ahead and batches in flight, as many as the client's pace allows.

One rule: who began a call takes its result, in his own thread and when he likes; threads only wait for answers. A
client that gains nothing by a second call has a pace of one: then no thread is made, a call is made when its result is
asked for, and nothing is asked for that nobody wants. Where no thread can be started, that is so too: a call is made
when its result is asked for. Threads are daemons: nobody waits for an answer that is no longer
of use, and a command that is interrupted ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from tsmem.port import ConcurrencyLimiter

_BEGUN: ContextVar[bool] = ContextVar("_BEGUN", default=False)
"""Whether this is a call that was begun here: what it begins itself, it does one after another."""
T = TypeVar("T")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Pending(Protocol[Result_co]):
    """A call that was begun."""

    def done(self) -> bool:
        """Whether its result can be had without waiting for another's answer."""
        ...

    def result(self, timeout: float | None = None) -> Result_co:
        """What the call returned, waited for. Raises what it raised; TimeoutError after `timeout` seconds."""
        ...


class _Deferred(Pending[Result]):
    """A call that is made when its result is asked for."""

    def __init__(self, call: Callable[[], Result]) -> None:
        self._call = call

    def done(self) -> bool:
        return True

    def result(self, timeout: float | None = None) -> Result:
        return self._call()


class _Threaded(Pending[Result]):
    """A call in a thread of its own; where none can be started it is made when its result is asked for."""

    def __init__(self, call: Callable[[], Result]) -> None:
        from concurrent.futures import Future

        self._call = call
        self._context = copy_context()
        self._context.run(_BEGUN.set, True)
        self._is_late = False
        self.future: Future[Result] = Future()

    def start(self) -> None:
        from threading import Thread

        try:
            Thread(target=self._run, name="tsmem call", daemon=True).start()
        except RuntimeError:  # a limit on processes, often a container's
            self._is_late = True

    def _run(self) -> None:
        try:
            result = self._context.run(self._call)
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)

    def done(self) -> bool:
        return self._is_late or self.future.done()

    def result(self, timeout: float | None = None) -> Result:
        if self._is_late and not self.future.done():
            self._run()
        return self.future.result(timeout)


def _nothing(pending: object) -> None:
    pass


def submit(
    limiter: ConcurrencyLimiter, call: Callable[[], Result], hold: Callable[[Pending[Result]], None] = _nothing
) -> Pending[Result]:
    """Begin a call. Its context (how patient the caller is) is that of now. `hold` gets it before it is under way, so
    that an interrupt leaves none that nobody knows of."""
    if limiter.most == 1 or _BEGUN.get():
        deferred = _Deferred(call)
        hold(deferred)
        return deferred
    threaded = _Threaded(call)
    hold(threaded)
    threaded.start()
    return threaded


def wait_for_one(pending: Iterable[Pending[object]]) -> None:
    """Wait until one of these is done, or fails."""
    if any(each.done() for each in pending):
        return
    from concurrent.futures import FIRST_COMPLETED, wait

    wait([each.future for each in pending if isinstance(each, _Threaded)], return_when=FIRST_COMPLETED)


def wait_for_all(pending: Iterable[Pending[object]], timeout_s: float) -> None:
    """Wait until all of these are done, or failed, so long at most."""
    if waited := [each.future for each in pending if isinstance(each, _Threaded) and not each.done()]:
        from concurrent.futures import wait

        wait(waited, timeout=timeout_s)


def prefetch(
    limiter: ConcurrencyLimiter, items: Iterable[T], start: Callable[[T], Result], most: int | None = None
) -> Iterator[Result]:
    """What `start` makes of each item, in their order; it is called as many items ahead as there may be calls, `most`
    where that is said, so that what it begins is under way together."""
    source = iter(items)
    started: deque[Result] = deque()
    while True:
        with suppress(StopIteration):
            while len(started) < min(limiter.width, most or limiter.width):
                started.append(start(next(source)))
        if not started:
            return
        yield started.popleft()
