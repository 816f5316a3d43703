"""Connections to one file: forks, threads, locks, signals, and reads that a check or a signal ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.backends import keys
from tests.support.store_files import TABLE, fork_child, in_child, opened, put, raise_version, read_version
from tsmem import interruption
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.engine.file import files
from tsmem.engine.file.connections import TEMPORARY_CONNECTIONS, Connections, Transaction
from tsmem.engine.file.files import CHECK_EVERY
from tsmem.errors import TableNotFound, TsmemError, Unavailable
from tsmem.rows import Put


# Python 3.12 and later warn of a fork while the test runner has threads.
@pytest.mark.filterwarnings("ignore:This process")
def test_writes_of_a_forked_child_are_kept_when_its_parent_closes(tmp_path: Path) -> None:
    """SQLite's locks belong to a process, so a child cannot use its parent's connection."""
    path = tmp_path / "memory.db"
    client = LocalClient(path, SystemClock())
    client.create_table(TABLE)
    put(client, "before")
    ready, go = os.pipe()

    def child() -> None:
        put(client, *(f"c{n:03d}" for n in range(50)))
        os.write(go, b"1")
        put(client, *(f"d{n:03d}" for n in range(50)))

    pid = fork_child(child)
    os.read(ready, 1)
    client.close()
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(ready)
    os.close(go)
    with opened(path) as again:
        assert 101 == len(keys(again, TABLE.ref))


@pytest.mark.filterwarnings("ignore:This process")
def test_a_forked_child_cannot_use_a_temporary_store() -> None:
    with opened(None) as client:
        client.create_table(TABLE)

        def child() -> None:
            with pytest.raises(TsmemError, match="belongs to the process"):
                client.list_tables()

        assert 0 == in_child(child)
        assert ["t"] == client.list_tables()


def test_a_read_only_reader_notices_a_change_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only reader assumes during one request that the file does not change. A change is reported as a change,
    not as damage."""
    path = tmp_path / "memory.db"
    with opened(path) as writer:
        writer.create_table(TABLE)
        put(writer, "a")
    real = sqlite3.connect

    def read_only(name: str, **more: object) -> sqlite3.Connection:
        if "mode=rw" in name:
            raise sqlite3.OperationalError("attempt to write a readonly database")
        return real(name, **more)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(files, "_is_read_only", lambda path: True)
    monkeypatch.setattr(sqlite3, "connect", read_only)
    pool = Connections(str(path))
    with pool.read() as session:
        assert [("a",)] == session.execute("SELECT k0 FROM t1").fetchall()
    monkeypatch.setattr(sqlite3, "connect", real)
    with opened(path) as writer:
        put(writer, "b")
    monkeypatch.setattr(sqlite3, "connect", read_only)
    with pool.read() as session:
        assert [("a",), ("b",)] == session.execute("SELECT k0 FROM t1").fetchall()
    with pytest.raises(Unavailable, match="changed while it was read"), pool.read():
        os.utime(path, ns=(0, 0))

    def fail_after_change() -> None:
        with pool.read() as session:
            os.utime(path, ns=(1, 1))
            session.execute("SELECT k0 FROM no_table")

    with pytest.raises(Unavailable, match="changed while it was read"):
        fail_after_change()
    pool.close()


@pytest.mark.filterwarnings("ignore:This process")
def test_children_forked_while_threads_write_can_write_too(tmp_path: Path) -> None:
    """A fork waits for the transactions of other threads, so that no child inherits a lock that is never released."""
    with opened(tmp_path / "memory.db") as client:
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

        codes = [in_child(partial(child, number)) for number in range(3)]
        done.set()
        writer.join()
        assert [0] * 3 == codes
        assert written[0] + 15 == len(keys(client, TABLE.ref))


def test_threads_share_a_bounded_number_of_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsmem.engine.file.connections.MAX_CONNECTIONS", 4)
    monkeypatch.setattr("tsmem.engine.file.connections.MAX_IDLE_CONNECTIONS", 2)
    path = tmp_path / "memory.db"
    with opened(path) as client:
        client.create_table(TABLE)
        threads = [threading.Thread(target=put, args=(client, *(f"{n}-{m}" for m in range(5)))) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        descriptors = [link for link in Path("/proc/self/fd").iterdir() if os.path.realpath(link) == str(path)]

        assert 60 == len(keys(client, TABLE.ref))
        assert 4 == len(descriptors)  # two connections each


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
LONG = ENDLESS.replace("FROM c)", f"FROM c LIMIT {10 * CHECK_EVERY})")
TIMEOUT_S = 20


@pytest.fixture(params=[None, "memory.db"])
def connections(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Connections]:
    """Connections of a temporary store, and of one in a named file."""
    connections = Connections(None if request.param is None else str(tmp_path / request.param))
    with connections.write():
        pass
    yield connections
    connections.close()


def done_elsewhere(work: Callable[[], object]) -> bool:
    """Return True if another thread finishes the work in time."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    return not thread.is_alive()


def ending_after(checks: int) -> interruption.Check:
    """Return a check that raises Unavailable on every call after the first `checks` calls."""
    left = [checks]

    def check() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Unavailable("Operation timeout.", service_code="OTSTimeout")

    return check


def called(session: Transaction, function: Callable[[int], object]) -> None:
    """Call a Python function from SQL, once with each number from 1 to 5."""
    session.define("tsmem_called", 1, function)
    session.execute("SELECT tsmem_called(value) FROM json_each('[1, 2, 3, 4, 5]')").fetchall()


def test_two_reads_run_at_once(connections: Connections) -> None:
    with connections.read():
        assert done_elsewhere(lambda: read_version(connections))


def test_a_write_does_not_wait_for_a_read_that_sees_the_old_state(connections: Connections) -> None:
    with connections.read() as session:
        before = session.execute("SELECT version FROM catalog_version").fetchone()
        assert done_elsewhere(lambda: raise_version(connections))
        assert before == session.execute("SELECT version FROM catalog_version").fetchone()

    assert (before[0] + 1,) == (read_version(connections),)


def test_a_timeout_check_ends_a_statement_that_calls_our_functions(connections: Connections) -> None:
    calls: list[int] = []

    with (
        pytest.raises(Unavailable, match=r"Operation timeout\."),
        interruption.interrupted_by(ending_after(3)),
        connections.read() as session,
    ):
        called(session, calls.append)

    assert [1, 2, 3] == calls


def test_ctrl_c_inside_an_sql_function_raises_keyboard_interrupt(connections: Connections) -> None:
    """SQLite replaces an exception of the function by an error of its own."""

    def interrupt(value: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), connections.read() as session:
        called(session, interrupt)


def test_a_timeout_check_does_not_end_a_write(connections: Connections) -> None:
    with interruption.interrupted_by(ending_after(0)), connections.write() as session:
        session.execute(LONG).fetchone()
        session.execute("UPDATE catalog_version SET version = version + 1")

    assert read_version(connections) > 0


def test_a_timeout_check_ends_the_wait_for_a_connection() -> None:
    connections = Connections(None)
    held = [connections.read() for _ in range(TEMPORARY_CONNECTIONS)]
    for each in held:
        each.__enter__()
    with pytest.raises(Unavailable), interruption.interrupted_by(ending_after(1)), connections.read():
        pass
    for each in held:
        each.__exit__(None, None, None)
    connections.close()


def test_a_signal_ends_a_long_statement(connections: Connections) -> None:
    signalling = threading.Timer(0.1, signal.raise_signal, (signal.SIGINT,))
    signalling.start()
    with pytest.raises(KeyboardInterrupt), connections.read() as session:
        session.execute(ENDLESS).fetchone()
    signalling.join()
    with connections.read() as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_signal_while_the_file_is_made_leaves_only_the_lock_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(source: str, target: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", interrupt)
    connections = Connections(str(tmp_path / "memory.db"))
    with pytest.raises(KeyboardInterrupt), connections.write():
        pass
    connections.close()

    assert [tmp_path / "memory.db.lock"] == list(tmp_path.iterdir())


def test_other_connections_see_a_schema_change(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with opened(path) as one, opened(path) as other:
        one.create_table(TABLE)
        one.write_row(Put(TABLE.ref, ("a",), {}))
        other.delete_table("t")
        with pytest.raises(TableNotFound):
            one.get_row(TABLE.ref, ("a",))
        other.create_table(TABLE)
        assert one.get_row(TABLE.ref, ("a",)) is None


def test_a_closed_store_is_not_opened_again(connections: Connections) -> None:
    connections.close()
    with pytest.raises(TsmemError, match="the store is closed"):
        read_version(connections)
