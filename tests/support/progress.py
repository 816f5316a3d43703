"""The progress lines that rich writes to a terminal."""

from __future__ import annotations

import re

from tests.support.clocks import ManualClock

_DRAWN = re.compile(r"\x1b\[\?25l(.*?)\n\x1b\[\?25h\r\x1b\[1A\x1b\[2K", re.DOTALL)
"""Everything from the first line to its end, where it is erased."""


def drawn(err: str) -> tuple[list[str], str]:
    """Return the lines that were drawn over each other, and what is left to see when all is done."""
    shown = (part.replace("\x1b[?25h", "") for part in _DRAWN.findall(err))
    return [line for part in shown for line in part.split("\r\x1b[2K")], _DRAWN.sub("", err)


class Ticking(ManualClock):
    """A clock on which each look takes more than half a second, so that progress is drawn at each look."""

    def monotonic_s(self) -> float:
        self.time_us += 600_000
        return super().monotonic_s()
