"""The SQLite that the engine needs."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tsmem.errors import StorageFailure

NEEDED = (3, 35, 0)
"""The first with RETURNING and AS MATERIALIZED; the trigram tokenizer of FTS5 came with 3.34. Source: the release
history of SQLite."""


def check_sqlite() -> None:
    """Raise StorageFailure where this Python's SQLite is too old, or was built without FTS5."""
    if sqlite3.sqlite_version_info < NEEDED:
        raise _unfit(f"SQLite {sqlite3.sqlite_version}")
    with closing(sqlite3.connect(":memory:")) as connection:
        if not connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchone():
            raise _unfit(f"SQLite {sqlite3.sqlite_version} without FTS5")


def _unfit(found: str) -> StorageFailure:
    return StorageFailure(
        f"this Python has {found}; the embedded store and serve need SQLite {'.'.join(map(str, NEEDED[:2]))} with FTS5",
        hint="use a newer Python or SQLite; profiles of TableStore work without it",
    )
