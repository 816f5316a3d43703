"""Wait for another process to release a file.

A wait consists of short steps, because Python handles signals only between them. After a second, a notice tells the
user; after a minute, the wait ends with an error.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from typing import TypeVar

from tsmem.errors import Unavailable

LIMIT_S = 60.0
STEP_S = 0.1
"""Maximum length of one step of a wait."""

T = TypeVar("T")
Notice = Callable[[str], None]
"""Receives a sentence for the user while a call is still running."""


def held_too_long(path: str) -> Unavailable:
    return Unavailable(
        f"another process kept {path} locked for {LIMIT_S:.0f} seconds: nothing was done",
        hint="look for a process that holds it, and try again",
    )


class Waits:
    """The waits of one store. The notice is given only once."""

    limit_s = LIMIT_S

    def __init__(self, notice: Notice | None) -> None:
        self.notice = notice
        self._is_said = False

    def until_free(self, step: Callable[[], T], is_held: Callable[[Exception], bool], path: str) -> T:
        """Call `step` until it succeeds, and return its result. An error for which `is_held` is true means that another
        process holds the file; it is raised after `limit_s`. Any other error is raised at once."""
        started_s = time.monotonic()
        while True:
            try:
                return step()
            except Exception as error:
                waited_s = time.monotonic() - started_s
                if waited_s >= self.limit_s or not is_held(error):
                    raise
            if waited_s >= 1 and self.notice is not None and not self._is_said:
                self._is_said = True
                self.notice(f"waiting for another process that holds {path}; press Ctrl-C to stop")
            time.sleep(0.01)

    def lock(self, descriptor: int, path: str) -> None:
        """Lock a lock file. Raises BlockingIOError if another process still holds it after `limit_s`."""
        self.until_free(
            lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB),
            lambda error: isinstance(error, BlockingIOError),
            path,
        )
