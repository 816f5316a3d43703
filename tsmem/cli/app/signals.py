"""How SIGINT, SIGTERM and SIGHUP end a run: the run stops where it is, cleans up, and says what was done.

The handler raises Stopped. While a chunk of output is written the signal waits for the end of the chunk. A second
signal ends the process at once. A signal that was ignored when the process began (nohup, a background job of a shell
script) stays ignored. The handlers are installed also for process 1 of a container, where the kernel ignores a signal
that has none.
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
"""Signals within so many seconds count as one: a terminal that closes and its shell both send one, and so do Ctrl-C and
a program that passes it on."""


class Stopped(KeyboardInterrupt):
    """A signal asked the run to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class StopSignals:
    """What this process has heard of them."""

    def __init__(
        self, monotonic_s: Callable[[], float] = time.monotonic, end: Callable[[int], object] = os._exit
    ) -> None:
        self._monotonic_s = monotonic_s
        self._end = end
        self._heard_s: float | None = None
        self._may_wait: Callable[[], bool] | None = None
        self._waiting: int | None = None
        self.raised: int | None = None
        """The signal that was raised as Stopped; None before."""

    def install(self) -> None:
        """Hear them from now on, except those that are ignored."""
        for number in NAMES:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.heard)

    def uninstall(self) -> None:
        """Let the signals end the process from now on: the interpreter's own exit would print a traceback of ours."""
        for number in NAMES:
            if signal.getsignal(number) == self.heard:
                signal.signal(number, signal.SIG_DFL)

    def heard(self, number: int, frame: FrameType | None = None) -> None:
        """Handle one. Raises Stopped."""
        now_s = self._monotonic_s()
        if self._heard_s is not None and now_s - self._heard_s < SAME_S:
            return
        if self.raised is not None:
            self._end(128 + number)
        is_first, self._heard_s = self._heard_s is None, now_s
        if is_first and self._may_wait is not None and self._may_wait():
            self._waiting = number
            return
        self._raise(number)

    def taken(self) -> None:
        """Count a signal that was handled elsewhere: those that come with it are no second one."""
        self._heard_s = self._monotonic_s()

    @contextmanager
    def waiting(self, may_wait: Callable[[], bool]) -> Iterator[None]:
        """Around the writing of output: the first signal waits for `check`, if `may_wait` says so when it comes."""
        before, self._may_wait = self._may_wait, may_wait
        try:
            yield
        finally:
            self._may_wait = before

    def check(self) -> None:
        """Raise Stopped if a signal waits."""
        if self._waiting is not None:
            self._raise(self._waiting)

    def _raise(self, number: int) -> None:
        self._waiting = None
        self.raised = number
        raise Stopped(number)


STOP_SIGNALS = StopSignals()
"""Those of this process. Nothing is heard before `install`: a library that calls `main` keeps its own handlers."""


def number_of(interrupt: KeyboardInterrupt) -> int:
    """The signal behind an interrupt. SQLite may have lost it on the way."""
    number = getattr(interrupt, "number", None)
    return number or STOP_SIGNALS.raised or signal.SIGINT
