"""Files and streams whose descriptor another program may have made non-blocking."""

from __future__ import annotations

import io
import select
from typing import Any


class WaitingFile(io.FileIO):
    """An open descriptor that waits where it would have to. Another program may have made it non-blocking, because that
    belongs to the pipe or terminal itself and not to one process. Nothing stays in a buffer: what was written is out.
    """

    def write(self, data: Any, /) -> int:
        """Write all of it."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            if (count := super().write(rest)) is None:
                self._wait(select.POLLOUT)
            else:
                rest = rest[count:]
        return size

    def readinto(self, buffer: Any, /) -> int:
        """Read some of it; 0 at the end."""
        while (count := super().readinto(buffer)) is None:
            self._wait(select.POLLIN)
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to so many bytes, or all."""
        return io.RawIOBase.read(self, -1 if size is None else size) or b""

    def readall(self) -> bytes:
        """Read all of it."""
        return io.RawIOBase.readall(self) or b""

    def _wait(self, event: int) -> None:
        ready = select.poll()
        ready.register(self.fileno(), event)
        ready.poll()
