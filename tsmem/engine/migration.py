"""Bringing a file of an older format to this one.

Its one rule: a file is brought up by whoever opens it first, for reading too, in one transaction under the lock file;
nobody sees it half done, and a process killed there leaves it as it was. Rows stay in their bytes; the catalog changes,
and search indexes get what they lack. Where the file may not be written it is read all the same, through views that
look as its tables would; only searches need what is not there.

Format 2 added the options of tables (deviation_s, allow_update, is_global, own_columns) and of search indexes
(definition, created_us). An index that does not begin with its table's first key column can only be a global one.
Format 3 gave search indexes their contents, made here for those that stand, and options of words (delimiter,
case_sensitive). Formats 4 to 6 added to the contents what stands between words, and how it joins them; they
are made anew.
"""

from __future__ import annotations

import os
import sqlite3

from tsmem.engine import search_tables
from tsmem.engine.catalog import load, raise_version
from tsmem.engine.faults import from_os, from_sqlite, is_busy
from tsmem.engine.files import FORMAT, locked
from tsmem.errors import StorageFailure, TsmemError
from tsmem.waiting import Notice, Waits

_FIRST_KEY_COLUMN = "SELECT c.name FROM table_columns AS c WHERE c.part = 'key' AND c.place = 0 AND c.table_id = "
_MUST_BE_GLOBAL = f"""of.main IS NOT NULL AND ({_FIRST_KEY_COLUMN} of.id) <>
    ({_FIRST_KEY_COLUMN} (SELECT m.id FROM main.tables AS m WHERE m.name = of.main))"""  # noqa: S608 - a constant

CONTENTS_SINCE = 6
"""The first format whose search indexes have these contents."""

STEPS = {
    1: (
        "ALTER TABLE tables ADD COLUMN deviation_s INTEGER NOT NULL DEFAULT 86400",
        "ALTER TABLE tables ADD COLUMN allow_update INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE tables ADD COLUMN is_global INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE tables ADD COLUMN own_columns INTEGER NOT NULL DEFAULT 0",
        f"UPDATE tables AS of SET is_global = {_MUST_BE_GLOBAL}",  # noqa: S608 - a constant
        "ALTER TABLE search_indexes ADD COLUMN definition BLOB",
        "ALTER TABLE search_indexes ADD COLUMN created_us INTEGER NOT NULL DEFAULT 0",
    ),
    2: (
        "ALTER TABLE search_fields ADD COLUMN delimiter TEXT",
        "ALTER TABLE search_fields ADD COLUMN case_sensitive INTEGER",
    ),
    3: (),
    4: (),
    5: (),
}
"""What brings a file of each older format to the next one."""

_VIEWS_2 = (
    "PRAGMA temp_store = MEMORY",
    "CREATE TEMP VIEW search_fields AS SELECT *, NULL AS delimiter, NULL AS case_sensitive FROM main.search_fields",
)
VIEWS = {
    1: (
        *_VIEWS_2,
        f"""CREATE TEMP VIEW tables AS SELECT id, name, main, time_to_live_s, max_versions, 86400 AS deviation_s,
            1 AS allow_update, {_MUST_BE_GLOBAL} AS is_global, 0 AS own_columns FROM main.tables AS of""",  # noqa: S608 - a constant
        """CREATE TEMP VIEW search_indexes AS SELECT id, table_name, name, NULL AS definition, 0 AS created_us
            FROM main.search_indexes""",
    ),
    2: _VIEWS_2,
}
"""What makes a file of an older format look like this one to a reader: SQLite finds a temporary thing before another of
its name."""


MANY_ROWS = 10_000
"""What takes seconds is said before it begins."""


def bring_up(connection: sqlite3.Connection, path: str, waits: Waits) -> TsmemError | None:
    """Bring an open file of an older format to this one. Where that fails the
    connection can read all the same, and what is returned is why it must not write."""
    why: TsmemError
    try:
        with locked(os.path.realpath(path) + ".lock", waits):
            waits.until_free(lambda: connection.execute("BEGIN IMMEDIATE"), is_busy, path)
            _migrate(connection, path, waits.notice)
        return None
    except BlockingIOError as error:
        why = from_os(error, path)
    except OSError as error:
        why = StorageFailure(
            f"{path} is of an older format, and its lock file cannot be opened: {error.strerror or error}",
            hint="check the owner and mode of the file and its folder",
        )
    except sqlite3.Error as error:
        why = from_sqlite(error, path)
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    for statement in VIEWS.get(_version(connection), ()):
        connection.execute(statement)
    return why


def _migrate(connection: sqlite3.Connection, path: str, notice: Notice | None) -> None:
    # Another process may have done it while this one waited.
    version = made = _version(connection)
    while version < FORMAT:
        for statement in STEPS[version]:
            connection.execute(statement)
        version += 1
        connection.execute(f"PRAGMA user_version = {version}")
    if made < CONTENTS_SINCE:
        indexed = [each for table in load(connection, 0).tables.values() for each in search_tables.of_table(table)]
        rows = sum(connection.execute(f"SELECT count(*) FROM t{each.table.id}").fetchone()[0] for each in indexed)  # noqa: S608 - an id only
        if notice is not None and rows >= MANY_ROWS:
            notice(f"{path} is of an older format: its search index is made anew, once, from {rows:,} rows")
        for each in indexed:
            search_tables.drop(connection, each)
            search_tables.create(connection, each, damaged=True)  # one row must not close the file to all
    raise_version(connection)  # who has it open looks at the format again
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return version
