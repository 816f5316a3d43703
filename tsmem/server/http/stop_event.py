"""How a stop reaches every thread that waits: those for a connection, a request, an added latency, a client's end.

Its one rule: it is one file descriptor for all of them, readable from the stop on, so that each can wait for it beside
its own socket, and none can miss it by looking a moment too early.
"""

from __future__ import annotations

import select
import socket
from math import ceil


class StopEvent:
    """Sleepers' alarm: it rings once, and then for good. Any thread may use it."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._is_set = False

    def fileno(self) -> int:
        """What to poll; it is readable once the alarm was set."""
        return self._reader.fileno()

    @property
    def is_set(self) -> bool:
        """Whether it rang."""
        return self._is_set

    def set(self) -> None:
        """Wake everyone, and let nobody sleep again."""
        self._is_set = True
        self._writer.close()

    def wait(self, seconds: float) -> bool:
        """Sleep so long, or until it rings; whether it rang."""
        if not self._is_set:
            poll = select.poll()
            poll.register(self._reader, select.POLLIN)
            poll.poll(ceil(seconds * 1000))
        return self._is_set

    def close(self) -> None:
        """Let go of the sockets, when nobody waits any more."""
        self._writer.close()
        self._reader.close()
