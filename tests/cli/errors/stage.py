"""The stage of a case: a folder with a small store, and the command line.

Each case has a stage of its own. The store is copied, because creating one takes most of the time.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cli.conftest import Cli, store_file
from tsmem.store import Message, Session

SESSIONS = [Session("ada", "s1", 1_000), Session("ada", "s2", 2_000), Session("bob", "s3", 3_000)]
MESSAGES = [
    Message("s1", "m1", 100, "user", "tea"),
    Message("s1", "m2", 200, "assistant", "milk"),
    Message("s1", "twin", 300, "user", "one"),
    Message("s1", "twin", 400, "user", "two"),
]
BESIDE = ("-wal", "-shm", ".lock")
"""Ends of the names of files that SQLite and the engine keep beside a store."""


_TRIED = re.compile(r"tried \d+ times in [\d.]+ s")
"""The number of attempts depends on the pauses, which differ from run to run."""


class Stage:
    """A folder, the command line, and what has to be stopped afterwards."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.cli = Cli(folder)
        self.names: dict[str, str] = {}
        """Names that stand for values in the command line and in messages, such as HOST for the address of a server."""

    @property
    def database(self) -> Path:
        return self.cli.database

    def plain(self, text: str) -> str:
        """Replace values that differ between runs by names such as FOLDER."""
        for name, value in self.names.items():
            text = text.replace(value, name)
        return _TRIED.sub("tried N times in N s", text.replace(str(self.folder), "FOLDER"))

    def filled(self, text: str) -> str:
        """Replace names such as FOLDER by their values."""
        for name, value in self.names.items():
            text = text.replace(name, value)
        return text.replace("FOLDER", str(self.folder))

    def state(self) -> dict[str, str]:
        """Return a digest of each file in the folder. The digest of a store is that of its rows."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and not path.name.endswith(BESIDE))
        return {str(path.relative_to(self.folder)): _digest(path) for path in files}


@contextmanager
def stage() -> Iterator[Stage]:
    """Make a stage with tables and a few rows. Its folder is the current one, and local time is UTC."""
    with TemporaryDirectory(prefix="tsmem-") as name, ExitStack() as stack:
        stack.callback(time.tzset)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("TZ", "UTC")
        patch.chdir(name)
        time.tzset()
        made = Stage(Path(name).resolve(), stack)
        made.cli.use(_store())
        yield made


@cache
def _store() -> bytes:
    return store_file([*SESSIONS, *MESSAGES])


def copied(path: Path) -> None:
    """Copy the store to another place."""
    path.write_bytes(_store())


def _digest(path: Path) -> str:
    content = path.read_bytes()
    with suppress(sqlite3.Error), closing(sqlite3.connect(path.as_uri() + "?mode=ro", uri=True)) as connection:
        content = "\n".join(connection.iterdump()).encode()  # fails for a damaged store or another file
    return hashlib.sha256(content).hexdigest()
