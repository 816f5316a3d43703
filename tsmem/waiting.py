"""Waiting for another process that holds a file.

The wait is made of short steps, because a signal is heard only between them; it is said on stderr after a second, once;
and it ends after a minute.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from typing import TypeVar

LIMIT_S = 60.0
"""Seconds until a wait is given up."""
STEP_S = 0.1
"""Seconds that one step of a wait may take."""
SAID_AFTER_S = 1.0
_PAUSE_S = 0.01

T = TypeVar("T")
Notice = Callable[[str], None]
"""Hears what people should know while a call goes on."""


def given_up(path: str) -> str:
    """Return the sentence on a wait that was given up."""
    return f"another process kept {path} locked for {LIMIT_S:.0f} seconds: nothing was done"


GIVEN_UP_HINT = "look for a process that holds it, and try again"


class Waits:
    """The waits of one store."""

    limit_s = LIMIT_S

    def __init__(self, notice: Notice | None = None) -> None:
        self.notice = notice
        self._is_said = False

    def until_free(self, step: Callable[[], T], is_held: Callable[[Exception], bool], path: str) -> T:
        """Call `step` until it succeeds. Raises what it raises: at once where another process does not hold the file,
        else when the time is over."""
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
                self.notice(f"waiting for another process, which holds {path}; Ctrl-C ends the wait")
            time.sleep(_PAUSE_S)

    def lock(self, descriptor: int, path: str) -> None:
        """Take the lock of a lock file. Raises BlockingIOError when the time is over, and OSError."""
        self.until_free(
            lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB),
            lambda error: isinstance(error, BlockingIOError),
            path,
        )
