"""Recognise names of open descriptors, such as /dev/stdin and /proc/self/fd/3, and wait for non-blocking descriptors.

Every start of the command line loads this, so it imports little.
"""

from __future__ import annotations

import errno
import io
import os
import re
import select
from typing import Any

_DESCRIPTOR = r"(/dev|/proc/(\d+)(/task/\d+)?)/fd/(?P<number>\d+)"
"""Not compiled here, because most runs name no file."""
_MAX_LINKS = 40


def names_stdin(name: str) -> bool:
    """Return True for `-` and for names of descriptor 0. Such a name must not be opened again: that would read a file
    from its beginning, or /dev/null if standard input was closed."""
    return name == "-" or own_descriptor(resolve_links(name)) == 0


def names_stdout(name: str) -> bool:
    return name == "-" or own_descriptor(resolve_links(name)) == 1


def resolve_links(name: str) -> str:
    """Return the path that links lead to. The name of a descriptor, which is itself a link, is not followed."""
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
    return re.fullmatch(_DESCRIPTOR, path, re.ASCII) is not None


def own_descriptor(path: str) -> int | None:
    match = re.fullmatch(_DESCRIPTOR, path, re.ASCII)
    # Not os.getpid(): /proc may belong to another PID namespace, where this process has another number.
    process = os.path.basename(os.path.realpath("/proc/self"))  # noqa: PTH119
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
    """An unbuffered file that waits until a non-blocking descriptor is ready. A pipe or terminal can be
    non-blocking because another program that shares it made it so."""

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
