"""The new file that is written whole before it takes the place of another.

Its name is made of the target's name, so that a process that was killed leaves one such file at most, and the next
process with the same target removes it. The process that writes it holds a lock on it until it has its place: a file
that nobody holds is a leftover. Where another process writes one for the same target, or the name is taken by something
else, the name is random.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

_BUFFER_BYTES = 1 << 20
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


@contextmanager
def replacing(folder: int, base: str, put_in_place: Callable[[str], None]) -> Iterator[BinaryIO]:
    """Open a new file in a folder; once all is written and on the disk, call `put_in_place` with its name.

    `base` is the name of the file whose place it takes. Removes the new file where anything fails. Raises OSError."""
    name, descriptor = _create(folder, base)
    try:
        with open(descriptor, "wb", buffering=_BUFFER_BYTES) as stream:  # noqa: PTH123
            yield stream
            stream.flush()
            os.fsync(descriptor)
            put_in_place(name)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)
        raise


def _create(folder: int, base: str) -> tuple[str, int]:
    """Return the name of a new file that this process alone writes, and its descriptor."""
    from hashlib import sha256

    name = f"tsmem-{sha256(os.fsencode(base)).hexdigest()[:16]}.part"
    try:
        _remove_leftover(name, folder)
        if (descriptor := _create_locked(name, folder)) is not None:
            return name, descriptor
    except OSError:  # taken, or a file system without locks
        pass
    except KeyboardInterrupt:  # it may have come right after the file was made
        with suppress(OSError):
            _remove_leftover(name, folder)
        raise
    name = f"tsmem-{os.urandom(8).hex()}.part"  # no number of a process: containers use the same ones again
    try:
        return name, os.open(name, _NEW, 0o600, dir_fd=folder)
    except PermissionError as error:
        raise PermissionError(error.errno, "its folder cannot be written") from error


def _create_locked(name: str, folder: int) -> int | None:
    """Create and lock a file; return None where another process took it for a leftover meanwhile. Raises OSError."""
    descriptor = os.open(name, _NEW, 0o600, dir_fd=folder)
    try:
        if _lock(descriptor, name, folder):
            return descriptor
    except BaseException as error:
        os.close(descriptor)  # and with it the lock: an interrupted process finds its own leftover
        if isinstance(error, OSError):  # without locks nobody could tell that this file is a leftover
            os.unlink(name, dir_fd=folder)
        raise
    os.close(descriptor)
    return None


def _remove_leftover(name: str, folder: int) -> None:
    """Remove the file of a process that has ended. Raises OSError where the file cannot be opened."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and _lock(descriptor, name, folder):
            os.unlink(name, dir_fd=folder)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, name: str, folder: int) -> bool:
    """Lock an open file; return False where another process holds it, or it has this name no more. Raises OSError."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), os.stat(name, dir_fd=folder, follow_symlinks=False))
    except (BlockingIOError, FileNotFoundError):
        return False
