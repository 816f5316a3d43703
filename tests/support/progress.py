"""Progress lines that rich writes to a terminal, and a clock that makes it write them."""

from __future__ import annotations

import re

from tests.support.clocks import ManualClock

_DRAWN = re.compile(r"\x1b\[\?25l(.*?)\n\x1b\[\?25h\r\x1b\[1A\x1b\[2K", re.DOTALL)
"""One progress display, from its first line until it is erased."""


def progress_lines(err: str) -> tuple[list[str], str]:
    """Return the progress lines in the order in which each replaced the one before, and the rest of the output."""
    shown = (part.replace("\x1b[?25h", "") for part in _DRAWN.findall(err))
    return [line for part in shown for line in part.split("\r\x1b[2K")], _DRAWN.sub("", err)


class TickingClock(ManualClock):
    """A clock that moves 0.6 s forward whenever it is read, so that progress is redrawn each time."""

    def monotonic_s(self) -> float:
        self.time_us += 600_000
        return super().monotonic_s()
