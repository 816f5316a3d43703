"""Decides when to retry a call and when to stop, and makes the error for a call whose attempts have all failed.

No attempt starts after the deadline. If waiting is unlikely to fix an error, retrying stops sooner (the error's
`hopeless_after_s`): a mistyped host is reported in seconds, a wrong certificate at once. Other errors are retried until
little time is left. A pause that would run too close to the deadline is shortened, so that a last attempt still has
time for its reply. `client.py` makes the attempts.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from tsmem.clock import Clock, time_left_s
from tsmem.errors import Unavailable

MIN_TRIES = 3
"""Attempts before a hopeless error ends the retries, even if each takes long."""
_LAST_S, _LAST_PART = 1.0, 0.1
"""Time reserved for the last attempt: so many seconds, or that part of the total time if it is less."""
MAYBE_DONE = "it may have been carried out"
LATER = "try again later, or raise `timeout` (seconds) in the profile"
"""The hint for an error that has no hint of its own."""


class RetryPolicy(NamedTuple):
    timeout_s: float = 30.0
    """Total seconds to get a reply, including all attempts and pauses."""
    first_pause_s: float = 0.1
    """The longest first pause. The limit doubles after each pause; a pause is a random 50 to 100 % of it."""
    max_pause_s: float = 3.0


class Attempts:
    """The attempts of one call, or of one request within it."""

    def __init__(self, clock: Clock, policy: RetryPolicy, draw: random.Random) -> None:
        """No attempt starts after the policy's timeout or the caller's deadline, whichever comes first."""
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
        """True if the reply to an attempt may have been lost. The caller sets it."""

    def in_time(self) -> bool:
        return self._clock.monotonic_s() < self.ends_s

    def wait(self, error: Unavailable) -> bool:
        """Pause and return True, or return False without a pause if there should be no further attempt."""
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
        """Return the last attempt's error, with the time and number of attempts. If a reply was lost it is Unavailable,
        not a subclass, because the request may have been carried out; for a write the message says so."""
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
