"""The attempts of one call: whether to retry, how long to pause, and the error if every attempt fails.

`client.py` makes the attempts, and asks `Attempts.wait` after each one that fails.

- No attempt starts after the deadline. A pause that would end too close to it is shortened, so that a last attempt
  still has time for its reply.
- If waiting is unlikely to fix an error, the attempts end sooner (the error's `hopeless_after_s`): a mistyped host is
  reported within seconds, a wrong certificate at once.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from tsmem.clock import Clock, time_left_s
from tsmem.errors import Unavailable

MIN_ATTEMPTS = 3
"""Attempts before an error with a `hopeless_after_s` above 0 ends a call, even if each attempt takes long."""
_LAST_ATTEMPT_S, _LAST_ATTEMPT_SHARE = 1.0, 0.1
"""Time kept free for the last attempt: this many seconds, or this share of the timeout if that is less."""
MAYBE_DONE = "the request may have been carried out"
LATER = "try again later, or raise `timeout` (seconds) in the profile"
"""The hint for an error that has no hint of its own."""


class RetryPolicy(NamedTuple):
    timeout_s: float = 30.0
    """Total seconds for one call, with all its attempts and pauses."""
    first_pause_s: float = 0.1
    """Upper limit of the first pause. The limit doubles after each pause; a pause is a random 50 to 100 % of it."""
    max_pause_s: float = 3.0


class Attempts:
    """The attempts of one call, or of one request within it."""

    def __init__(self, clock: Clock, policy: RetryPolicy, random_source: random.Random) -> None:
        """The deadline is the end of the policy's timeout, or the caller's own deadline if that is sooner."""
        left_s = time_left_s()
        timeout_s = policy.timeout_s if left_s is None else min(policy.timeout_s, left_s)
        self._clock = clock
        self._policy = policy
        self._random = random_source
        self._started_s = clock.monotonic_s()
        self._pause_s = policy.first_pause_s
        self.deadline_s = self._started_s + timeout_s
        self._last_start_s = self.deadline_s - min(_LAST_ATTEMPT_S, timeout_s * _LAST_ATTEMPT_SHARE)
        """The latest time at which a pause ends."""
        self._is_last = False
        self.count = 0
        self.is_ambiguous = False
        """True if an attempt may have been carried out although it failed. The caller sets it."""

    def has_time_left(self) -> bool:
        return self._clock.monotonic_s() < self.deadline_s

    def wait(self, error: Unavailable) -> bool:
        """Pause before the next attempt and return True, or return False at once if there should be none."""
        now_s = self._clock.monotonic_s()
        next_s = min(now_s + self._pause_s * self._random.uniform(0.5, 1.0), self._last_start_s)
        hopeless_s = error.hopeless_after_s
        is_hopeless = hopeless_s == 0 or (
            hopeless_s is not None and self.count >= MIN_ATTEMPTS and next_s - self._started_s >= hopeless_s
        )
        if self._is_last or next_s <= now_s or is_hopeless:
            return False
        self._is_last = next_s == self._last_start_s
        self._clock.sleep(next_s - now_s)
        self._pause_s = min(self._pause_s * 2, self._policy.max_pause_s)
        return True

    def final_error(self, error: Unavailable, *, is_ambiguous: bool, is_write: bool) -> Unavailable:
        """Return the last attempt's error, with the number of attempts and their time in its message. An ambiguous one
        becomes a plain Unavailable, because subclasses such as Throttled say that nothing was carried out."""
        times = "once" if self.count == 1 else f"{self.count} times"
        tried_s = self._clock.monotonic_s() - self._started_s
        message = f"{error.message.rstrip('.')} (tried {times} in {tried_s:.3g} s)"
        if is_ambiguous and is_write:
            message += f"; {MAYBE_DONE}"
        return (Unavailable if is_ambiguous else type(error))(
            message,
            ambiguous=is_ambiguous,
            hint=error.hint or LATER,
            request_id=error.request_id,
            service_code=error.service_code,
        )
