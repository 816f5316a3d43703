"""Connections to the file, and the two kinds of transaction.

Its one rule: every access is one transaction on a connection of its own. A read sees one moment and lasts one page; a
write begins IMMEDIATE, because a transaction that reads first and then writes fails under contention whatever the busy
timeout is (measured). Connections are kept in a pool, so that a thread that ended leaves none behind.

A read where no file is sees an instance without tables and makes nothing, and so does a write of rows; the first table
makes the file. A file that was deleted or replaced is opened anew. A fork finds no connection open that is not in use.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from tsmem import interruption
from tsmem.engine.catalog import Catalog, load_catalog
from tsmem.engine.file import files
from tsmem.engine.file.sqlite_errors import Stage, from_sqlite, is_busy
from tsmem.errors import TsmemError, Unavailable
from tsmem.waiting import STEP_S, Notice, Waits

MAX_SESSIONS = 64
"""In use at once; whoever comes then waits. Each holds up to three descriptors, and only one writes at a time."""
MAX_IDLE = 8
"""Kept open for the next one."""
TEMPORARY_SESSIONS = 8
"""Of a temporary file, which nobody can open again."""


class Transaction:
    """A connection, and the catalog as this connection last read it."""

    def __init__(self, opened: files.Opened) -> None:
        self.opened = opened
        self.connection = opened.connection
        self.execute = opened.connection.execute
        self._catalog: Catalog | None = None
        self._defined: set[str] = set()
        self.text_score: Callable[[int, int, bytes | str | None], float] | None = None
        """Scores a text for the search that runs on this connection."""

    def score_text(self, number: int, doc: int, source: bytes | str | None) -> float:
        """Let SQL call the running search: an SQL function that is defined anew expires all prepared statements."""
        assert self.text_score is not None
        return self.text_score(number, doc, source)

    def define(self, name: str, parameters: int, function: Callable[..., object]) -> None:
        """Let this connection's SQL call a function that says the same of the same values. The thread's check is called
        before each call, because one may read megabytes."""
        if name not in self._defined:
            checked = interruption.callback(function)
            self.connection.create_function(name, parameters, checked, deterministic=True)  # type: ignore[arg-type]
            self._defined.add(name)

    def begin(self, statement: str) -> None:
        """Begin a transaction. One that reads sees from here on one moment, and meets no lock any more."""
        if not self.connection.in_transaction:
            self.execute(statement)
        if statement == "BEGIN":
            self.execute("SELECT version FROM catalog_version").fetchone()

    def catalog(self) -> Catalog:
        """The schemas as the running transaction sees them. Read anew only when another version of them is there.
        Raises StorageFailure where the file is of another format by now."""
        version = self.execute("SELECT version FROM catalog_version").fetchone()[0]
        if self._catalog is None or self._catalog.version != version:
            files.check_format(self.opened.path, self.execute("PRAGMA user_version").fetchone()[0])
            self._catalog = load_catalog(self.connection, version)
        return self._catalog

    def forget(self) -> None:
        """Drop the catalog: this transaction changes it, and may yet be rolled back."""
        self._catalog = None


class Connections:
    """A pool over one file, or over one unnamed temporary file when the path is None. A temporary file has one
    writer at a time here, so that writers do not wait inside SQLite with all its connections in their hands."""

    def __init__(self, path: str | None, notice: Notice | None = None) -> None:
        self._path = path
        self._waits = Waits(notice)
        self._idle: list[Transaction] = []
        self._busy = 0
        """Sessions in use."""
        self._writing = False
        """Whether one of a temporary file writes."""
        self._is_made = False
        """Whether the temporary file was made."""
        self._alone = False
        """Whether someone waits for all of them to be given back."""
        self._gate = threading.Condition()
        """Held while sessions are taken and given back, and during a fork."""
        self._identity: tuple[int, int] | None = None
        """Of the file that sessions are of."""
        self._closed = False
        self._process = os.getpid()
        _pools.add(self)

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A read transaction. The thread's check may end it: see `interruption`."""
        with self._transaction("BEGIN", make=False) as transaction:
            yield transaction

    @contextmanager
    def write(self, *, make: bool = True) -> Iterator[Transaction]:
        """A write transaction: committed, and on the disk, when the block ends; rolled back when it raises. What cannot
        succeed without a table need not make the file. The thread's check does not end it."""
        with interruption.ending_by(None), self._transaction("BEGIN IMMEDIATE", make=make) as transaction:
            yield transaction

    def close(self) -> None:
        """Close every connection; one in use is closed when its transaction ends."""
        with self._gate:
            self._closed = True
            self._empty()

    @contextmanager
    def _transaction(self, begin: str, *, make: bool) -> Iterator[Transaction]:
        transaction = None
        writes = begin != "BEGIN"
        stage: Stage = "write" if writes else "read"
        try:
            transaction = self._take(make, writes=writes)
            self._waits.until_free(partial(transaction.begin, begin), is_busy, self._path or "the temporary file")
            yield transaction
            if writes:
                stage = "commit"
            self._commit(transaction)
            if transaction.opened.changed():
                raise _changed(self._path)
        except sqlite3.Error as error:
            if transaction is not None and transaction.opened.changed():
                raise _changed(self._path) from error
            raise from_sqlite(error, self._path or "the temporary file", stage) from error
        finally:
            if transaction is not None:
                with interruption.ending_by(None):
                    self._give_back(transaction, writes=writes)

    @staticmethod
    def _commit(transaction: Transaction) -> None:
        try:
            transaction.execute("COMMIT")
        except sqlite3.Error:
            transaction.forget()  # SQLite may have rolled back by itself, and then nothing else tells
            raise

    def _take(self, make: bool, *, writes: bool) -> Transaction:
        with self._gate:
            while self._alone or self._busy >= MAX_SESSIONS:
                self._wait()
            self._require_open()
            transaction = self._of_temporary(writes) if self._path is None else self._of_file(self._path, make)
            self._busy += 1
            return transaction

    def _require_open(self) -> None:
        if self._closed or (self._is_made and not self._idle and not self._busy):  # or all connections failed
            raise TsmemError("the store is closed")

    def _wait(self) -> None:
        """Wait until a session may be free. Raises what the thread's check raises."""
        interruption.check()
        self._gate.wait(STEP_S)

    def _of_temporary(self, writes: bool) -> Transaction:
        if self._process != os.getpid():
            raise TsmemError("a store in a temporary file belongs to the process that made it")
        if not self._is_made:
            from tsmem.engine.file.temporary import open_connections

            self._idle += map(Transaction, open_connections(TEMPORARY_SESSIONS))
            self._is_made = True
        while not self._idle or (writes and self._writing):
            self._wait()
            self._require_open()
        self._writing |= writes
        return self._idle.pop()

    def _of_file(self, path: str, make: bool) -> Transaction:
        # SQLite must have let go of a file that is gone from its place before it opens the one that stands there: both
        # would share one index of the log. It sees that the file is gone, and leaves the log alone.
        found = files.identity(path)
        if found != self._identity and self._identity is not None:
            self._wait_alone()
            self._alone = False
            self._gate.notify_all()
            found = files.identity(path)
        if found != self._identity:
            self._empty()
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
        """Roll back what was not committed, and keep the connection unless it is of no more use."""
        connection = transaction.connection
        keep = self._path is None or transaction.opened.lasts
        try:
            if connection.in_transaction:
                transaction.forget()
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            keep = False
        with self._gate:
            self._busy -= 1
            if writes:
                self._writing = False
            if keep and not self._closed and len(self._idle) < MAX_IDLE:
                self._idle.append(transaction)
            else:
                connection.close()
            self._gate.notify_all()

    def _wait_alone(self) -> None:
        """Let nobody take a session any more, and wait for those in use."""
        self._alone = True
        while self._busy:
            self._gate.wait()

    def _empty(self) -> None:
        while self._idle:
            self._idle.pop().connection.close()

    def before_fork(self) -> None:
        """Let go of the file: SQLite's locks are the process's, and a child that inherited a connection would believe
        that it holds them. Transactions that run are waited for."""
        self._gate.acquire()
        if self._path is not None:
            self._wait_alone()
            self._empty()

    def after_fork(self) -> None:
        """Go on."""
        self._alone = False
        self._gate.notify_all()
        self._gate.release()


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


def _changed(path: str | None) -> Unavailable:
    return Unavailable(f"{path} changed while it was read; nobody here may write beside it", hint="try again")
