"""The engine's file: how it is created, opened, refused and replaced."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.backends import keys
from tests.support.store_files import TABLE, fill, in_child, opened, put, raise_version, read_version
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.disk import APPLICATION_ID
from tsmem.engine import Engine, catalog
from tsmem.engine.definitions import TableOptions
from tsmem.engine.file import files
from tsmem.engine.file.connections import Connections
from tsmem.errors import StorageFailure, TableNotFound, TsmemError
from tsmem.rows import Put, Row


def test_a_request_for_a_missing_table_creates_no_file(tmp_path: Path) -> None:
    row = Put(TABLE.ref, ("a",), {})
    with opened(tmp_path / "new" / "memory.db") as client:
        assert [] == client.list_tables()
        for call in (
            lambda: client.get_row(*row[:2]), lambda: client.write_row(row), lambda: client.write_rows([row])
        ):  # fmt: skip
            with pytest.raises(TableNotFound):
                call()

    assert [] == list(tmp_path.iterdir())


def test_a_reader_that_was_opened_first_sees_a_file_created_later(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with opened(path) as reader:
        assert reader.list_tables() == []
        fill(path)
        assert reader.list_tables() == ["t"]


def test_the_file_has_application_id_format_and_wal(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    fill(path)
    with closing(sqlite3.connect(path)) as raw:
        found = [raw.execute(f"PRAGMA {name}").fetchone()[0] for name in
                 ("application_id", "user_version", "journal_mode", "page_size", "integrity_check")]  # fmt: skip

    assert found == [APPLICATION_ID, files.FORMAT, "wal", 4096, "ok"]


@pytest.mark.parametrize("name", ["plain.db", "what? #1 50%.db", "ümlaut 退款.db", "caf\udce9.db", "x.db?mode=memory"])
def test_a_file_name_can_contain_uri_characters(tmp_path: Path, name: str) -> None:
    fill(tmp_path / name)

    assert {name, f"{name}.lock"} == {each.name for each in tmp_path.iterdir()}
    with opened(tmp_path / name) as client:
        assert client.get_row(TABLE.ref, ("a",)) == Row(("a",), {"x": 1})


def test_leftovers_of_a_killed_creation_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    path.touch()
    (tmp_path / "memory.db.new").write_bytes(b"half a file")
    (tmp_path / "memory.db.new-wal").write_bytes(b"half a log")
    fill(path)

    with opened(path) as client:
        assert client.list_tables() == ["t"]
    assert {"memory.db", "memory.db.lock"} == {each.name for each in tmp_path.iterdir()}


def test_a_file_of_an_older_format_is_refused_for_reads_and_writes(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    fill(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {files.FORMAT - 1}")
    with opened(path) as client:
        for call in (client.list_tables, lambda: client.create_table(TABLE)):
            with pytest.raises(StorageFailure, match=f"has format {files.FORMAT - 1}; this tsmem reads") as caught:
                call()
            assert "export its rows with the tsmem that made it, and import them with this one" == caught.value.hint


def test_a_file_that_is_converted_while_it_is_open_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    fill(path)
    with opened(path) as client, closing(sqlite3.connect(path)) as raw:
        assert ["t"] == client.list_tables()
        raw.execute(f"PRAGMA user_version = {files.FORMAT + 1}")
        raw.execute("UPDATE catalog_version SET version = version + 1")
        raw.commit()
        with pytest.raises(StorageFailure, match=f"has format {files.FORMAT + 1}"):
            client.list_tables()


def test_a_file_that_is_converted_while_a_write_waits_for_its_lock_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    fill(path)
    with (
        opened(path) as client,
        closing(sqlite3.connect(path, isolation_level=None)) as raw,
        ThreadPoolExecutor() as pool,
    ):
        assert ["t"] == client.list_tables()
        raw.execute("BEGIN IMMEDIATE")
        waiting = pool.submit(client.create_table, TABLE._replace(name="u"))
        raw.execute(f"PRAGMA user_version = {files.FORMAT + 1}")
        raw.execute("UPDATE catalog_version SET version = version + 1")
        threading.Event().wait(0.03)
        raw.execute("COMMIT")
        with pytest.raises(StorageFailure, match=f"has format {files.FORMAT + 1}"):
            waiting.result()


def test_a_commit_is_synced_to_disk_before_it_returns(tmp_path: Path) -> None:
    """The value 2 of PRAGMA synchronous is FULL. Source: sqlite.org/pragma.html: with any lower value a power
    failure can undo a commit in the log."""
    path = tmp_path / "memory.db"
    fill(path)
    with closing(Connections(str(path))) as connections, connections.write() as session:
        assert (2,) == session.execute("PRAGMA synchronous").fetchone()


def test_a_write_after_the_file_was_deleted_fails(tmp_path: Path) -> None:
    """The write finds a new file without tables, and must not succeed in the deleted one."""
    path = tmp_path / "memory.db"
    with opened(path) as client:
        client.create_table(TABLE)
        put(client, "a")
        for end in ("", "-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        with pytest.raises(TableNotFound):
            put(client, "b")


def test_a_replaced_file_is_opened_again(tmp_path: Path) -> None:
    path, other = tmp_path / "memory.db", tmp_path / "other.db"
    with opened(other) as maker:
        maker.create_table(TABLE)
        put(maker, "restored")
    with opened(path) as client:
        client.create_table(TABLE)
        put(client, "old")
        for end in ("-wal", "-shm"):
            Path(f"{path}{end}").unlink(missing_ok=True)
        other.replace(path)
        with opened(path) as first:
            put(first, "first")  # into the log of the new file
            put(client, "new")
            assert [("first",), ("new",), ("restored",)] == keys(client, TABLE.ref)
    with opened(path) as again:
        assert [("first",), ("new",), ("restored",)] == keys(again, TABLE.ref)


def test_a_pipe_at_the_path_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    os.mkfifo(path)
    with opened(path) as client, pytest.raises(StorageFailure, match="not a regular file"):
        client.create_table(TABLE)
    assert not path.is_file()


def test_a_log_left_behind_is_not_replayed_into_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"

    def die() -> None:
        client = LocalClient(path, SystemClock())
        client.create_table(TABLE)
        put(client, "old")
        os._exit(0)  # as if the process was killed: the log stays

    assert 0 == in_child(die)
    assert Path(f"{path}-wal").stat().st_size > 0
    path.unlink()
    with opened(path) as client:
        client.create_table(TABLE)
        put(client, "new")
        assert [("new",)] == keys(client, TABLE.ref)


def test_a_commit_that_fails_leaves_no_schema_behind(tmp_path: Path) -> None:
    """If the disk is full at the commit, SQLite itself rolls back."""
    path = tmp_path / "memory.db"
    with closing(Engine(path, SystemClock())) as engine, closing(Engine(path, SystemClock())) as other:
        engine.definitions.create_table(TABLE)
        for key in ("a", "b", "c"):
            engine.write_rows([Put(TABLE.ref, (key,), {"x": "y" * 3000})])
        limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (Path(f"{path}-wal").stat().st_size, most))
        try:
            with pytest.raises(TsmemError):
                engine.definitions.update_table("t", TableOptions(max_versions=5))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
            signal.signal(signal.SIGXFSZ, ignored)
        other.definitions.create_table(TABLE._replace(name="u"))

        assert 1 == engine.describe_table("t").max_versions
        assert ["t", "u"] == engine.list_tables()


def test_a_temporary_store_leaves_no_file_name_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    connections = Connections(None)
    raise_version(connections)

    assert [] == list(tmp_path.iterdir())
    connections.close()


def test_a_temporary_file_without_a_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(StorageFailure, match="the temporary file cannot be created: No such file or directory"):
        read_version(Connections(None))


def test_a_temporary_file_that_cannot_be_opened_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(catalog, "SCHEMA", ("CREATE TABLE wrong",))
    with pytest.raises(StorageFailure, match="the temporary file failed: "):
        read_version(Connections(None))

    assert [] == list(tmp_path.iterdir())
