"""SystemClock: errors of the machine's clock."""

from __future__ import annotations

import time

import pytest

from tsmem.clock import SystemClock
from tsmem.errors import TsmemError


def test_a_clock_past_2262_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def time_ns() -> int:
        raise OverflowError("timestamp too large to convert to C PyTime_t")

    monkeypatch.setattr(time, "time_ns", time_ns)
    with pytest.raises(TsmemError, match="the clock of this machine is past the year 2262"):
        SystemClock().now_us()
