"""SIGINT, SIGTERM and SIGHUP end a run: it stops where it is, cleans up, and says what was done.

The handler raises Stopped. While a chunk of output is written, the signal waits for the end of the chunk. A second
signal ends the process at once. A signal that was ignored when the process began (nohup, a background job of a shell
script) stays ignored. Handlers are installed also for process 1 of a container, where the kernel ignores a signal
without one.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

NAMES: dict[int, str] = {signal.SIGINT: "SIGINT", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}
SAME_S = 0.5
"""Signals within this many seconds count as one: a terminal that closes and its shell both send one, and so do Ctrl-C
and a program that passes it on."""


class Stopped(KeyboardInterrupt):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class StopSignals:
    def __init__(
        self, monotonic_s: Callable[[], float] = time.monotonic, end: Callable[[int], object] = os._exit
    ) -> None:
        self._monotonic_s = monotonic_s
        self._end = end
        self._last_s: float | None = None
        self._may_wait: Callable[[], bool] = lambda: False
        self._waiting: int | None = None
        self.raised: int | None = None

    def install(self) -> None:
        """Handle the signals from now on, except those that are ignored."""
        for number in NAMES:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.receive)

    def uninstall(self) -> None:
        """Let the signals end the process: the interpreter would print a traceback of the handler's during its exit."""
        for number in NAMES:
            if signal.getsignal(number) == self.receive:
                signal.signal(number, signal.SIG_DFL)

    def receive(self, number: int, frame: FrameType | None = None) -> None:
        """Handle a signal. Raises Stopped, at once or from `check`; ends the process at the second signal."""
        now_s = self._monotonic_s()
        if self._last_s is not None and now_s - self._last_s < SAME_S:
            return
        if self.raised is not None:
            self._end(128 + number)
        is_first, self._last_s = self._last_s is None, now_s
        self._waiting = number
        if not (is_first and self._may_wait()):
            self.check()

    def taken(self) -> None:
        """Count a signal that was handled elsewhere, so that those that come with it are not a second one."""
        self._last_s = self._monotonic_s()

    @contextmanager
    def waiting(self, may_wait: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """Let the first signal wait for `check` or the end of the block, if `may_wait` returns True when it comes."""
        before, self._may_wait = self._may_wait, may_wait
        try:
            yield
        finally:
            self._may_wait = before
        self.check()

    def check(self) -> None:
        if self._waiting is not None:
            number, self._waiting = self._waiting, None
            self.raised = number
            raise Stopped(number)


STOP_SIGNALS = StopSignals()
"""The handler of this process. Only `install` changes anything: a library that calls `main` keeps its own handlers."""


def number_of(interrupt: KeyboardInterrupt) -> int:
    """Return the signal behind an interrupt. SQLite may have replaced the exception on the way."""
    return getattr(interrupt, "number", None) or STOP_SIGNALS.raised or signal.SIGINT
