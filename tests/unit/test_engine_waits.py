"""Reads of one store at once, and a check that ends a read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tsmem import interruption
from tsmem.engine import catalog
from tsmem.engine.file.connections import TEMPORARY_SESSIONS, Connections, Transaction
from tsmem.engine.file.files import CHECK_EVERY
from tsmem.errors import StorageFailure, TsmemError, Unavailable

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
LONG = f"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT {10 * CHECK_EVERY}) SELECT max(x) FROM c"
TIMEOUT_S = 20


@pytest.fixture(params=[None, "memory.db"])
def connections(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Connections]:
    """A store in a temporary file, and one in a file."""
    connections = Connections(None if request.param is None else str(tmp_path / request.param))
    with connections.write():
        pass
    yield connections
    connections.close()


def done_elsewhere(work: Callable[[], object]) -> bool:
    """True if another thread does the work in time."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    return not thread.is_alive()


def ending_after(checks: int) -> interruption.Check:
    """A check that ends the work when it is called so often."""
    left = [checks]

    def check() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Unavailable("Operation timeout.", service_code="OTSTimeout")

    return check


def called(session: Transaction, function: Callable[[int], object]) -> None:
    """Call a function of ours in SQL, with 1 to 5."""
    session.define("tsmem_called", 1, function)
    session.execute("SELECT tsmem_called(value) FROM json_each('[1, 2, 3, 4, 5]')").fetchall()


def read_version(connections: Connections) -> int:
    """Read a row of the catalog."""
    with connections.read() as session:
        version: int = session.execute("SELECT version FROM catalog_version").fetchone()[0]
        return version


def raise_version(connections: Connections) -> None:
    """Write a row of the catalog."""
    with connections.write() as session:
        session.execute("UPDATE catalog_version SET version = version + 1")


def test_a_read_goes_on_while_another_is_held(connections: Connections) -> None:
    """Two connections read at once, also those of a temporary file."""
    with connections.read():
        assert done_elsewhere(lambda: read_version(connections))


def test_a_write_goes_on_while_a_read_is_held(connections: Connections) -> None:
    """The read still sees what was there when it began."""
    with connections.read() as session:
        before = session.execute("SELECT version FROM catalog_version").fetchone()
        assert done_elsewhere(lambda: raise_version(connections))
        assert before == session.execute("SELECT version FROM catalog_version").fetchone()

    assert (before[0] + 1,) == (read_version(connections),)


def test_a_check_ends_a_long_statement_with_its_own_error(connections: Connections) -> None:
    """The connection can be used again."""
    with (
        pytest.raises(Unavailable, match=r"Operation timeout\."),
        interruption.ending_by(ending_after(2)),
        connections.read() as session,
    ):
        session.execute(ENDLESS).fetchone()

    assert read_version(connections) >= 0


def test_a_check_ends_a_statement_of_few_steps_that_calls_our_functions(connections: Connections) -> None:
    """A call may read megabytes, and is one step to SQLite."""
    calls: list[int] = []

    with (
        pytest.raises(Unavailable, match=r"Operation timeout\."),
        interruption.ending_by(ending_after(3)),
        connections.read() as session,
    ):
        called(session, calls.append)

    assert [1, 2, 3] == calls


def test_a_signal_in_one_of_our_functions_ends_the_statement_as_a_signal(connections: Connections) -> None:
    """SQLite makes an error of its own of what our function raises."""

    def interrupt(value: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), connections.read() as session:
        called(session, interrupt)


def test_a_check_does_not_end_a_write(connections: Connections) -> None:
    """A write that was begun is finished, so that its outcome is known."""
    with interruption.ending_by(ending_after(0)), connections.write() as session:
        session.execute(LONG).fetchone()
        session.execute("UPDATE catalog_version SET version = version + 1")

    assert read_version(connections) > 0


def test_a_check_ends_the_wait_for_a_connection() -> None:
    """All connections are held, and the wait has no other end."""
    connections = Connections(None)
    held = [connections.read() for _ in range(TEMPORARY_SESSIONS)]
    for each in held:
        each.__enter__()
    with pytest.raises(Unavailable), interruption.ending_by(ending_after(1)), connections.read():
        pass
    for each in held:
        each.__exit__(None, None, None)
    connections.close()


def test_a_temporary_file_leaves_nothing_behind_while_it_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no name, so a kill leaves nothing either."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    connections = Connections(None)
    raise_version(connections)

    assert [] == list(tmp_path.iterdir())
    connections.close()


def test_a_temporary_file_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder for temporary files is missing."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(StorageFailure, match="the temporary file cannot be made: No such file or directory"):
        read_version(Connections(None))


def test_a_temporary_file_that_cannot_be_opened_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that it was made in is removed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(catalog, "SCHEMA", ("CREATE TABLE wrong",))
    with pytest.raises(StorageFailure, match="the temporary file failed: "):
        read_version(Connections(None))

    assert [] == list(tmp_path.iterdir())


def test_a_temporary_file_that_was_closed_is_not_made_anew() -> None:
    """It would be an empty store, and nobody would notice."""
    connections = Connections(None)
    raise_version(connections)
    connections.close()
    with pytest.raises(TsmemError, match="the store is closed"):
        read_version(connections)
