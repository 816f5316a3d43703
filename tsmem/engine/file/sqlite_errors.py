"""Translates errors of SQLite and of the file system into those of `tsmem.errors`.

A message names the file, and says whether a failed write could have been kept.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing, suppress
from typing import Literal

from tsmem import interruption, waiting
from tsmem.disk import sqlite_uri
from tsmem.errors import StorageFailure, TsmemError

Stage = Literal["read", "write", "commit"]
"""A read, a write before its commit, or the commit of a write."""

_READ_ONLY = ("{path} is read-only: nothing was written", "check the owner and mode of the file and its folder")
_MEANINGS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: ("{path} cannot be opened", _READ_ONLY[1]),
    sqlite3.SQLITE_NOTADB: ("{path} is not a tsmem file", "choose another path"),
    sqlite3.SQLITE_CORRUPT: (
        "{path} is damaged: {error}",
        "stop every tsmem that uses the file, remove the -wal and -shm files beside it, and restore it from a copy",
    ),
}
_READING_FAILED = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ)
_LOG_INDEX_BYTES = 32 * 1024
"""Source: WALINDEX_PGSZ in SQLite's wal.c."""
_DISK_ERRNOS = (errno.EIO, errno.ENXIO, errno.ERANGE)
"""Errors that SQLite reports as a corrupt file. Source: unixRead in its os_unix.c."""


def from_sqlite_error(error: sqlite3.Error, path: str, stage: Stage = "write") -> TsmemError:
    """Return the error to raise instead of SQLite's. If the thread's check (see `interruption`) ended the statement,
    that is the error of the check. Raises KeyboardInterrupt if a signal did."""
    raised = interruption.take_raised()
    if isinstance(raised, TsmemError):
        return raised
    extended = getattr(error, "sqlite_errorcode", None) or 0
    code = extended & 0xFF  # the primary code
    if isinstance(raised, KeyboardInterrupt) or code == sqlite3.SQLITE_INTERRUPT:
        raise KeyboardInterrupt from error
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_disk_full(path)):
        return _disk_full(path, stage, ambiguous=_may_be_committed(extended, stage))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return waiting.held_too_long(path)
    if code == sqlite3.SQLITE_IOERR or (code == sqlite3.SQLITE_CORRUPT and _is_disk_failing(path)):
        return _io_failure(error, path, stage)
    message, hint = _MEANINGS.get(code, ("{path} failed: {error}", None))
    return StorageFailure(message.format(path=path, error=error), hint=hint)


def _io_failure(error: sqlite3.Error, path: str, stage: Stage) -> StorageFailure:
    extended = error.sqlite_errorcode
    ambiguous = _may_be_committed(extended, stage)
    reports_corrupt = extended & 0xFF == sqlite3.SQLITE_CORRUPT  # wrongly: the caller knows that the disk failed
    if reports_corrupt or stage == "read" or extended in _READING_FAILED:
        message = f"{path} could not be read: disk I/O error"
    else:
        message = f"{path} could not be read or written: {error}"
    if stage != "read":
        message += f"; {_outcome(ambiguous)}"
    # SQLite reports this where a quota or a limit on file sizes is exceeded. A full disk has a code of its own.
    if extended == sqlite3.SQLITE_IOERR_WRITE:
        hint = "look for a quota, or a limit on the size of files (ulimit -f)"
    else:
        hint = "look for disk errors in the system log"
    if ambiguous:
        hint += "; then check whether the write was kept, or repeat it"
    return StorageFailure(message, hint=hint, ambiguous=ambiguous)


def _may_be_committed(extended: int, stage: Stage) -> bool:
    """Return True if the next process that recovers the file could find the failed commit in the log.

    A commit writes frames to the log, the one that marks the commit last; then it syncs the log, and then it updates
    the log's index (sqlite3WalFrames). If writing the log failed, the commit is not in it. If syncing or indexing
    failed, the commit is in the log until another write overwrites it."""
    return stage == "commit" and extended not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)


def _outcome(ambiguous: bool) -> str:
    return "this write may have been kept" if ambiguous else "this write was not kept"


def _is_disk_failing(path: str) -> bool:
    """SQLite can report EIO as a corrupt file. Read the file and its log again, the file through a descriptor that
    SQLite has open: closing one of our own would release SQLite's locks on it. The log has no locks."""
    try:
        with closing(sqlite3.connect(sqlite_uri(path, "mode=ro"), uri=True)):
            _read_to_end(_descriptor_of(path))
        with suppress(FileNotFoundError), open(os.path.realpath(path) + "-wal", "rb", buffering=0) as log:  # noqa: PTH123
            _read_to_end(log.fileno())
    except sqlite3.Error as error:  # opening reads the first bytes of the file, but does not check them
        return (error.sqlite_errorcode or 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR)
    except OSError as error:
        return error.errno in _DISK_ERRNOS
    return False


def _descriptor_of(path: str) -> int:
    wanted = os.stat(path)  # noqa: PTH116
    for name in os.listdir("/dev/fd"):  # noqa: PTH208
        with suppress(OSError):  # the listing includes its own descriptor, which is closed now
            if os.path.samestat(os.fstat(int(name)), wanted):
                return int(name)
    raise FileNotFoundError(path)


def _read_to_end(descriptor: int) -> None:
    offset = 0
    while count := len(os.pread(descriptor, 2**20, offset)):
        offset += count


def is_busy(error: Exception) -> bool:
    return isinstance(error, sqlite3.Error) and (error.sqlite_errorcode or 0) & 0xFF == sqlite3.SQLITE_BUSY


def from_os_error(error: OSError, path: str) -> TsmemError:
    if isinstance(error, BlockingIOError):
        return waiting.held_too_long(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(path, "write", ambiguous=False)
    hint = "check that its folder is writable" if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else None
    return StorageFailure(f"{path} cannot be created: {error.strerror or error}", hint=hint)


def _is_disk_full(path: str) -> bool:
    """A full disk can also show as an I/O error: SQLite reports one if it cannot extend the log's index (-shm)."""
    try:
        disk = os.statvfs(os.path.dirname(os.path.realpath(path)))  # noqa: PTH120
        return disk.f_bavail * disk.f_frsize < _LOG_INDEX_BYTES
    except OSError:
        return False


def _disk_full(path: str, stage: Stage, *, ambiguous: bool) -> StorageFailure:
    what = f"{path} could not be read" if stage == "read" else f"{_outcome(ambiguous)} in {path}"
    return StorageFailure(f"the disk is full: {what}", hint="free some space and try again", ambiguous=ambiguous)
