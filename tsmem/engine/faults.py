"""SQLite's and the file system's errors as tsmem's, in plain sentences that name the file.

Its one rule: no `sqlite3.Error` and no `OSError` leaves the engine.
"""

from __future__ import annotations

import errno
import os
import sqlite3

from tsmem import interruption, waiting
from tsmem.errors import StorageFailure, TsmemError, Unavailable

RESTORE = "end every tsmem that uses it, remove the -wal and -shm files beside it, and restore it from a copy"
_CHECK_MODE = "check the owner and mode of the file and its folder"


def from_sqlite(error: sqlite3.Error, path: str) -> TsmemError:
    """What an error of SQLite means to the caller. An extended code's low byte is its primary code. Raises
    KeyboardInterrupt where a signal ended a statement: see `interruption`."""
    raised = interruption.take_raised()
    if isinstance(raised, TsmemError):
        return raised
    if isinstance(raised, KeyboardInterrupt):
        raise KeyboardInterrupt from error
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _no_room(path)):
        return disk_full(path)
    if code == sqlite3.SQLITE_INTERRUPT:
        raise KeyboardInterrupt from error
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return _held(path)
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StorageFailure(f"{path} is read-only: nothing was written", hint=_CHECK_MODE)
    if code == sqlite3.SQLITE_NOTADB:
        return StorageFailure(f"{path} is not a tsmem file", hint="choose another path")
    if code == sqlite3.SQLITE_CORRUPT:
        return StorageFailure(f"{path} is damaged: {error}", hint=RESTORE)
    if code == sqlite3.SQLITE_CANTOPEN:
        return StorageFailure(f"{path} cannot be opened", hint=_CHECK_MODE)
    if code == sqlite3.SQLITE_IOERR:
        # A full disk has an error of its own; a quota and a limit have this one.
        is_write = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_WRITE
        hint = "look for a quota, or a limit on the size of files (ulimit -f)" if is_write else None
        return StorageFailure(
            f"{path} could not be read or written: {error}; nothing of this write was kept", hint=hint
        )
    return StorageFailure(f"{path} failed: {error}")


def is_busy(error: Exception) -> bool:
    """Whether another process holds the file, so that waiting helps."""
    return isinstance(error, sqlite3.Error) and (error.sqlite_errorcode or 0) & 0xFF == sqlite3.SQLITE_BUSY


def _held(path: str) -> Unavailable:
    return Unavailable(
        f"another process kept {path} locked for {waiting.LIMIT_S:.0f} seconds: nothing was done",
        hint="look for a process that holds it, and try again",
    )


def from_os(error: OSError, path: str) -> TsmemError:
    """What an error of the file system means, met while the file was made."""
    if isinstance(error, BlockingIOError):
        return _held(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    hint = "check that its folder is writable" if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else None
    return StorageFailure(f"{path} cannot be made: {error.strerror or error}", hint=hint)


def _no_room(path: str) -> bool:
    """Whether no block is left where the file is: SQLite calls that an I/O error when the log's index cannot grow."""
    try:
        return os.statvfs(os.path.dirname(os.path.realpath(path))).f_bavail == 0  # noqa: PTH120
    except OSError:
        return False


def disk_full(path: str) -> StorageFailure:
    """No space is left for a write."""
    message = f"the disk is full: nothing of this write was kept in {path}"
    return StorageFailure(message, hint="free some space and try again")
