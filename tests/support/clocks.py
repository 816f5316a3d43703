"""Clocks that tests move by hand."""

from __future__ import annotations

from collections.abc import Callable


class ManualClock:
    """A clock that starts in January 2026 and moves only when something sleeps or sets `time_us`."""

    def __init__(self, now_us: int = 1_767_225_600_000_000) -> None:
        self.time_us = now_us
        self.slept_s: list[float] = []

    def now_us(self) -> int:
        return self.time_us

    def monotonic_s(self) -> float:
        return self.time_us / 1e6

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.time_us += round(seconds * 1e6)


class StagedClock(ManualClock):
    """A clock that calls the next step during each sleep of `pause_s`. Without a step left, it raises
    KeyboardInterrupt.

    Sleeps of any other length only move the time forward.
    """

    def __init__(self, *steps: Callable[[], object], pause_s: float = 2.0) -> None:
        super().__init__()
        self.steps = list(steps)
        self.pause_s = pause_s

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if seconds != self.pause_s:
            return
        if not self.steps:
            raise KeyboardInterrupt
        self.steps.pop(0)()
