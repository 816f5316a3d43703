"""Translates errors of SQLite and of the file system into tsmem's, so that neither leaves the engine.

Called by the other modules of this folder. Each message is a sentence that names the file.
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
"""The stage of a transaction in which it failed: a read, or a write before and during its commit."""

_READ_ONLY = ("{path} is read-only: nothing was written", "check the owner and mode of the file and its folder")
_MEANINGS: dict[int, tuple[str, str]] = {
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: ("{path} cannot be opened", _READ_ONLY[1]),
    sqlite3.SQLITE_NOTADB: ("{path} is not a tsmem file", "choose another path"),
    sqlite3.SQLITE_CORRUPT: (
        "{path} is damaged: {error}",
        "end every tsmem that uses it, remove the -wal and -shm files beside it, and restore it from a copy",
    ),
}
"""Message and hint of the errors that mean the same in every transaction."""
_READING_FAILED = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ)
_DISK_ERRNOS = (errno.EIO, errno.ENXIO, errno.ERANGE)
"""Errors that SQLite reports as a corrupt file. Source: unixRead in its os_unix.c."""


def from_sqlite(error: sqlite3.Error, path: str, stage: Stage = "write") -> TsmemError:
    """Return the error that one of SQLite's means to the caller. Raises KeyboardInterrupt if a signal ended a
    statement: see `interruption`."""
    raised = interruption.take_raised()
    if isinstance(raised, TsmemError):
        return raised
    extended = getattr(error, "sqlite_errorcode", None) or 0
    code = extended & 0xFF  # the primary code
    if isinstance(raised, KeyboardInterrupt) or code == sqlite3.SQLITE_INTERRUPT:
        raise KeyboardInterrupt from error
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _no_room(path)):
        return _disk_full(path, stage, ambiguous=_may_be_kept(extended, stage))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return waiting.held_too_long(path)
    if code == sqlite3.SQLITE_IOERR or (code == sqlite3.SQLITE_CORRUPT and _disk_fails(path)):
        return _io_failure(error, path, stage)
    message, hint = _MEANINGS.get(code, ("{path} failed: {error}", None))
    return StorageFailure(message.format(path=path, error=error), hint=hint)


def _io_failure(error: sqlite3.Error, path: str, stage: Stage) -> StorageFailure:
    extended = error.sqlite_errorcode
    ambiguous = _may_be_kept(extended, stage)
    is_corrupt = extended & 0xFF == sqlite3.SQLITE_CORRUPT  # only in SQLite's words: the disk failed
    if is_corrupt or stage == "read" or extended in _READING_FAILED:
        message = f"{path} could not be read: disk I/O error"
    else:
        message = f"{path} could not be read or written: {error}"
    if stage != "read":
        message += f"; {_kept(ambiguous)}"
    # A full disk has an error of its own; a quota and a limit have this one.
    if extended == sqlite3.SQLITE_IOERR_WRITE:
        hint = "look for a quota, or a limit on the size of files (ulimit -f)"
    else:
        hint = "look for errors of the disk in the system's log"
    if ambiguous:
        hint += "; then check whether the write was kept, or repeat it"
    return StorageFailure(message, hint=hint, ambiguous=ambiguous)


def _may_be_kept(extended: int, stage: Stage) -> bool:
    """Return True if the next process that recovers the file may find a failed commit in the log.

    SQLite writes the log, the mark of the commit last, then syncs it, then updates its index (sqlite3WalFrames). So a
    log that could not be written has no commit. One that could not be synced or indexed has it, until another write
    takes its place."""
    return stage == "commit" and extended not in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)


def _kept(ambiguous: bool) -> str:
    return "this write may have been kept" if ambiguous else "this write was not kept"


def _disk_fails(path: str) -> bool:
    """Return True if the file or its log cannot be read from the disk.

    SQLite reports EIO as a corrupt file, so both are read once more. The file is read through a descriptor of SQLite's,
    because closing one of our own would take away SQLite's locks on it. There are no locks on the log."""
    try:
        with closing(sqlite3.connect(sqlite_uri(path, "mode=ro"), uri=True)):
            _read_whole(_descriptor_of(path))
        with suppress(FileNotFoundError), open(os.path.realpath(path) + "-wal", "rb", buffering=0) as log:  # noqa: PTH123
            _read_whole(log.fileno())
    except sqlite3.Error as error:  # to open a file is to read its first bytes; they are not looked at
        return (error.sqlite_errorcode or 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR)
    except OSError as error:
        return error.errno in _DISK_ERRNOS
    return False


def _descriptor_of(path: str) -> int:
    wanted = os.stat(path)  # noqa: PTH116
    for name in os.listdir("/dev/fd"):  # noqa: PTH208
        with suppress(OSError):  # the listing's own is closed by now
            if os.path.samestat(os.fstat(int(name)), wanted):
                return int(name)
    raise FileNotFoundError(path)


def _read_whole(descriptor: int) -> None:
    offset = 0
    while count := len(os.pread(descriptor, 2**20, offset)):
        offset += count


def is_busy(error: Exception) -> bool:
    """Return True if another process holds the file, so that waiting helps."""
    return isinstance(error, sqlite3.Error) and (error.sqlite_errorcode or 0) & 0xFF == sqlite3.SQLITE_BUSY


def from_os(error: OSError, path: str) -> TsmemError:
    if isinstance(error, BlockingIOError):
        return waiting.held_too_long(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(path, "write", ambiguous=False)
    hint = "check that its folder is writable" if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else None
    return StorageFailure(f"{path} cannot be made: {error.strerror or error}", hint=hint)


def _no_room(path: str) -> bool:
    """Return True if the disk is full: SQLite reports an I/O error when the log's index cannot grow."""
    try:
        return os.statvfs(os.path.dirname(os.path.realpath(path))).f_bavail == 0  # noqa: PTH120
    except OSError:
        return False


def _disk_full(path: str, stage: Stage, *, ambiguous: bool) -> StorageFailure:
    what = f"{path} could not be read" if stage == "read" else f"{_kept(ambiguous)} in {path}"
    return StorageFailure(f"the disk is full: {what}", hint="free some space and try again", ambiguous=ambiguous)
