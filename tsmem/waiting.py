"""Waiting for another process that holds a file.

A wait consists of short steps, because signals are handled only between them. After a second a notice says so, once;
after a minute the wait ends.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from typing import TypeVar

from tsmem.errors import Unavailable

LIMIT_S = 60.0
STEP_S = 0.1
"""Longest step of a wait."""
SAID_AFTER_S = 1.0
_PAUSE_S = 0.01

T = TypeVar("T")
Notice = Callable[[str], None]
"""Takes a sentence that people should read while a call goes on."""


def held_too_long(path: str) -> Unavailable:
    return Unavailable(
        f"another process kept {path} locked for {LIMIT_S:.0f} seconds: nothing was done",
        hint="look for a process that holds it, and try again",
    )


class Waits:
    """The waits of one store."""

    limit_s = LIMIT_S

    def __init__(self, notice: Notice | None = None) -> None:
        self.notice = notice
        self._is_said = False

    def until_free(self, step: Callable[[], T], is_held: Callable[[Exception], bool], path: str) -> T:
        """Call `step` until it succeeds. Raises its error: at once if no other process holds the file, else after the
        longest wait."""
        started_s = time.monotonic()
        while True:
            try:
                return step()
            except Exception as error:
                waited_s = time.monotonic() - started_s
                if waited_s >= self.limit_s or not is_held(error):
                    raise
            if waited_s >= SAID_AFTER_S and self.notice is not None and not self._is_said:
                self._is_said = True
                self.notice(f"waiting for another process that holds {path}; press Ctrl-C to stop")
            time.sleep(_PAUSE_S)

    def lock(self, descriptor: int, path: str) -> None:
        """Lock a lock file. Raises BlockingIOError after the longest wait, and OSError."""
        self.until_free(
            lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB),
            lambda error: isinstance(error, BlockingIOError),
            path,
        )
