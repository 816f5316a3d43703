"""Where an error is caused: a folder with a store in it that holds a little of everything, and the command line.

Each case has a stage of its own, which a walk makes, uses and takes down; the store is copied, because making one takes
most of the time.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cli.conftest import Cli
from tsmem.store import Message, Session

SESSIONS = [Session("ada", "s1", 1_000), Session("ada", "s2", 2_000), Session("bob", "s3", 3_000)]
MESSAGES = [
    Message("s1", "m1", 100, "user", "tea"),
    Message("s1", "m2", 200, "assistant", "milk"),
    Message("s1", "twin", 300, "user", "one"),
    Message("s1", "twin", 400, "user", "two"),
]
BESIDE = ("-wal", "-shm", ".lock")
"""What SQLite and the engine keep beside a store's file."""


_TRIED = re.compile(r"tried \d+ times in [\d.]+ s")
"""How often something was tried depends on the pauses, which are not the same in two runs."""


class Stage:
    """One case's folder, command line, and what has to be ended behind it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.cli = Cli(folder)
        self.names: dict[str, str] = {}
        """What stands for what, in argv and in what is said: the address of a server, mostly."""

    @property
    def database(self) -> Path:
        """The file of the profile `local`."""
        return self.cli.database

    def plain(self, text: str) -> str:
        """What was said, with what differs from run to run as names."""
        for name, value in self.names.items():
            text = text.replace(value, name)
        return _TRIED.sub("tried N times in N s", text.replace(str(self.folder), "FOLDER"))

    def filled(self, text: str) -> str:
        """The opposite, for what is asked."""
        for name, value in self.names.items():
            text = text.replace(name, value)
        return text.replace("FOLDER", str(self.folder))

    def state(self) -> dict[str, str]:
        """Every file of the folder with a digest of what it holds: of a store, of its rows."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and not path.name.endswith(BESIDE))
        return {str(path.relative_to(self.folder)): _digest(path) for path in files}


@contextmanager
def stage() -> Iterator[Stage]:
    """A folder that is the current one, with a store that has its tables and a few rows. Local time is UTC."""
    with TemporaryDirectory(prefix="tsmem-") as name, ExitStack() as stack:
        stack.callback(time.tzset)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("TZ", "UTC")
        patch.chdir(name)
        time.tzset()
        made = Stage(Path(name).resolve(), stack)
        made.database.parent.mkdir(mode=0o700, parents=True)
        made.database.touch(0o600)
        made.database.write_bytes(_store())
        yield made


@cache
def _store() -> bytes:
    """The bytes of a store's file."""
    with TemporaryDirectory(prefix="tsmem-") as name:
        cli = Cli(Path(name))
        cli.ok("init-tables")
        cli.fill([*SESSIONS, *MESSAGES])
        with closing(sqlite3.connect(cli.database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return cli.database.read_bytes()


def copied(path: Path) -> None:
    """The same store at another place."""
    path.write_bytes(_store())


_digests: dict[bytes, str] = {}
"""Digests of stores' rows by their files' bytes: most cases leave the bytes as they were."""


def _digest(path: Path) -> str:
    content = path.read_bytes()
    if not content.startswith(b"SQLite format 3\0"):
        return hashlib.sha256(content).hexdigest()
    log = Path(f"{path}-wal")
    key = hashlib.sha256(content + (log.read_bytes() if log.is_file() else b"")).digest()
    if key not in _digests:
        _digests[key] = hashlib.sha256(_rows(path, content)).hexdigest()
    return _digests[key]


def _rows(path: Path, content: bytes) -> bytes:
    """Return what the tables of a store hold; the file's content if it is damaged."""
    try:
        with closing(sqlite3.connect(path.as_uri() + "?mode=ro", uri=True)) as connection:
            tables = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
            rows = [
                connection.execute(f'SELECT * FROM "{table}"').fetchall()
                for table, sql in tables
                if sql and sql.startswith("CREATE TABLE")
            ]
        return repr((tables, rows)).encode()
    except sqlite3.Error:
        return content
