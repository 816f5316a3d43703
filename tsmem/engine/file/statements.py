"""SQL statements that are made first and run later."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import groupby

Statement = tuple[str, Sequence[object]]
"""An SQL text and its parameters."""


def run_statements(connection: sqlite3.Connection, statements: Iterable[Statement]) -> None:
    """Run statements in their order, each run of the same SQL text by one call."""
    for sql, same in groupby(statements, key=lambda statement: statement[0]):
        connection.executemany(sql, (parameters for _, parameters in same))
