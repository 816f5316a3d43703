"""Connections to the file, and the two kinds of transaction.

Its one rule: every access is one transaction on a connection of its own. A read sees one moment and lasts one page; a
write begins IMMEDIATE, because a transaction that reads first and then writes fails under contention whatever the busy
timeout is (measured). Connections are kept in a pool, so that a thread that ended leaves none behind.

A read where no file is sees an instance without tables and makes nothing; the first write makes the file. A file that
was deleted or replaced is opened anew. A fork finds no connection open that is not in use.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tsmem.engine import files
from tsmem.engine.catalog import Catalog, load
from tsmem.engine.faults import from_sqlite
from tsmem.errors import TsmemError, Unavailable


class Session:
    """A connection, and the catalog as this connection last read it."""

    def __init__(self, opened: files.Opened) -> None:
        self.opened = opened
        self.connection = opened.connection
        self.execute = opened.connection.execute
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
        self._process = os.getpid()
        self._only = threading.Lock()
        """Held while the temporary file is used: it has one connection."""
        _pools.add(self)

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
            if session.opened.changed():
                raise _changed(self._path)
        except sqlite3.Error as error:
            if session is not None and session.opened.changed():
                raise _changed(self._path) from error
            raise from_sqlite(error, self._path or "the temporary file") from error
        finally:
            if session is not None:
                self._give_back(session)
            if self._path is None:
                self._only.release()

    def _take(self, make: bool) -> Session:
        if self._closed:
            raise TsmemError("the store is closed")
        if self._path is None:
            return self._take_temporary()
        identity = files.identity(self._path)
        with suppress(IndexError):
            while (session := self._idle.pop()).opened.identity != identity:
                # SQLite sees too that the file is gone from its place, and leaves the log alone that stands there.
                session.connection.close()
            return session
        if identity is None:
            if not make:
                return Session(files.open_temporary())
            files.make(self._path)
        return Session(files.open_made(self._path))

    def _take_temporary(self) -> Session:
        if self._process != os.getpid():
            raise TsmemError("a store in a temporary file belongs to the process that made it")
        return self._idle.pop() if self._idle else Session(files.open_temporary())

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
        if self._path is not None and not session.opened.lasts:
            connection.close()
            return
        self._idle.append(session)
        if self._closed:
            self.close()

    def before_fork(self) -> None:
        """Let go of the file: SQLite's locks are the process's, and a child that inherited a connection would believe
        that it holds them."""
        if self._path is not None:
            while self._idle:
                self._idle.pop().connection.close()


_pools: weakref.WeakSet[Connections] = weakref.WeakSet()


def _before_fork() -> None:
    for pool in list(_pools):
        pool.before_fork()


os.register_at_fork(before=_before_fork)


def _changed(path: str | None) -> Unavailable:
    return Unavailable(f"{path} changed while it was read; nobody here may write beside it", hint="try again")
