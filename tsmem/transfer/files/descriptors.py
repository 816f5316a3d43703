"""Names of open descriptors, such as /dev/stdin and /proc/self/fd/3, and reading and writing those that another program
made non-blocking. The command line loads this at its start, so it imports little.
"""

from __future__ import annotations

import errno
import io
import os
import re
import select
from typing import Any

_DESCRIPTOR = r"(/dev|/proc/(\d+)(/task/\d+)?)/fd/(?P<number>\d+)"
"""Compiled when it is first used: most runs name no file."""
_MAX_LINKS = 40


def names_stdin(name: str) -> bool:
    """Return True for `-` and the names of descriptor 0. Opening those again could read something else: /dev/null,
    where standard input was closed, and a file from its beginning."""
    return name == "-" or own_descriptor(without_links(name)) == 0


def names_stdout(name: str) -> bool:
    return name == "-" or own_descriptor(without_links(name)) == 1


def without_links(name: str) -> str:
    """Follow links, but not the link that a descriptor is."""
    for _ in range(_MAX_LINKS):
        folder, base = os.path.split(name)
        path = os.path.join(os.path.realpath(folder), base)  # noqa: PTH118
        if is_descriptor(path):
            return path
        try:
            name = os.path.join(folder, os.readlink(name))  # noqa: PTH115, PTH118
        except (OSError, ValueError):
            return path
    return name


def is_descriptor(path: str) -> bool:
    """Return True for the path of a descriptor of any process."""
    return re.fullmatch(_DESCRIPTOR, path, re.ASCII) is not None


def own_descriptor(path: str) -> int | None:
    """Return the number of a descriptor of this process, or None."""
    match = re.fullmatch(_DESCRIPTOR, path, re.ASCII)
    process = os.path.basename(os.path.realpath("/proc/self"))  # noqa: PTH119 - not always the number that we know
    return int(match["number"]) if match is not None and match[2] in (None, process) else None


def duplicate(number: int) -> int:
    import fcntl

    try:
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "it is open for reading only")
        return os.dup(number)
    except OverflowError as error:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from error


class WaitingFile(io.FileIO):
    """An unbuffered file that waits where its descriptor does not block: that belongs to the pipe or terminal itself,
    where another program may have set it."""

    def write(self, data: Any, /) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest:
            if (count := super().write(rest)) is None:
                self._wait(select.POLLOUT)
            else:
                rest = rest[count:]
        return size

    def readinto(self, buffer: Any, /) -> int:
        while (count := super().readinto(buffer)) is None:
            self._wait(select.POLLIN)
        return count

    def read(self, size: int | None = -1, /) -> bytes:
        return io.RawIOBase.read(self, -1 if size is None else size) or b""

    def readall(self) -> bytes:
        return io.RawIOBase.readall(self) or b""

    def _wait(self, event: int) -> None:
        ready = select.poll()
        ready.register(self.fileno(), event)
        ready.poll()
