"""Replaces the profile file at once and durably, alone with it.

A lock beside the file makes writers wait for each other. The new content goes to a temporary file of mode 0600 that
takes the old one's place. A file that is mounted by itself, as containers do, cannot be replaced, and is written over.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from tsmem.waiting import Waits


@contextmanager
def lock_profiles(target: Path, waits: Waits) -> Iterator[None]:
    """Alone with the file, its directory made where it is missing. The lock file stays: removing it would race.

    Raises OSError; BlockingIOError where another process holds the lock for too long."""
    for folder in reversed([target.parent, *target.parent.parents]):
        if not folder.is_dir():
            if folder.exists():
                raise NotADirectoryError(20, f"{folder} is no folder")
            folder.mkdir(0o700, exist_ok=True)
    descriptor = _lock_file(target)
    try:
        waits.lock(descriptor, str(target))
        yield
    finally:
        os.close(descriptor)


def _lock_file(target: Path) -> int:
    """A descriptor of the lock file, which belongs to whom the file does, and is not behind a link that someone left.
    Raises OSError."""
    lock = _beside(target, "", ".lock")
    flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(lock, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        if lock.is_symlink():
            raise OSError(errno.ELOOP, f"{lock} is a symbolic link") from None
        return os.open(lock, flags, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS or not target.exists():
            raise
        return os.open(target, os.O_RDWR | os.O_CLOEXEC)  # the file stays the same one: it is written over
    try:
        _keep_owner(descriptor, target)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def replace(target: Path, content: bytes) -> None:
    """Put content in the file's place, durably. The lock is held, so a temporary file that is there is a dead one's."""
    temporary = _beside(target, ".", ".tmp")
    try:
        _write_new(temporary, target, content)
        temporary.replace(target)
    except OSError as error:
        if error.errno not in _NOT_REPLACED or not target.exists():
            temporary.unlink(missing_ok=True)
            raise
        _overwrite(target, content, temporary)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # a folder that is read-only has nothing to sync
        temporary.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


_NOT_REPLACED = (errno.EBUSY, errno.EXDEV, errno.EROFS)
"""What the system says of a file that is mounted by itself, as containers do, in a folder that is perhaps read-only."""


def _write_new(path: Path, target: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        _keep_owner(stream.fileno(), target)
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _overwrite(target: Path, content: bytes, copy_of_new: Path) -> None:
    """Write over a file that cannot be replaced. Where that fails the old content is written back.

    Who is killed in the middle finds the new content in the copy beside it."""
    with target.open("r+b", buffering=0) as stream:
        old = stream.read()
        descriptor = stream.fileno()
        with suppress(PermissionError):  # of a file of another user
            os.fchmod(descriptor, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, len(content))
            _write_whole(descriptor, content)
        except BaseException:
            try:
                _write_whole(descriptor, old)
            except OSError as error:
                where = f", the new content is in {copy_of_new}" if copy_of_new.exists() else ""
                raise OSError(error.errno, f"{error.strerror}; the file is damaged{where}") from error
            copy_of_new.unlink(missing_ok=True)
            raise


def _write_whole(descriptor: int, content: bytes) -> None:
    written = 0
    while written < len(content):
        written += os.pwrite(descriptor, content[written:], written)
    os.ftruncate(descriptor, len(content))
    os.fsync(descriptor)


def _beside(target: Path, before: str, behind: str) -> Path:
    """Return the path of a file that goes with the profile file; a name that would be too long is made a short one."""
    name = f"{before}{target.name}{behind}"
    if len(os.fsencode(name)) > _MAX_NAME_BYTES:
        name = f".tsmem-{sha256(os.fsencode(target.name)).hexdigest()[:16]}{behind}"
    return target.with_name(name)


_MAX_NAME_BYTES = 255
"""Of every common file system."""


def _keep_owner(descriptor: int, target: Path) -> None:
    """Root who edits another's file must not take it away. Raises OSError for a file one may not write."""
    if not target.exists():
        return
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "the file is read-only")
    found = target.stat()
    if found.st_uid != os.geteuid():
        os.fchown(descriptor, found.st_uid, found.st_gid)
