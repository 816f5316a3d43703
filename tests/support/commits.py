"""Makes commits of SQLite fail, as on a failing disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def failing_commits(code: int, message: str = "disk I/O error", *, first: int = 1) -> Iterator[None]:
    """Make every COMMIT of rows fail with this SQLite error code, beginning with the `first`."""
    connect = sqlite3.connect
    commits = 0

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            nonlocal commits
            commits += sql == "COMMIT" and self.total_changes > 0
            if sql == "COMMIT" and commits >= first:
                error = sqlite3.OperationalError(message)
                error.sqlite_errorcode = code
                raise error
            return super().execute(sql, *parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *args, **options: connect(*args, **options, factory=Connection))
        yield
