"""Creates and opens the SQLite file of a store, or a temporary file.

A new file is built completely as `<path>.new`, and then renamed. Only the process that holds the lock file does this.
Without the lock, processes that open a new file together can get "database is locked" at the switch to WAL, even with a
busy timeout (measured with eight processes). If a process is killed while it builds the file, the next one removes the
remains. The lock file is never removed: two processes could then lock two different files of the same name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from typing import NamedTuple

from tsmem import interruption
from tsmem.disk import APPLICATION_ID, make_private_folder, sqlite_uri, store_beside, sync_folder
from tsmem.engine import catalog
from tsmem.engine.file.sqlite_errors import from_os_error, from_sqlite_error, is_busy
from tsmem.errors import StorageFailure, Unavailable
from tsmem.waiting import STEP_S, Waits

FORMAT = 7  # the file's user_version. Formats 1 to 6 were never released, and are refused.
CHECK_EVERY = 1000
"""Steps of SQLite's virtual machine between two runs of the thread's check (see `interruption`). They usually take tens
of microseconds, but much longer if each looks through a large text."""
NEEDED_SQLITE = (3, 35, 0)
"""The first version with RETURNING; the trigram tokenizer is from 3.34. Source: SQLite's release history."""
_SIDE_FILES = ("-wal", "-shm", "-journal")

Identity = tuple[int, int]
"""The device and the inode of a file."""


def check_sqlite() -> None:
    found = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info >= NEEDED_SQLITE:
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            if connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchone():
                return
        found += " without FTS5"
    needed = ".".join(map(str, NEEDED_SQLITE[:2]))
    raise StorageFailure(
        f"this Python has {found}; the embedded store and `tsmem serve` need SQLite {needed} with FTS5",
        hint="use a newer Python or SQLite; profiles that use TableStore work without it",
    )


def identity(path: str) -> Identity | None:
    """Return None if the file is missing or empty. Raises StorageFailure for a path that is not a regular file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a str here, so that pathlib is not loaded for it
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageFailure(f"{path} cannot be opened: {error.strerror or error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise StorageFailure(f"{path} is not a regular file", hint="choose another path")
    return (status.st_dev, status.st_ino) if status.st_size > 0 else None


def create_file(path: str, waits: Waits) -> None:
    """Create the file with mode 0600 unless it exists, and missing folders with mode 0700."""
    path = os.path.realpath(path)
    if (store := store_beside(path)) is not None:
        raise StorageFailure(f"{path} is a file of the store {store}", hint="choose another path")
    _refuse_single_mount(path)
    try:
        make_private_folder(os.path.dirname(path))  # noqa: PTH120
        with _locked(path + ".lock", waits):
            if identity(path) is None:
                try:
                    _build_and_rename(path)
                except BaseException:  # also an interrupt by a signal
                    _remove(path + ".new", "", *_SIDE_FILES)
                    raise
    except OSError as error:
        raise from_os_error(error, path) from error
    except sqlite3.Error as error:
        raise from_sqlite_error(error, path) from error


def _refuse_single_mount(path: str) -> None:
    """Refuse a file that is a mount of its own, as in a container. SQLite keeps its log and shared memory beside the
    file. Other containers would not see them: rows would be missing there, and two processes could damage the file."""
    path = os.path.realpath(path)
    mounts = _mount_of(path), _mount_of(os.path.dirname(path))  # noqa: PTH120
    if None not in mounts and mounts[0] != mounts[1]:
        raise StorageFailure(
            f"{path} is mounted as a single file, and SQLite's files beside it would not be shared",
            hint="mount its folder instead",
        )


def _mount_of(path: str) -> str | None:
    """Return the kernel's number of the mount that a path is on; None if that is not known. O_PATH does not open the
    file itself: closing an ordinary descriptor would release SQLite's locks on it."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (OSError, AttributeError):  # only Linux has O_PATH
        return None
    try:
        with open(f"/proc/self/fdinfo/{descriptor}") as lines:  # noqa: PTH123
            return next((line for line in lines if line.startswith("mnt_id:")), None)
    except OSError:
        return None
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _locked(path: str, waits: Waits) -> Iterator[None]:
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP:
            error.strerror = f"{path} is a symbolic link"
        raise
    try:
        waits.lock(lock, path)
        yield
    finally:
        os.close(lock)


def _remove(path: str, *suffixes: str) -> None:
    for suffix in suffixes:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)  # noqa: PTH108


def _build_and_rename(path: str) -> None:
    new = path + ".new"
    _remove(new, "", *_SIDE_FILES)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with contextlib.closing(sqlite3.connect(sqlite_uri(new, "mode=rw"), uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        _create_schema(connection)
    _remove(path, *_SIDE_FILES)  # SQLite would replay the log of a deleted file of this name into this one
    os.rename(new, path)  # noqa: PTH104
    sync_folder(os.path.dirname(path))  # noqa: PTH120


def _create_schema(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA page_size = 4096")  # the best size by the measurement in `catalog.py`
    connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("BEGIN IMMEDIATE")
    for statement in catalog.SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
    connection.execute("COMMIT")


class Opened(NamedTuple):
    connection: sqlite3.Connection
    identity: Identity | None = None
    """None for a connection that must not be used for a second transaction, and for a temporary file."""
    state_when_opened: tuple[object, ...] | None = None
    """None unless the file was opened as immutable."""
    path: str = ""

    def check_unchanged(self) -> None:
        if self.state_when_opened is not None and self.state_when_opened != _file_state(self.path):
            message = f"{self.path} changed while it was read, and its folder is not writable"
            raise Unavailable(message, hint="try again")


def _file_state(path: str) -> tuple[object, ...]:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns, identity(path + "-wal")


def open_file(path: str, waits: Waits) -> Opened:
    found = identity(path)
    _refuse_single_mount(path)
    try:
        try:
            return Opened(_open_checked(path, "mode=rw", waits), found, path=path)
        except sqlite3.Error:
            if not _is_read_only(path):
                raise
        state_when_opened = _file_state(path)
        return Opened(_open_checked(path, "mode=ro&immutable=1", waits), None, state_when_opened, path)
    except sqlite3.Error as error:
        raise from_sqlite_error(error, path, "read") from error


def _is_read_only(path: str) -> bool:
    """Return True if this process cannot create files beside the file, and there is no log. The file then has to be
    opened as immutable, because otherwise SQLite creates its shared memory there."""
    folder = os.path.dirname(os.path.realpath(path))  # noqa: PTH120
    effective = os.access in os.supports_effective_ids
    return not os.access(folder, os.W_OK, effective_ids=effective) and identity(path + "-wal") is None


def _open_checked(path: str, mode: str, waits: Waits) -> sqlite3.Connection:
    connection = _connect(sqlite_uri(path, mode), uri=True, timeout=STEP_S)

    def read_header() -> list[int]:
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]

    try:
        application_id, version = waits.until_free(read_header, is_busy, path)
        if application_id != APPLICATION_ID:
            raise StorageFailure(f"{path} is an SQLite database, but not a tsmem store", hint="choose another path")
        check_format(path, version)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("SELECT version FROM catalog_version").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(path: str, *, uri: bool = False, timeout: float = 5.0) -> sqlite3.Connection:
    """A signal or the thread's check (see `interruption`) can end a long statement with SQLITE_INTERRUPT."""
    connection = sqlite3.connect(
        path, uri=uri, timeout=timeout, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    connection.set_progress_handler(interruption.callback(lambda: None), CHECK_EVERY)
    return connection


def _connect_unsynced(path: str) -> sqlite3.Connection:
    connection = _connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def open_empty() -> Opened:
    """Open an empty database, which stands for a file that does not exist yet."""
    connection = _connect_unsynced("")
    _create_schema(connection)
    return Opened(connection)


def open_temporary(count: int) -> list[Opened]:
    """Open `count` connections to a new temporary file. A temporary database of SQLite's own has only one, so that a
    long search would block everybody else. The file is in a folder that only this user can enter, and that is removed
    as soon as all connections are open. The file exists until the last of them is closed, however the process ends."""
    import shutil  # here, because every command pays for imports at its start
    import tempfile

    name = "the temporary file"
    opened: list[sqlite3.Connection] = []
    try:
        folder = tempfile.mkdtemp(prefix="tsmem-")
        try:
            opened += [_connect_unsynced(f"{folder}/tables") for _ in range(count)]
            _create_schema(opened[0])
            for connection in opened:  # a connection opens its log with its first read
                connection.execute("SELECT version FROM catalog_version").fetchone()
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise from_os_error(error, name) from error
    except sqlite3.Error as error:
        for connection in opened:
            connection.close()
        raise from_sqlite_error(error, name) from error
    return [Opened(connection) for connection in opened]


def check_format(path: str, version: int) -> None:
    if version != FORMAT:
        older = "export its rows with the tsmem that made it, and import them with this one"
        raise StorageFailure(
            f"{path} has format {version}; this tsmem reads format {FORMAT}",
            hint="use a newer tsmem" if version > FORMAT else older,
        )
