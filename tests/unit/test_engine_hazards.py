"""What happens to the file behind an open client: forks, replaced files, readers that may not write, odd files."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.engine import Engine
from tsmem.engine.definitions import TableOptions
from tsmem.engine.file import files
from tsmem.engine.file.connections import Connections
from tsmem.errors import StorageFailure, TableNotFound, TsmemError, Unavailable
from tsmem.port import TableSchema
from tsmem.rows import MAX, MIN, ColumnType, Put, Range

TABLE = TableSchema("t", (("k", ColumnType.STRING),))
ALL = Range((MIN,), (MAX,))


def client_of(path: Path | None) -> LocalClient:
    """A client."""
    return LocalClient(path, SystemClock())


def put(client: LocalClient, *keys: str) -> None:
    """Rows of these keys."""
    for key in keys:
        client.write_row(Put(TABLE.ref, (key,), {"x": key}))


def keys(client: LocalClient) -> list[object]:
    """All keys."""
    found: list[object] = []
    span: Range | None = ALL
    while span is not None:
        page = client.get_range(TABLE.ref, span, columns=("k",))
        found += [row.key[0] for row in page.rows]
        span = None if page.next_start is None else Range(page.next_start, (MAX,))
    return found


def in_child(work: object) -> int:
    """The exit code of a forked child that calls `work`."""
    child = os.fork()
    if child == 0:
        try:
            assert callable(work)
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:This process")  # threads of the test runner, from 3.12 on
def test_what_a_forked_child_wrote_is_kept_when_its_parent_closes(tmp_path: Path) -> None:
    """SQLite's locks are the process's: a child must not go on with its parent's connection."""
    path = tmp_path / "memory.db"
    client = client_of(path)
    client.create_table(TABLE)
    put(client, "before")
    ready, go = os.pipe()

    def child() -> None:
        put(client, *(f"c{n:03d}" for n in range(50)))
        os.write(go, b"1")
        put(client, *(f"d{n:03d}" for n in range(50)))

    pid = os.fork()
    if pid == 0:
        try:
            child()
            os._exit(0)
        except BaseException:
            os._exit(1)
    os.read(ready, 1)
    client.close()
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(ready)
    os.close(go)
    with closing(client_of(path)) as again:
        assert 101 == len(keys(again))


@pytest.mark.filterwarnings("ignore:This process")
def test_a_temporary_store_stays_in_its_process() -> None:
    """It has no name by which a child could open it again: the child is told so."""
    with closing(client_of(None)) as client:
        client.create_table(TABLE)

        def child() -> None:
            with pytest.raises(TsmemError, match="belongs to the process"):
                client.list_tables()

        assert 0 == in_child(child)
        assert ["t"] == client.list_tables()


def test_a_deleted_file_is_noticed(tmp_path: Path) -> None:
    """A write after the file was deleted goes into a new one, without tables; it is not acknowledged into nowhere."""
    path = tmp_path / "memory.db"
    with closing(client_of(path)) as client:
        client.create_table(TABLE)
        put(client, "a")
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        with pytest.raises(TableNotFound):
            put(client, "b")


def test_a_replaced_file_is_opened_anew(tmp_path: Path) -> None:
    """A store that was put in the file's place is what the client sees from then on."""
    path, other = tmp_path / "memory.db", tmp_path / "other.db"
    with closing(client_of(other)) as maker:
        maker.create_table(TABLE)
        put(maker, "restored")
    with closing(client_of(path)) as client:
        client.create_table(TABLE)
        put(client, "old")
        for end in ("-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        other.replace(path)
        with closing(client_of(path)) as first:
            put(first, "first")  # into the new file's own log
            put(client, "new")
            assert ["first", "new", "restored"] == keys(client)
    with closing(client_of(path)) as again:
        assert ["first", "new", "restored"] == keys(again)


@pytest.mark.parametrize("kind", ["fifo", "folder"])
def test_what_is_no_regular_file_is_left_alone(tmp_path: Path, kind: str) -> None:
    """A pipe, device or folder at the path is refused, never replaced."""
    path = tmp_path / "memory.db"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    with closing(client_of(path)) as client, pytest.raises(StorageFailure, match="not a regular file"):
        client.create_table(TABLE)
    assert not path.is_file()


def test_a_reader_that_may_not_write_is_not_misled_by_a_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a reader takes the file as unchanging for one request only; a change within it is said, and is no damage."""
    path = tmp_path / "memory.db"
    with closing(client_of(path)) as writer:
        writer.create_table(TABLE)
        put(writer, "a")
    real = sqlite3.connect

    def read_only(name: str, **more: object) -> sqlite3.Connection:
        if "mode=rw" in name:
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return real(name, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(files, "_only_readable", lambda path: True)
    monkeypatch.setattr(sqlite3, "connect", read_only)
    pool = Connections(str(path))
    with pool.read() as session:
        assert [("a",)] == session.execute("SELECT k0 FROM t1").fetchall()
    monkeypatch.setattr(sqlite3, "connect", real)
    with closing(client_of(path)) as writer:
        put(writer, "b")
    monkeypatch.setattr(sqlite3, "connect", read_only)
    with pool.read() as session:
        assert [("a",), ("b",)] == session.execute("SELECT k0 FROM t1").fetchall()
    with pytest.raises(Unavailable, match="changed while it was read"), pool.read():
        os.utime(path, ns=(0, 0))
    pool.close()


def test_pages_of_large_rows_are_read_once(tmp_path: Path) -> None:
    """A page that 4 MB end reads little beyond its end: rows of 2 MB are not fetched by the hundred."""
    with closing(client_of(tmp_path / "memory.db")) as client:
        client.create_table(TABLE)
        for n in range(12):
            client.write_row(Put(TABLE.ref, (f"{n:02d}",), {"x": b"x" * 2_000_000}))
        start, seen = client.meter.total.requests, 0
        span = ALL
        while True:
            page = client.get_range(TABLE.ref, span)
            seen += len(page.rows)
            if page.next_start is None:
                break
            span = Range(page.next_start, (MAX,))
    assert (12, 6) == (seen, client.meter.total.requests - start)


def test_a_log_left_behind_is_not_replayed_into_a_new_file(tmp_path: Path) -> None:
    """Rows of a file that was deleted without its log do not come back in the one that is made in its place."""
    path = tmp_path / "memory.db"

    def die() -> None:
        client = client_of(path)
        client.create_table(TABLE)
        put(client, "old")
        os._exit(0)  # as if killed: the log stays

    assert 0 == in_child(die)
    assert Path(f"{path}-wal").stat().st_size > 0
    path.unlink()
    with closing(client_of(path)) as client:
        client.create_table(TABLE)
        put(client, "new")
        assert ["new"] == keys(client)


@pytest.mark.filterwarnings("ignore:This process")
def test_children_forked_while_threads_write_can_write_too(tmp_path: Path) -> None:
    """A fork waits for the transactions of other threads, so that no child inherits a lock that nobody gives back."""
    with closing(client_of(tmp_path / "memory.db")) as client:
        client.create_table(TABLE)
        done, written = threading.Event(), [0]

        def write() -> None:
            while not done.is_set():
                put(client, f"p{written[0]:06d}")
                written[0] += 1

        writer = threading.Thread(target=write)
        writer.start()

        def child(number: int) -> None:
            signal.alarm(30)
            put(client, *(f"c{number}-{n}" for n in range(5)))

        codes = [in_child(lambda number=number: child(number)) for number in range(6)]
        done.set()
        writer.join()
        assert [0] * 6 == codes
        assert written[0] + 30 == len(keys(client))


def test_a_commit_that_fails_leaves_no_schema_behind(tmp_path: Path) -> None:
    """When the disk is full at the very commit, SQLite rolls back by itself: the engine must not go on with a schema
    that was never kept, also when another one makes the next change of schemas."""
    path = tmp_path / "memory.db"
    with closing(Engine(path, SystemClock())) as engine, closing(Engine(path, SystemClock())) as other:
        engine.create_table(TABLE)
        for key in ("a", "b", "c"):
            engine.write_rows([Put(TABLE.ref, (key,), {"x": "y" * 3000})])
        limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{path}-wal").stat().st_size, most))
        try:
            with pytest.raises(TsmemError):
                engine.update_table("t", TableOptions(max_versions=5))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
            signal.signal(signal.SIGXFSZ, ignored)
        other.create_table(TABLE._replace(name="u"))

        assert 1 == engine.describe_table("t").max_versions
        assert ["t", "u"] == engine.list_tables()


def test_sessions_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many threads share few connections: those beyond wait, and few are kept open when all is done."""
    monkeypatch.setattr("tsmem.engine.file.connections.MAX_SESSIONS", 4)
    monkeypatch.setattr("tsmem.engine.file.connections.MAX_IDLE", 2)
    path = tmp_path / "memory.db"
    with closing(client_of(path)) as client:
        client.create_table(TABLE)
        threads = [threading.Thread(target=put, args=(client, *(f"{n}-{m}" for m in range(5)))) for n in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        opened = [link for link in Path("/proc/self/fd").iterdir() if _leads_to(link, path)]

        assert 120 == len(keys(client))
        assert 4 == len(opened)  # two for each


def _leads_to(link: Path, path: Path) -> bool:
    try:
        return os.path.realpath(link) == str(path)
    except OSError:
        return False
