"""Errors of SQLite and of the disk: their messages, and whether a write may have been kept."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.commits import failing_commits
from tests.support.store_files import TABLE, fill, opened
from tsmem.engine.file import sqlite_errors
from tsmem.errors import StorageFailure
from tsmem.rows import Put


@pytest.mark.parametrize(
    ("code", "is_full", "words", "ambiguous"),
    [
        (sqlite3.SQLITE_FULL, False, "this write was not kept", False),
        (sqlite3.SQLITE_IOERR_WRITE, False, "this write was not kept", False),
        (sqlite3.SQLITE_IOERR_FSYNC, False, "this write may have been kept", True),
        (sqlite3.SQLITE_IOERR_SHMSIZE, False, "this write may have been kept", True),
        (sqlite3.SQLITE_IOERR_SHMSIZE, True, "the disk is full: this write may have been kept", True),
    ],
)
def test_a_failed_commit_says_whether_the_write_may_have_been_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, is_full: bool, words: str, ambiguous: bool
) -> None:
    """SQLite writes the log, syncs it, and then updates the log's index. Once the log is written, the commit can
    survive."""
    path = tmp_path / "memory.db"
    fill(path)
    if is_full:
        found = list(os.statvfs(tmp_path))
        found[4] = 0  # f_bavail
        monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(found))
    with failing_commits(code), opened(path) as client, pytest.raises(StorageFailure, match=words) as caught:
        client.write_row(Put(TABLE.ref, ("b",), {}))

    assert caught.value.ambiguous is ambiguous


def test_diagnosing_a_read_error_keeps_sqlites_locks(tmp_path: Path) -> None:
    """A process that closes any descriptor of a file loses all its locks on the file, including SQLite's."""
    path = tmp_path / "memory.db"
    fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        sqlite_errors.from_sqlite_error(error_of(sqlite3.SQLITE_CORRUPT), str(path))
        code = f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
        other = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)

    assert b"database is locked" in other.stderr


def error_of(code: int) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


def test_a_failed_read_on_a_full_disk_mentions_no_write() -> None:
    full = error_of(sqlite3.SQLITE_FULL)

    assert "the disk is full: F could not be read" == sqlite_errors.from_sqlite_error(full, "F", "read").message
