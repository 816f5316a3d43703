"""Waits for something that another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

DEADLINE_S = 120.0
"""Long enough for a busy machine. Only a failing test waits this long."""
_INTERVAL_S = 0.01


def wait_until(condition: Callable[[], object]) -> None:
    """Return once `condition` is true; fail if it is not within DEADLINE_S.

    Sleeping between looks matters: a loop without a pause keeps the interpreter lock from a server in the same process,
    and one request then took more than its ten seconds.
    """
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(_INTERVAL_S)
