"""Large answers on their way, over all connections: how many bytes clients may leave unread.

Its one rule: what is held is bounded for all clients together, because each of 512 may ask for 64 MB and read none of
it: twenty that asked for 60 MB took 1 GB (measured). Small answers do not count: that of a write that was done is never
taken back.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

SMALL_BYTES = 1024 * 1024


class ResponseBudget:
    """Bytes of answers that are being sent. Any thread may call it."""

    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes
        self._lock = threading.Lock()

    @contextmanager
    def holding(self, size: int) -> Iterator[bool]:
        """Whether an answer of a size may be sent now; until the block ends it counts."""
        size = 0 if size <= SMALL_BYTES else size
        with self._lock:
            fits = size <= self._left
            taken = size if fits else 0
            self._left -= taken
        try:
            yield fits
        finally:
            with self._lock:
                self._left += taken
