"""The clock, deadlines for calls, and ages.

Times are integer microseconds since 1970 UTC; only the versions of the engine's cells are milliseconds, as on
TableStore. Code that needs the time is given a `Clock`, so that tests can pass their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, Protocol

from tsmem.errors import TsmemError


class Clock(Protocol):
    def now_us(self) -> int: ...

    def monotonic_s(self) -> float:
        """Return a time for deadlines and durations: it never goes back."""

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    def now_us(self) -> int:
        try:
            return time.time_ns() // 1000
        except OverflowError as error:  # nanoseconds since 1970 no longer fit in 64 bits
            raise TsmemError("the clock of this machine is past the year 2262", hint="set the clock") from error

    def monotonic_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


_time_left: ContextVar[Callable[[], float] | None] = ContextVar("time_left", default=None)


@contextmanager
def deadline(clock: Clock, ends_s: float) -> Iterator[None]:
    """Make every call of a client in this block, retries included, end when `clock.monotonic_s` reaches `ends_s`. An
    earlier deadline of an enclosing block stays in force."""
    left_s = time_left_s()
    if left_s is not None:
        ends_s = min(ends_s, clock.monotonic_s() + left_s)
    token = _time_left.set(lambda: ends_s - clock.monotonic_s())
    try:
        yield
    finally:
        _time_left.reset(token)


def time_left_s() -> float | None:
    time_left = _time_left.get()
    return None if time_left is None else max(0.0, time_left())


class Age(NamedTuple):
    """A time relative to now. It becomes a point in time when a query starts, and a page token keeps that point."""

    microseconds: int

    def before(self, now_us: int) -> int:
        return max(0, now_us - self.microseconds)


Time = int | Age
