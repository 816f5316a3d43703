"""A pool of connections to the file, and its two kinds of transaction: read and write.

- A transaction has a connection of the pool to itself. All threads share the pool.
- A read sees the file as of one moment.
- A write begins with BEGIN IMMEDIATE. A transaction that reads first and then writes fails under contention, whatever
  the busy timeout is (measured).
- The file is created together with the first table. Until then, a read or a write of rows finds no tables.
- A file that was deleted or replaced is opened again. Connections are closed before a fork.

Some waits and statements run "the thread's check" of `tsmem.interruption`, which can raise an error to end them, for
example after a deadline.
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
from tsmem.engine.file.sqlite_errors import Stage, from_sqlite_error, is_busy
from tsmem.errors import TsmemError
from tsmem.waiting import STEP_S, Notice, Waits

MAX_CONNECTIONS = 64
"""Connections in use at once. Each takes up to three file descriptors."""
MAX_IDLE_CONNECTIONS = 8
TEMPORARY_CONNECTIONS = 8  # all connections to a temporary file are opened at the start: it has no name to open later

MAX_ROWS_PER_TRANSACTION = 1000
"""The service takes 200 rows in one request. An import in transactions of 200 writes twice as many pages, and takes 1.1
times as long (measured)."""

Statement = tuple[str, Sequence[object]]


def run_statements(connection: sqlite3.Connection, statements: Iterable[Statement]) -> None:
    for sql, same in groupby(statements, key=lambda statement: statement[0]):
        connection.executemany(sql, (parameters for _, parameters in same))


class Transaction:
    """A connection, its current transaction, and the catalog as this connection last read it. The pool reuses it."""

    def __init__(self, opened: files.Opened) -> None:
        self.opened = opened
        self.connection = opened.connection
        self.execute = opened.connection.execute
        self._version = 0
        self._catalog: Catalog | None = None
        self._functions: dict[str, Callable[..., Any]] = {}

    def define(self, name: str, parameters: int, function: Callable[..., object]) -> None:
        """Define a deterministic SQL function. The thread's check runs before each call: one call can read
        megabytes."""
        if name not in self._functions:  # registering a function again would expire all prepared statements
            checked = interruption.callback(lambda *arguments: self._functions[name](*arguments))
            self.connection.create_function(name, parameters, checked, deterministic=True)
        self._functions[name] = function

    def begin(self, *, writes: bool) -> None:
        """Begin a transaction, and fix the moment that it sees. Later statements do not wait for locks."""
        if not self.connection.in_transaction:
            self.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
        self._version = self.execute("SELECT version FROM catalog_version").fetchone()[0]

    def catalog(self) -> Catalog:
        if self._catalog is None or self._catalog.version != self._version:
            files.check_format(self.opened.path, self.execute("PRAGMA user_version").fetchone()[0])
            self._catalog = load_catalog(self.connection, self._version)
        return self._catalog


class Connections:
    """A pool of connections to one file, or to a temporary file if `path` is None. Only one writer at a time uses a
    temporary file, because waiting writers would take all of its connections."""

    def __init__(self, path: str | None, notice: Notice | None = None) -> None:
        self._path = path
        self._name = path or "the temporary file"
        self._waits = Waits(notice)
        self._idle: list[Transaction] = []
        self._in_use = 0
        self._has_writer = False
        self._is_temporary_open = False
        self._is_draining = False
        """True while a thread waits until no connection is in use, and none may be taken."""
        self._changed = threading.Condition()
        """Also the lock of the pool, held while a connection is taken or given back, and during a fork."""
        self._identity: files.Identity | None = None
        self._is_closed = False
        self._process = os.getpid()
        _pools.add(self)

    def read(self) -> AbstractContextManager[Transaction]:
        """Run a block in a read transaction. The thread's check can end it."""
        return self._transaction(writes=False, create=False)

    @contextmanager
    def write(self, *, create: bool = True) -> Iterator[Transaction]:
        """Run a block in a write transaction. It is committed and synced when the block ends, and rolled back if the
        block raises. The thread's check does not run. With `create`, create a missing file."""
        with interruption.interrupted_by(None), self._transaction(writes=True, create=create) as transaction:
            yield transaction

    def close(self) -> None:
        """A connection in use is closed when its transaction ends."""
        with self._changed:
            self._is_closed = True
            self._close_idle()

    @contextmanager
    def _transaction(self, *, writes: bool, create: bool) -> Iterator[Transaction]:
        transaction = None
        stage: Stage = "write" if writes else "read"
        try:
            transaction = taken = self._take(create, writes=writes)
            self._waits.until_free(lambda: taken.begin(writes=writes), is_busy, self._name)
            yield transaction
            if writes:
                stage = "commit"
            transaction.execute("COMMIT")
            transaction.opened.check_unchanged()
        except sqlite3.Error as error:
            if transaction is not None:
                transaction.opened.check_unchanged()
            raise from_sqlite_error(error, self._name, stage) from error
        finally:
            if transaction is not None:
                with interruption.interrupted_by(None):
                    self._give_back(transaction, writes=writes)

    def _take(self, create: bool, *, writes: bool) -> Transaction:
        with self._changed:
            if self._path is None and not self._is_temporary_open and not self._is_closed:
                self._idle += map(Transaction, files.open_temporary(TEMPORARY_CONNECTIONS))
                self._is_temporary_open = True
            while not self._can_take(writes):
                interruption.check()
                self._changed.wait(STEP_S)
            transaction = self._idle.pop() if self._path is None else self._take_from_file(self._path, create)
            self._has_writer |= writes
            self._in_use += 1
            return transaction

    def _can_take(self, writes: bool) -> bool:
        has_lost_all = self._is_temporary_open and not self._idle and not self._in_use
        if self._is_closed or has_lost_all:
            raise TsmemError("the store is closed")
        if self._path is None and self._process != os.getpid():
            raise TsmemError("a store in a temporary file belongs to the process that made it")
        if self._path is None:
            return bool(self._idle) and not (writes and self._has_writer)
        return not self._is_draining and self._in_use < MAX_CONNECTIONS

    def _take_from_file(self, path: str, create: bool) -> Transaction:
        # If the file was replaced, all connections to the old one must be closed before the new one is opened: SQLite
        # would use one index of the log (-shm) for both. SQLite notices that the old file is gone, and keeps the log.
        found = files.identity(path)
        if found != self._identity and self._identity is not None:
            self._drain()
            self._is_draining = False
            self._changed.notify_all()
            found = files.identity(path)
        if found != self._identity:
            self._close_idle()
            self._identity = None
        if self._idle:
            return self._idle.pop()
        if found is None:
            if not create:
                return Transaction(files.open_empty())
            files.create_file(path, self._waits)
        transaction = Transaction(files.open_file(path, self._waits))
        self._identity = transaction.opened.identity
        return transaction

    def _give_back(self, transaction: Transaction, *, writes: bool) -> None:
        connection = transaction.connection
        is_reusable = self._path is None or transaction.opened.identity is not None
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            is_reusable = False
        with self._changed:
            self._in_use -= 1
            if writes:
                self._has_writer = False
            if is_reusable and not self._is_closed and len(self._idle) < MAX_IDLE_CONNECTIONS:
                self._idle.append(transaction)
            else:
                connection.close()
            self._changed.notify_all()

    def _drain(self) -> None:
        self._is_draining = True
        while self._in_use:
            self._changed.wait()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().connection.close()

    def before_fork(self) -> None:
        """SQLite's locks belong to the process: a child that inherits a connection would wrongly rely on them."""
        self._changed.acquire()
        if self._path is not None:
            self._drain()
            self._close_idle()

    def after_fork(self) -> None:
        self._is_draining = False
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
