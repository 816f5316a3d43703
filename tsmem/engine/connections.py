"""Connections to the file, and the two kinds of transaction.

Its one rule: every access is one transaction on a connection of its own. A read sees one moment and lasts one page; a
write begins IMMEDIATE, because a transaction that reads first and then writes fails under contention whatever the busy
timeout is (measured). Connections are kept in a pool, so that a thread that ended leaves none behind.

A read where no file is sees an instance without tables and makes nothing; the first write makes the file.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tsmem.engine import files
from tsmem.engine.catalog import Catalog, load
from tsmem.engine.faults import from_sqlite
from tsmem.errors import TsmemError


class Session:
    """A connection, and the catalog as this connection last read it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.execute = connection.execute
        self._catalog: Catalog | None = None

    def catalog(self) -> Catalog:
        """The schemas as the running transaction sees them. Read anew only when another version of them is there."""
        version = self.execute("SELECT version FROM catalog_version").fetchone()[0]
        if self._catalog is None or self._catalog.version != version:
            self._catalog = load(self.connection, version)
        return self._catalog

    def forget(self) -> None:
        """Drop the catalog: this transaction changes it, and may yet be rolled back."""
        self._catalog = None


class Connections:
    """A pool over one file, or over one unnamed temporary file when the path is None."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._idle: list[Session] = []
        self._closed = False
        self._only = threading.Lock()
        """Held while the temporary file is used: it has one connection."""

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A read transaction."""
        with self._transaction("BEGIN", make=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A write transaction: committed, and on the disk, when the block ends; rolled back when it raises."""
        with self._transaction("BEGIN IMMEDIATE", make=True) as session:
            yield session

    def close(self) -> None:
        """Close every connection; one in use is closed when its transaction ends."""
        self._closed = True
        while self._idle:
            self._idle.pop().connection.close()

    @contextmanager
    def _transaction(self, begin: str, *, make: bool) -> Iterator[Session]:
        if self._path is None:
            self._only.acquire()
        session = None
        try:
            session = self._take(make)
            session.execute(begin)
            yield session
            session.execute("COMMIT")
        except sqlite3.Error as error:
            raise from_sqlite(error, self._path or "the temporary file") from error
        finally:
            if session is not None:
                self._give_back(session)
            if self._path is None:
                self._only.release()

    def _take(self, make: bool) -> Session:
        if self._closed:
            raise TsmemError("the store is closed")
        with suppress(IndexError):
            return self._idle.pop()
        if self._path is None:
            return Session(files.open_temporary())
        if not files.is_made(self._path):
            if not make:
                return _Absent(files.open_temporary())
            files.make(self._path)
        return Session(files.open_made(self._path))

    def _give_back(self, session: Session) -> None:
        """Roll back what was not committed, and keep the connection unless it is of no more use."""
        connection = session.connection
        try:
            if connection.in_transaction:
                session.forget()
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()
            return
        if isinstance(session, _Absent):
            connection.close()
            return
        self._idle.append(session)
        if self._closed:
            self.close()


class _Absent(Session):
    """An instance without tables, standing in for a file that is not there."""
