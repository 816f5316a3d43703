"""A store in a temporary file without a name, for several connections at once. `connections.py` loads this when it is
wanted.

SQLite's own temporary databases have one connection, and a long search would block everybody else. So the file is made
with a name, in a folder that only this user may enter, and the folder is removed once all connections are open. From
then on nothing is left over, however the process ends; the files live on as long as a connection has them open.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile

from tsmem.engine.file.files import Opened, connect_temporary, create_schema
from tsmem.engine.file.sqlite_errors import from_os, from_sqlite

NAME = "the temporary file"


def open_connections(count: int) -> list[Opened]:
    """Make the file, and open so many connections to it. Raises StorageFailure."""
    opened: list[sqlite3.Connection] = []
    try:
        folder = tempfile.mkdtemp(prefix="tsmem-")
        try:
            opened += [connect_temporary(f"{folder}/tables") for _ in range(count)]
            create_schema(opened[0])
            for connection in opened:  # a connection opens its log with its first read
                connection.execute("SELECT version FROM catalog_version").fetchone()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise from_os(error, NAME) from error
    except sqlite3.Error as error:
        for connection in opened:
            connection.close()
        raise from_sqlite(error, NAME) from error
    return [Opened(connection) for connection in opened]
