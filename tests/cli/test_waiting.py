"""Waiting for another process that holds the store: said once, and ended at once by a signal or by the end of that
process.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import Cli, Processes, Started

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def writing(database: Path) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def alone(database: Path) -> Iterator[None]:
    """Another process that has locked the file for itself, even for reading."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def making(database: Path) -> Iterator[None]:
    """Another process that is creating the file."""
    database.unlink()
    with locked(database.with_name("memory.db.lock")):
        yield


def setting(database: Path) -> AbstractContextManager[None]:
    return locked(database.parents[2] / "config" / "tsmem" / "config.toml.lock")


def waiting_line(started: Started) -> str:
    """Read stderr up to the line that says what the process waits for."""
    lines = (line.decode() for line in started.stderr)
    return next(line for line in lines if line.startswith("waiting for another process that holds "))


Held = Callable[[Path], AbstractContextManager[None]]
HELD: list[tuple[Held, str]] = [
    (writing, "message put s m --content hi"),
    (alone, "message list"),
    (making, "init-tables"),
    (setting, "profile set work backend=local path=w.db"),
]


@pytest.mark.parametrize(("held", "line"), HELD)
def test_a_signal_ends_the_wait_for_a_lock_at_once(ready: Cli, process: Processes, held: Held, line: str) -> None:
    with held(ready.database):
        started = process.start(*line.split())
        said = waiting_line(started)
        ended = started.stopped()

    assert said.endswith("; press Ctrl-C to stop\n")
    assert (ended.code, ended.err) == (130, "error: interrupted\n")


@pytest.mark.parametrize(("held", "line"), [HELD[0], HELD[3]])
def test_the_wait_for_a_lock_ends_with_the_process_that_holds_it(
    ready: Cli, process: Processes, held: Held, line: str
) -> None:
    with held(ready.database):
        started = process.start(*line.split())
        assert waiting_line(started)
    assert started.ended().code == 0
