"""Replace the profile file as a whole and durably, while a lock keeps other writers out.

`writer.py` calls `lock_profiles`, reads the file again, and calls `replace`. Files that cannot be replaced, because
they are mounted by themselves in a container, are overwritten instead.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tsmem.disk import make_private_folder, replace_file, sync_folder
from tsmem.waiting import Waits

_NOT_REPLACEABLE = (errno.EBUSY, errno.EXDEV, errno.EROFS)
"""Errors of replacing a file that is mounted by itself. EROFS means that the folder around it is read-only."""


@contextmanager
def lock_profiles(target: Path, waits: Waits) -> Iterator[None]:
    """Hold a lock on the profile file during the block. Creates the folder and the lock file if they are missing.

    The lock file is not removed: another process could hold a lock on the removed file while a third one locks a new
    one. Raises OSError; BlockingIOError if another process holds the lock for too long."""
    above = next(folder for folder in target.parents if folder.exists())
    if not above.is_dir():
        raise NotADirectoryError(20, f"{above} is not a folder")
    make_private_folder(str(target.parent))
    descriptor = _open_lock_file(target)
    try:
        waits.lock(descriptor, str(target))
        yield
    finally:
        os.close(descriptor)


def _open_lock_file(target: Path) -> int:
    """Return a descriptor to lock. It is that of a lock file beside the profile file, or of the profile file itself if
    its folder is read-only. Raises OSError."""
    lock = target.with_name(f"{target.name}.lock")
    flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(lock, flags | os.O_EXCL, 0o600)
    except FileExistsError:
        if lock.is_symlink():  # perhaps another user's, to some other file
            raise OSError(errno.ELOOP, f"{lock} is a symbolic link") from None
        return os.open(lock, flags, 0o600)
    except OSError as error:
        if error.errno != errno.EROFS or not target.exists():
            raise
        return os.open(target, os.O_RDWR | os.O_CLOEXEC)
    try:
        _keep_owner(descriptor, target)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def replace(target: Path, content: bytes) -> None:
    """Replace the content of the profile file durably. The caller holds the lock. Raises OSError."""
    try:
        replace_file(str(target), content, lambda descriptor: _keep_owner(descriptor, target))
    except OSError as error:
        if error.errno not in _NOT_REPLACEABLE or not target.exists():
            raise
        _overwrite(target, content)
    sync_folder(str(target.parent))


def _overwrite(target: Path, content: bytes) -> None:
    """Overwrite the file in place. If that fails, write the old content back."""
    with target.open("r+b", buffering=0) as stream:
        old, descriptor = stream.read(), stream.fileno()
        with suppress(PermissionError):  # only its owner can change its mode
            os.fchmod(descriptor, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, len(content))
            _write_at_start(descriptor, content)
        except BaseException:
            try:
                _write_at_start(descriptor, old)
            except OSError as error:
                raise OSError(error.errno, f"{error.strerror}; the file is damaged") from error
            raise


def _write_at_start(descriptor: int, content: bytes) -> None:
    os.pwrite(descriptor, content, 0)
    os.ftruncate(descriptor, len(content))
    os.fsync(descriptor)


def _keep_owner(descriptor: int, target: Path) -> None:
    """Give a new file the owner of the profile file, so that root can edit the profiles of another user.

    Raises OSError if the profile file is read-only."""
    if target.exists():
        if not os.access(target, os.W_OK):
            raise PermissionError(13, "the file is read-only")
        found = target.stat()
        if found.st_uid != os.geteuid():
            os.fchown(descriptor, found.st_uid, found.st_gid)
