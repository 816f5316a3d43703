"""Steps that prepare the stage before a command runs. Each function is a step or returns one."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import shlex
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.cli.errors.case import Given
from tests.cli.errors.stage import Stage
from tests.support.pages import forged_token
from tsmem.clock import SystemClock

OTHER = '[profiles.other]\nbackend = "local"\npath = "FOLDER/other.db"\n'
"""A second profile beside the built-in one."""


def no_store(stage: Stage) -> None:
    stage.database.unlink()


def config(text: str, mode: int = 0o600) -> Given:
    def make(stage: Stage) -> None:
        stage.cli.config(stage.filled(text)).chmod(mode)

    return make


def config_bytes(content: bytes) -> Given:
    return lambda stage: stage.cli.config("").write_bytes(content)


def file(name: str, content: str | bytes, mode: int = 0o644) -> Given:
    """Write a file into the folder."""

    def make(stage: Stage) -> None:
        path = stage.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)

    return make


def folder(name: str) -> Given:
    return lambda stage: (stage.folder / name).mkdir(parents=True)


def environ(**variables: str) -> Given:
    return lambda stage: stage.cli.environ.update({name: stage.filled(value) for name, value in variables.items()})


def ran(*lines: str) -> Given:
    """Run commands that must succeed."""

    def make(stage: Stage) -> None:
        for line in lines:
            stage.cli.ok(*shlex.split(stage.filled(line)))

    return make


def token(line: str, name: str = "PAGE_TOKEN") -> Given:
    """Get a page token from a listing."""

    def make(stage: Stage) -> None:
        stage.names[name] = stage.cli.ok(*shlex.split(line)).token

    return make


def patched(target: str, value: Any) -> Given:
    """Replace a value of the package if the real one would take a minute or a gigabyte."""

    def make(stage: Stage) -> None:
        patch = pytest.MonkeyPatch()
        stage.stack.callback(patch.undo)
        patch.setattr(target, value)

    return make


def forged(line: str, *values: int | str, name: str = "PAGE_TOKEN") -> Given:
    """Get a page token from a listing and replace its values."""

    def make(stage: Stage) -> None:
        token(line, name)(stage)
        stage.names[name] = forged_token(stage.names[name], *values)

    return make


def foreign(stage: Stage) -> None:
    stage.database.unlink()
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute("CREATE TABLE t (x)")


def swapped_tables(stage: Stage) -> None:
    """Have the profile name each table as the other one."""
    _local(stage, 'tables.session.name = "message"\ntables.message.name = "session"')


def _local(stage: Stage, more: str) -> None:
    stage.cli.config(f'[profiles.local]\nbackend = "local"\npath = "{stage.database}"\n{more}\n')


def newer(stage: Stage) -> None:
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        connection.execute("PRAGMA user_version = 99")


def damaged(stage: Stage) -> None:
    """Overwrite pages of the store's file."""
    pages = bytearray(stage.database.read_bytes())
    pages[8192:] = b"\xa5" * (len(pages) - 8192)
    stage.database.write_bytes(pages)


def damaged_rows(stage: Stage) -> None:
    """Overwrite the content of the store's rows."""
    with closing(sqlite3.connect(stage.database)) as connection, connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        for name, sql in tables:
            if "cells" in (sql or ""):
                connection.execute(f'UPDATE "{name}" SET cells = ?', (b"\xff\xff\xff",))


def unreadable(descriptor: int, size: int, offset: int) -> bytes:
    """Have reads fail as on a broken disk."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def locked(stage: Stage) -> None:
    patched("tsmem.waiting.Waits.limit_s", 0.05)(stage)
    connection = sqlite3.connect(stage.database, isolation_level=None)
    stage.stack.callback(connection.close)
    connection.execute("BEGIN IMMEDIATE")


def past_2262(stage: Stage) -> None:
    """Set the machine's clock to a time that Python cannot read."""

    def time_ns() -> int:
        raise OverflowError("timestamp too large to convert to C _PyTime_t")

    patched("tests.support.clocks.ManualClock.now_us", SystemClock.now_us)(stage)
    patched("time.time_ns", time_ns)(stage)


def locked_profiles(stage: Stage) -> None:
    patched("tsmem.waiting.Waits.limit_s", 0.05)(stage)
    (stage.folder / "config" / "tsmem").mkdir(parents=True)
    locked_file("config/tsmem/config.toml.lock")(stage)


def locked_file(name: str) -> Given:
    """Make an empty file that another program has locked."""

    def make(stage: Stage) -> None:
        descriptor = os.open(stage.folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        stage.stack.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_SH)

    return make


def pipe(name: str, content: bytes = b"{}\n") -> Given:
    """Make a named pipe and write to it each time it is opened."""

    def make(stage: Stage) -> None:
        os.mkfifo(stage.folder / name)
        writer = os.open(stage.folder / name, os.O_RDWR)  # so that opening the pipe does not block
        os.write(writer, content)
        stage.stack.callback(os.close, writer)

    return make


def file_size_limit(most: int) -> Given:
    """Limit the size of files, like `ulimit -f`."""

    def make(stage: Stage) -> None:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        stage.stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, before)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))

    return make


def rows(count: int) -> bytes:
    """Return lines to import: sessions of one user."""
    return b"".join(b'{"user_id": "u", "session_id": "s%05d"}\n' % number for number in range(count))
