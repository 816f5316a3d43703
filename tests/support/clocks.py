"""Clocks that stand still until they are told to move."""

from __future__ import annotations

from collections.abc import Callable


class ManualClock:
    """Starts in January 2026; sleeping moves it on."""

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
    """A clock that runs a step in each pause. When no step is left, it raises KeyboardInterrupt.

    Pauses of another length only move the time on."""

    def __init__(self, *steps: Callable[[], object], pause_s: float = 2.0) -> None:
        super().__init__()
        self.steps = list(steps)
        self.pause_s = pause_s

    def sleep(self, seconds: float) -> None:
        """Move on, and do what comes next. Raises KeyboardInterrupt."""
        super().sleep(seconds)
        if seconds != self.pause_s:
            return
        if not self.steps:
            raise KeyboardInterrupt
        self.steps.pop(0)()
