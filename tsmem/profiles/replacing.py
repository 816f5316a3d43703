"""Replace the profile file at once and durably, while a lock keeps other writers out.

The new content is written to a temporary file of mode 0600, which takes the place of the old file. A file that is
mounted by itself, as in containers, cannot be replaced and is written over. `writer.py` calls this module.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from tsmem.disk import sync_folder
from tsmem.waiting import Waits

_MAX_NAME_BYTES = 255
"""Bytes of a file's name on every common file system."""
_NOT_REPLACEABLE = (errno.EBUSY, errno.EXDEV, errno.EROFS)
"""Errors for a file that is mounted by itself, in a folder that may be read-only."""


@contextmanager
def lock_profiles(target: Path, waits: Waits) -> Iterator[None]:
    """Hold the lock of the file, after making its folder. The lock file stays: removing it would race.

    Raises OSError; BlockingIOError if another process holds the lock for too long."""
    for folder in reversed([target.parent, *target.parent.parents]):
        if not folder.is_dir():
            if folder.exists():
                raise NotADirectoryError(20, f"{folder} is no folder")
            folder.mkdir(0o700, exist_ok=True)
    descriptor = _open_lock_file(target)
    try:
        waits.lock(descriptor, str(target))
        yield
    finally:
        os.close(descriptor)


def _open_lock_file(target: Path) -> int:
    """Return a descriptor of the lock file. It gets the owner of the profile file, and may not be a link, which
    somebody else could have left. Raises OSError."""
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
        return os.open(target, os.O_RDWR | os.O_CLOEXEC)  # the file itself, because it will be written over
    try:
        _keep_owner(descriptor, target)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def replace(target: Path, content: bytes) -> None:
    """Put content in the file's place, durably. The caller holds the lock, so a temporary file that is there was left
    by a process that died. Raises OSError."""
    temporary = _beside(target, ".", ".tmp")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            _keep_owner(descriptor, target)
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)
        temporary.replace(target)
    except OSError as error:
        if error.errno not in _NOT_REPLACEABLE or not target.exists():
            temporary.unlink(missing_ok=True)
            raise
        _overwrite(target, content, temporary)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # a read-only folder has nothing to remove
        temporary.unlink(missing_ok=True)
    sync_folder(str(target.parent))


def _overwrite(target: Path, content: bytes, copy_of_new: Path) -> None:
    """Write over a file that cannot be replaced; if that fails, write its old content back.

    If the process is killed in between, the new content is in the copy."""

    def write(content: bytes) -> None:
        written = 0
        while written < len(content):
            written += os.pwrite(descriptor, content[written:], written)
        os.ftruncate(descriptor, len(content))
        os.fsync(descriptor)

    with target.open("r+b", buffering=0) as stream:
        old, descriptor = stream.read(), stream.fileno()
        with suppress(PermissionError):  # a file of another user
            os.fchmod(descriptor, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, len(content))
            write(content)
        except BaseException:
            try:
                write(old)
            except OSError as error:
                where = f", the new content is in {copy_of_new}" if copy_of_new.exists() else ""
                raise OSError(error.errno, f"{error.strerror}; the file is damaged{where}") from error
            copy_of_new.unlink(missing_ok=True)
            raise


def _beside(target: Path, before: str, behind: str) -> Path:
    """Return the path of a file that goes with the profile file; a name that is too long is replaced by its hash."""
    name = f"{before}{target.name}{behind}"
    if len(os.fsencode(name)) > _MAX_NAME_BYTES:
        name = f".tsmem-{sha256(os.fsencode(target.name)).hexdigest()[:16]}{behind}"
    return target.with_name(name)


def _keep_owner(descriptor: int, target: Path) -> None:
    """Give a new file the owner of the profile file, which root may edit for somebody else.

    Raises OSError for a file that may not be written."""
    if target.exists():
        if not os.access(target, os.W_OK):
            raise PermissionError(13, "the file is read-only")
        found = target.stat()
        if found.st_uid != os.geteuid():
            os.fchown(descriptor, found.st_uid, found.st_gid)
