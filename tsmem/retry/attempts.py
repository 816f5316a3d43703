"""The attempts of one call: until when, how often, with what pauses between, and what is said when they end.

Its one rule: no attempt is made once the time is over. Time is spent where it can help: an error that is
`hopeless_after_s` is not outwaited, so that a mistyped host is told in seconds, and a wrong certificate at once. For
any other the time is used up: a pause that would leave none is cut, so that a last attempt begins when enough is left
for its answer.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tsmem.clock import Clock, time_budget_s
from tsmem.errors import Unavailable

MIN_TRIES = 3
"""Of what is hopeless after some time, however long they take."""
_LAST_S, _LAST_PART = 1.0, 0.1
"""What is left for the last attempt: a second, or this part of the whole time where that is less."""
MAYBE_DONE = "it may have been done"
LATER = "try again later; `timeout` in the profile is for how many seconds it is tried"
"""The hint for what nothing better is known of."""


class RetryPolicy(NamedTuple):
    """How long to go on."""

    timeout_s: float = 30.0
    """Seconds for one answer, all attempts and pauses together."""
    first_pause_s: float = 0.1
    """Seconds before the second attempt; doubled each time, times 0.5 to 1.0 by chance."""
    max_pause_s: float = 3.0


class Deadline:
    """When the call under way in this thread must have ended: RetryingClient sets it, a transport below it reads it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._local = threading.local()

    def left_s(self) -> float | None:
        """Seconds that are left for the call under way, 0 at least; None when there is none."""
        ends_s: float | None = getattr(self._local, "ends_s", None)
        return None if ends_s is None else max(0.0, ends_s - self._clock.monotonic_s())

    @contextmanager
    def until(self, ends_s: float) -> Iterator[None]:
        """A call that must have ended then, by the clock's monotonic_s."""
        self._local.ends_s = ends_s
        try:
            yield
        finally:
            self._local.ends_s = None


class Attempts:
    """The attempts of one call, or of one part of it."""

    def __init__(self, clock: Clock, policy: RetryPolicy, draw: random.Random, ends_s: float | None = None) -> None:
        """Until `ends_s`; when it is None for the policy's whole time, or the caller's time budget if that is less."""
        budget_s = time_budget_s()
        timeout_s = policy.timeout_s if budget_s is None else min(policy.timeout_s, budget_s)
        self._clock = clock
        self._policy = policy
        self._random = draw
        self._started_s = clock.monotonic_s()
        self._pause_s = policy.first_pause_s
        self.ends_s = self._started_s + timeout_s if ends_s is None else ends_s
        self._last_s = self.ends_s - min(_LAST_S, (self.ends_s - self._started_s) * _LAST_PART)
        """When the last attempt begins at the latest."""
        self._is_last = False
        self.count = 0
        self.lost = False
        """Whether an answer to any of them may have been lost."""

    def in_time(self) -> bool:
        """Whether another attempt may be made."""
        return self._clock.monotonic_s() < self.ends_s

    def wait(self, error: Unavailable) -> bool:
        """Wait for the next attempt; False, at once, when there will be none."""
        now_s = self._clock.monotonic_s()
        then_s = min(now_s + self._pause_s * self._random.uniform(0.5, 1.0), self._last_s)
        if self._is_last or then_s <= now_s or self._is_hopeless(error, then_s):
            return False
        self._is_last = then_s == self._last_s
        self._clock.sleep(then_s - now_s)
        self._pause_s = min(self._pause_s * 2, self._policy.max_pause_s)
        return True

    def _is_hopeless(self, error: Unavailable, then_s: float) -> bool:
        after_s = error.hopeless_after_s
        if after_s is None:
            return False
        return after_s == 0 or (self.count >= MIN_TRIES and then_s - self._started_s >= after_s)

    def given_up(self, error: Unavailable, *, lost: bool, changes: bool) -> Unavailable:
        """The last attempt's error, with how long and how often was tried. What may have been done was not refused; of
        what `changes` something, it is said."""
        times = "once" if self.count == 1 else f"{self.count} times"
        tried_s = self._clock.monotonic_s() - self._started_s
        message = f"{error.message.rstrip('.')} (tried {times} in {tried_s:.3g} s)"
        if lost and changes:
            message += f"; {MAYBE_DONE}"
        kind = Unavailable if lost else type(error)
        return kind(
            message,
            ambiguous=lost,
            hint=error.hint or LATER,
            request_id=error.request_id,
            service_code=error.service_code,
        )
