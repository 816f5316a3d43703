"""Times the attempts of one call, and makes the error after the last one.

No attempt begins after the deadline. An error that waiting rarely mends ends the attempts sooner (`hopeless_after_s`):
a mistyped host is reported in seconds, and a wrong certificate at once. For any other error the whole time is used: a
pause that would use it up is cut, so that a last attempt begins while enough is left for its reply.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from tsmem.clock import Clock, time_left_s
from tsmem.errors import Unavailable

MIN_TRIES = 3
"""Attempts at least before a hopeless error ends them, however long they take."""
_LAST_S, _LAST_PART = 1.0, 0.1
"""Time left for the last attempt: a second, or this part of the whole time if that is less."""
MAYBE_DONE = "it may have been carried out"
LATER = "try again later, or raise `timeout` (seconds) in the profile"
"""The hint of an error that has none."""


class RetryPolicy(NamedTuple):
    timeout_s: float = 30.0
    """Seconds for one reply, all attempts and pauses together."""
    first_pause_s: float = 0.1
    """Seconds before the second attempt. Doubled each time, and multiplied by 0.5 to 1.0 at random."""
    max_pause_s: float = 3.0


class Attempts:
    """The attempts of one call, or of one part of it."""

    def __init__(self, clock: Clock, policy: RetryPolicy, draw: random.Random) -> None:
        """They end with the policy's timeout, or with the caller's deadline if that is sooner."""
        left_s = time_left_s()
        timeout_s = policy.timeout_s if left_s is None else min(policy.timeout_s, left_s)
        self._clock = clock
        self._policy = policy
        self._random = draw
        self._started_s = clock.monotonic_s()
        self._pause_s = policy.first_pause_s
        self.ends_s = self._started_s + timeout_s
        self._last_s = self.ends_s - min(_LAST_S, timeout_s * _LAST_PART)
        """The latest start of the last attempt."""
        self._is_last = False
        self.count = 0
        self.lost = False
        """True if the reply to any of them may have been lost."""

    def in_time(self) -> bool:
        return self._clock.monotonic_s() < self.ends_s

    def wait(self, error: Unavailable) -> bool:
        """Pause before the next attempt and return True, or return False at once if there will be none."""
        now_s = self._clock.monotonic_s()
        next_s = min(now_s + self._pause_s * self._random.uniform(0.5, 1.0), self._last_s)
        hopeless_s = error.hopeless_after_s
        is_hopeless = hopeless_s == 0 or (
            hopeless_s is not None and self.count >= MIN_TRIES and next_s - self._started_s >= hopeless_s
        )
        if self._is_last or next_s <= now_s or is_hopeless:
            return False
        self._is_last = next_s == self._last_s
        self._clock.sleep(next_s - now_s)
        self._pause_s = min(self._pause_s * 2, self._policy.max_pause_s)
        return True

    def given_up(self, error: Unavailable, *, lost: bool, is_write: bool) -> Unavailable:
        """Return the last attempt's error, with the time and number of attempts. An error after a lost reply is plain
        Unavailable, because the service may not have refused; for a write it says so."""
        times = "once" if self.count == 1 else f"{self.count} times"
        tried_s = self._clock.monotonic_s() - self._started_s
        message = f"{error.message.rstrip('.')} (tried {times} in {tried_s:.3g} s)"
        if lost and is_write:
            message += f"; {MAYBE_DONE}"
        return (Unavailable if lost else type(error))(
            message,
            ambiguous=lost,
            hint=error.hint or LATER,
            request_id=error.request_id,
            service_code=error.service_code,
        )
