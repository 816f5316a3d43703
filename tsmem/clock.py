"""Time in integer microseconds since 1970 UTC, always injected, so that no default is computed at import.

Tables carry microseconds; the engine's cell versions are milliseconds, as TableStore's are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, Protocol

from tsmem.errors import TsmemError


class Clock(Protocol):
    """The time, as the rest of the package sees it."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""

    def monotonic_s(self) -> float:
        """Seconds from an arbitrary start, never going back: for deadlines and durations."""

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The clock of this machine."""

    def now_us(self) -> int:
        try:
            return time.time_ns() // 1000
        except OverflowError as error:  # nanoseconds since 1970 no longer fit in 64 bits
            raise TsmemError("the clock of this machine is past the year 2262", hint="set the clock") from error

    def monotonic_s(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


_time_budget_s: ContextVar[float | None] = ContextVar("time_budget_s", default=None)


@contextmanager
def time_budget(seconds: float) -> Iterator[None]:
    """Limit the time of a call in this block, retries included: a caller may have less than its profile's timeout."""
    token = _time_budget_s.set(seconds)
    try:
        yield
    finally:
        _time_budget_s.reset(token)


def time_budget_s() -> float | None:
    """Return the seconds that a call may take, retries included; None if nobody set a limit."""
    return _time_budget_s.get()


class Age(NamedTuple):
    """A time given as an age: this long before now. It becomes a point in time when a query starts, and a page token
    keeps that point, so that later pages see the same window."""

    microseconds: int

    def before(self, now_us: int) -> int:
        """Return the point in time in microseconds since 1970 UTC, at least 0."""
        return max(0, now_us - self.microseconds)


Time = int | Age
"""A point in time in microseconds, or an age."""
