"""Stop a run on SIGINT, SIGTERM or SIGHUP such that it cleans up and says what was done.

The handler raises Stopped, which `main.py` turns into a report and an exit code. A first signal waits for the end of
the chunk of output that is being written. A signal after Stopped ends the process at once.

A signal that was ignored when the process began (nohup, a background job of a script) stays ignored. As process 1 of a
container the handlers matter too, because there the kernel ignores signals without a handler.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNAL_NAMES: dict[int, str] = {signal.SIGINT: "SIGINT", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}
SAME_SIGNAL_S = 0.5
"""Signals within this many seconds count as one. A closing terminal and its shell both send SIGHUP; after Ctrl-C, a
parent program often passes the signal on as well."""


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
        self._may_defer: Callable[[], bool] = lambda: False
        self._pending: int | None = None
        self.raised_signal: int | None = None

    def install(self) -> None:
        for number in SIGNAL_NAMES:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.receive)

    def uninstall(self) -> None:
        """Give the signals back their default action. If the handlers stayed, a signal during the interpreter's exit
        would print a traceback of Stopped."""
        for number in SIGNAL_NAMES:
            if signal.getsignal(number) == self.receive:
                signal.signal(number, signal.SIG_DFL)

    def receive(self, number: int, frame: FrameType | None = None) -> None:
        now_s = self._monotonic_s()
        if self._last_s is not None and now_s - self._last_s < SAME_SIGNAL_S:
            return
        if self.raised_signal is not None:
            self._end(128 + number)
        is_first, self._last_s = self._last_s is None, now_s
        self._pending = number
        if not (is_first and self._may_defer()):
            self.check()

    def note_signal(self) -> None:
        """Count a signal that was handled elsewhere. Signals that arrive together with it are then ignored."""
        self._last_s = self._monotonic_s()

    @contextmanager
    def deferring(self, may_defer: Callable[[], bool] = lambda: True) -> Iterator[None]:
        """If the first signal of the process arrives in the block while `may_defer()` is true, raise Stopped only at
        the next call of `check` or at the normal end of the block. Later signals raise it at once."""
        before, self._may_defer = self._may_defer, may_defer
        try:
            yield
        finally:
            self._may_defer = before
        self.check()

    def check(self) -> None:
        if self._pending is not None:
            number, self._pending = self._pending, None
            self.raised_signal = number
            raise Stopped(number)


STOP_SIGNALS = StopSignals()
"""The handler that `tsmem/__main__.py` installs. A program that calls `main` keeps its own handlers."""


def number_of(interrupt: KeyboardInterrupt) -> int:
    """Return the signal that caused an interrupt. SQLite can replace Stopped by a KeyboardInterrupt of its own."""
    return getattr(interrupt, "number", None) or STOP_SIGNALS.raised_signal or signal.SIGINT
