"""Connections to the file, and the two kinds of transaction.

Every access is one transaction on a connection that nobody else uses meanwhile. A read sees one moment and lasts one
page. A write begins IMMEDIATE, because a transaction that reads first and then writes fails under contention whatever
the busy timeout is (measured). Connections are kept in a pool, not by thread, so that a thread that ended leaves none
behind.

A read where no file is sees an instance without tables and makes nothing, and so does a write of rows; the first table
makes the file. A file that was deleted or replaced is opened anew. Idle connections are closed before a fork.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import groupby
from typing import Any

from tsmem import interruption
from tsmem.engine.catalog import Catalog, load_catalog
from tsmem.engine.file import files
from tsmem.engine.file.sqlite_errors import Stage, from_sqlite, is_busy
from tsmem.errors import TsmemError
from tsmem.waiting import STEP_S, Notice, Waits

MAX_SESSIONS = 64
"""Connections in use at once; further callers wait. Each has up to three descriptors, and only one writes at a time."""
MAX_IDLE = 8  # unused connections that are kept open
TEMPORARY_SESSIONS = 8  # connections to a temporary file, which cannot be opened again

Statement = tuple[str, Sequence[object]]


def run_statements(connection: sqlite3.Connection, statements: Iterable[Statement]) -> None:
    """Run statements in their order, each run of the same SQL text by one call."""
    for sql, same in groupby(statements, key=lambda statement: statement[0]):
        connection.executemany(sql, (parameters for _, parameters in same))


class Transaction:
    """A connection in use, with the catalog as this connection last read it."""

    def __init__(self, opened: files.Opened) -> None:
        self.opened = opened
        self.connection = opened.connection
        self.execute = opened.connection.execute
        self._version = 0
        self._catalog: Catalog | None = None
        self._functions: dict[str, Callable[..., Any]] = {}

    def define(self, name: str, parameters: int, function: Callable[..., object]) -> None:
        """Let SQL call a deterministic function on this connection by this name, from now on. The thread's check runs
        before each call, because one call may read megabytes."""
        if name not in self._functions:  # to tell SQLite of a function again expires all prepared statements
            checked = interruption.callback(lambda *arguments: self._functions[name](*arguments))
            self.connection.create_function(name, parameters, checked, deterministic=True)
        self._functions[name] = function

    def begin(self, *, writes: bool) -> None:
        """Begin a transaction. It sees one moment from here on, and meets no more locks."""
        if not self.connection.in_transaction:
            self.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        self._version = self.execute("SELECT version FROM catalog_version").fetchone()[0]

    def catalog(self) -> Catalog:
        """Return the schemas as they were when the transaction began, read anew only if their version changed. Raises
        StorageFailure for a file that has another format by now."""
        if self._catalog is None or self._catalog.version != self._version:
            files.check_format(self.opened.path, self.execute("PRAGMA user_version").fetchone()[0])
            self._catalog = load_catalog(self.connection, self._version)
        return self._catalog


class Connections:
    """A pool of connections to one file, or to one unnamed temporary file if there is no path.

    A temporary file has one writer at a time here, so that waiting writers do not take all of its connections."""

    def __init__(self, path: str | None, notice: Notice | None = None) -> None:
        self._path = path
        self._name = path or "the temporary file"
        self._waits = Waits(notice)
        self._idle: list[Transaction] = []
        self._busy = 0
        self._writing = False
        """True while a writer uses the temporary file."""
        self._is_made = False
        self._draining = False
        """True while a thread waits until no connection is in use."""
        self._changed = threading.Condition()
        """Held while connections are taken and given back, and during a fork."""
        self._identity: files.Identity | None = None
        self._closed = False
        self._process = os.getpid()
        _pools.add(self)

    def read(self) -> AbstractContextManager[Transaction]:
        """Run a block in a read transaction. The thread's check may end it: see `interruption`."""
        return self._transaction(writes=False, make=False)

    @contextmanager
    def write(self, *, make: bool = True) -> Iterator[Transaction]:
        """Run a block in a write transaction: committed and synced when the block ends, rolled back when it raises. The
        thread's check does not end it. With `make`, make the file if it is missing."""
        with interruption.ending_by(None), self._transaction(writes=True, make=make) as transaction:
            yield transaction

    def close(self) -> None:
        """Close every connection; one in use is closed when its transaction ends."""
        with self._changed:
            self._closed = True
            self._close_idle()

    @contextmanager
    def _transaction(self, *, writes: bool, make: bool) -> Iterator[Transaction]:
        transaction = None
        stage: Stage = "write" if writes else "read"
        try:
            transaction = taken = self._take(make, writes=writes)
            self._waits.until_free(lambda: taken.begin(writes=writes), is_busy, self._name)
            yield transaction
            if writes:
                stage = "commit"
            transaction.execute("COMMIT")
            transaction.opened.check_unchanged()
        except sqlite3.Error as error:
            if transaction is not None:
                transaction.opened.check_unchanged()
            raise from_sqlite(error, self._name, stage) from error
        finally:
            if transaction is not None:
                with interruption.ending_by(None):
                    self._give_back(transaction, writes=writes)

    def _take(self, make: bool, *, writes: bool) -> Transaction:
        with self._changed:
            if self._path is None and not self._is_made and not self._closed:
                self._idle += map(Transaction, files.open_temporary(TEMPORARY_SESSIONS))
                self._is_made = True
            while not self._is_free(writes):
                interruption.check()
                self._changed.wait(STEP_S)
            transaction = self._idle.pop() if self._path is None else self._of_file(self._path, make)
            self._writing |= writes
            self._busy += 1
            return transaction

    def _is_free(self, writes: bool) -> bool:
        """Return True if a connection may be taken. Raises TsmemError if none ever will be."""
        if self._closed or (self._is_made and not self._idle and not self._busy):  # or all connections failed
            raise TsmemError("the store is closed")
        if self._path is None and self._process != os.getpid():
            raise TsmemError("a store in a temporary file belongs to the process that made it")
        if self._path is None:
            return bool(self._idle) and not (writes and self._writing)
        return not self._draining and self._busy < MAX_SESSIONS

    def _of_file(self, path: str, make: bool) -> Transaction:
        # SQLite must have let go of a file that is gone from its place before it opens the one that stands there: both
        # would share one index of the log. It sees that the file is gone, and leaves the log alone.
        found = files.identity(path)
        if found != self._identity and self._identity is not None:
            self._drain()
            self._draining = False
            self._changed.notify_all()
            found = files.identity(path)
        if found != self._identity:
            self._close_idle()
            self._identity = None
        if self._idle:
            return self._idle.pop()
        if found is None:
            if not make:
                return Transaction(files.open_empty())
            files.make_file(path, self._waits)
        transaction = Transaction(files.open_made(path, self._waits))
        self._identity = transaction.opened.identity
        return transaction

    def _give_back(self, transaction: Transaction, *, writes: bool) -> None:
        """Roll back what was not committed, and keep the connection if it can be used again."""
        connection = transaction.connection
        keep = self._path is None or transaction.opened.identity is not None
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            keep = False
        with self._changed:
            self._busy -= 1
            if writes:
                self._writing = False
            if keep and not self._closed and len(self._idle) < MAX_IDLE:
                self._idle.append(transaction)
            else:
                connection.close()
            self._changed.notify_all()

    def _drain(self) -> None:
        self._draining = True
        while self._busy:
            self._changed.wait()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().connection.close()

    def before_fork(self) -> None:
        """Close the connections to the file, after the running transactions. SQLite's locks belong to the process, and
        a child with an inherited connection would believe that it holds them."""
        self._changed.acquire()
        if self._path is not None:
            self._drain()
            self._close_idle()

    def after_fork(self) -> None:
        self._draining = False
        self._changed.notify_all()
        self._changed.release()


_pools: weakref.WeakSet[Connections] = weakref.WeakSet()
_forking: list[Connections] = []


def _before_fork() -> None:
    for pool in list(_pools):
        pool.before_fork()
        _forking.append(pool)


def _after_fork() -> None:
    while _forking:
        _forking.pop().after_fork()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
