"""A clock that stands still until it is told to move."""

from __future__ import annotations


class ManualClock:
    """Starts in January 2026; sleeping moves it on."""

    def __init__(self, now_us: int = 1_767_225_600_000_000) -> None:
        self.time_us = now_us
        self.slept_s: list[float] = []

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return self.time_us

    def monotonic_s(self) -> float:
        """Seconds."""
        return self.time_us / 1e6

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.slept_s.append(seconds)
        self.time_us += round(seconds * 1e6)
