"""The engine's file: how it is made, what is refused, and what a failing disk leaves."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.clocks import ManualClock
from tests.support.commits import failing_commits
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.disk import APPLICATION_ID
from tsmem.engine.file import files, sqlite_errors
from tsmem.engine.file.connections import Connections
from tsmem.errors import StorageFailure, TableNotFound, TsmemError, Unavailable
from tsmem.port import TableSchema
from tsmem.rows import MAX, MIN, ColumnType, Put, Range, Row, Update
from tsmem.waiting import Waits

TABLE = TableSchema("t", (("k", ColumnType.STRING),))
NOBODY = 65534


@contextmanager
def opened(path: Path | None) -> Iterator[LocalClient]:
    """A client that is closed at the end."""
    with closing(LocalClient(path, SystemClock())) as client:
        yield client


def fill(path: Path) -> None:
    """A file with one row."""
    with opened(path) as client:
        client.create_table(TABLE)
        client.write_row(Put(TABLE.ref, ("a",), {"x": 1}))


def mode(path: Path) -> int:
    """A file's permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_read_makes_no_file(tmp_path: Path) -> None:
    """Reading where no file is sees an instance without tables, and leaves nothing behind."""
    path = tmp_path / "new" / "memory.db"
    with opened(path) as client:
        assert client.list_tables() == []
        with pytest.raises(TableNotFound):
            client.get_row(TABLE.ref, ("a",))

    assert list(tmp_path.iterdir()) == []


def test_a_write_that_finds_no_table_makes_no_file(tmp_path: Path) -> None:
    """A row put where no file is fails for want of a table, and leaves nothing behind."""
    with opened(tmp_path / "new" / "memory.db") as client:
        for write in (client.write_row, lambda put: client.write_rows([put])):
            with pytest.raises(TableNotFound):
                write(Put(TABLE.ref, ("a",), {}))

    assert list(tmp_path.iterdir()) == []


def test_a_reader_sees_the_file_that_a_writer_made(tmp_path: Path) -> None:
    """A client that looked before the file was there sees it when it is."""
    path = tmp_path / "memory.db"
    with opened(path) as reader:
        assert reader.list_tables() == []
        fill(path)
        assert reader.list_tables() == ["t"]


def test_the_file_is_private(tmp_path: Path) -> None:
    """The file and what SQLite puts beside it are 0600, in folders of 0700, whatever the umask."""
    old = os.umask(0)
    try:
        path = tmp_path / "a" / "b" / "memory.db"
        with opened(path) as client:
            client.create_table(TABLE)
            modes = {each.name: mode(each) for each in path.parent.iterdir()}
    finally:
        os.umask(old)

    assert set(modes.values()) == {0o600}
    assert {"memory.db", "memory.db-wal"} <= set(modes)
    assert [mode(path.parent), mode(path.parent.parent)] == [0o700, 0o700]


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    """Application id, format and WAL stand in the file, and its pages are of 4096 bytes."""
    path = tmp_path / "memory.db"
    fill(path)
    with closing(sqlite3.connect(path)) as raw:
        found = [raw.execute(f"PRAGMA {name}").fetchone()[0] for name in
                 ("application_id", "user_version", "journal_mode", "page_size", "integrity_check")]  # fmt: skip

    assert found == [APPLICATION_ID, files.FORMAT, "wal", 4096, "ok"]


@pytest.mark.parametrize("name", ["plain.db", "what? #1 50%.db", "ümlaut 退款.db", "x.db?mode=memory"])
def test_any_file_name_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    """Characters that mean something in a URI mean nothing in a path."""
    fill(tmp_path / name)

    assert {name, f"{name}.lock"} == {each.name for each in tmp_path.iterdir()}
    with opened(tmp_path / name) as client:
        assert client.get_row(TABLE.ref, ("a",)) == Row(("a",), {"x": 1})


def test_a_link_is_followed(tmp_path: Path) -> None:
    """A path that is a link makes and opens the file that it points at."""
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "real.db")
    fill(link)

    assert link.is_symlink()
    assert (tmp_path / "real.db").stat().st_size > 0


def test_leftovers_of_a_killed_maker_are_cleared(tmp_path: Path) -> None:
    """An empty file, and a half-made one beside it, do not stop the next opener."""
    path = tmp_path / "memory.db"
    path.touch()
    (tmp_path / "memory.db.new").write_bytes(b"half a file")
    (tmp_path / "memory.db.new-wal").write_bytes(b"half a log")
    fill(path)

    with opened(path) as client:
        assert client.list_tables() == ["t"]
    assert {"memory.db", "memory.db.lock"} == {each.name for each in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("difference", "hint"),
    [(1, "use a newer tsmem"), (-1, "export its rows with the tsmem that made it, and import them with this one")],
)
def test_a_file_of_another_format_is_refused(tmp_path: Path, difference: int, hint: str) -> None:
    """For reads and writes, and it is left as it is."""
    path = tmp_path / "memory.db"
    fill(path)
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {files.FORMAT + difference}")
    with opened(path) as client:
        refused = f"has format {files.FORMAT + difference}, and this tsmem reads format {files.FORMAT}"
        for call in (client.list_tables, lambda: client.create_table(TABLE)):
            with pytest.raises(StorageFailure, match=refused) as caught:
                call()
            assert hint == caught.value.hint


def test_a_file_that_another_tsmem_converts_meanwhile_is_refused(tmp_path: Path) -> None:
    """Though it was opened in the format that is read here: a new format comes with a new catalog."""
    path = tmp_path / "memory.db"
    fill(path)
    with opened(path) as client, closing(sqlite3.connect(path)) as raw:
        assert ["t"] == client.list_tables()
        raw.execute(f"PRAGMA user_version = {files.FORMAT + 1}")
        raw.execute("UPDATE catalog_version SET version = version + 1")
        raw.commit()
        with pytest.raises(StorageFailure, match=f"has format {files.FORMAT + 1}"):
            client.list_tables()


def test_a_commit_is_on_the_disk_when_it_returns(tmp_path: Path) -> None:
    """Source: sqlite.org/pragma.html: 2 is FULL; a commit in the log survives a power failure with nothing less."""
    path = tmp_path / "memory.db"
    fill(path)
    with Connections(str(path)).write() as session:
        assert (2,) == session.execute("PRAGMA synchronous").fetchone()


@pytest.mark.parametrize("content", ["text", "database"])
def test_a_file_that_is_not_ours_is_refused(tmp_path: Path, content: str) -> None:
    """A file of another kind, and another program's database, are StorageFailure, and are left as they are."""
    path = tmp_path / "other"
    if content == "text":
        path.write_text("dear diary " * 1000)
    else:
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("CREATE TABLE theirs (x)")
    before = path.read_bytes()
    with opened(path) as client, pytest.raises(StorageFailure, match="tsmem"):
        client.create_table(TABLE)

    assert path.read_bytes() == before


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """A file whose pages were overwritten is StorageFailure."""
    path = tmp_path / "memory.db"
    fill(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with opened(path) as client, pytest.raises(StorageFailure):
        client.get_row(TABLE.ref, ("a",))


def test_a_damaged_row_is_refused(tmp_path: Path) -> None:
    """A row whose cells were overwritten is StorageFailure, and its neighbours can still be read."""
    path = tmp_path / "memory.db"
    fill(path)
    with opened(path) as client:
        client.write_row(Put(TABLE.ref, ("b",), {"x": 2}))
        with closing(sqlite3.connect(path)) as raw:
            raw.execute("UPDATE t1 SET cells = substr(cells, 1, 9) WHERE k0 = 'a'")
            raw.commit()
        with pytest.raises(StorageFailure, match="damaged"):
            client.get_row(TABLE.ref, ("a",))
        assert client.get_row(TABLE.ref, ("b",)) == Row(("b",), {"x": 2})


def test_a_full_disk_keeps_nothing(tmp_path: Path) -> None:
    """A batch that does not fit is StorageFailure that says so, none of it is kept, and what was there stays."""
    path = tmp_path / "memory.db"
    fill(path)
    with opened(path) as client:
        with client._engine._connections.write() as session:
            session.execute("PRAGMA max_page_count = 40")
        with pytest.raises(StorageFailure, match="the disk is full: nothing of this write was kept"):
            client.write_rows([Put(TABLE.ref, (str(number),), {"x": "x" * 100_000}) for number in range(3)])
        page = client.get_range(TABLE.ref, Range((MIN,), (MAX,)))

    assert page.rows == [Row(("a",), {"x": 1})]


@pytest.mark.parametrize(
    ("code", "words", "ambiguous"),
    [
        (sqlite3.SQLITE_FULL, "nothing of this write was kept", False),
        (sqlite3.SQLITE_IOERR_WRITE, "nothing of this write was kept", False),
        (sqlite3.SQLITE_IOERR_FSYNC, "this write may have been kept", True),
        (sqlite3.SQLITE_IOERR_SHMSIZE, "this write may have been kept", True),
    ],
)
def test_a_failed_commit_says_whether_the_write_may_have_been_kept(
    tmp_path: Path, code: int, words: str, ambiguous: bool
) -> None:
    """SQLite writes the log, then syncs it, then updates its index: a commit that was written can come back."""
    path = tmp_path / "memory.db"
    fill(path)
    with failing_commits(code), opened(path) as client, pytest.raises(StorageFailure, match=words) as caught:
        client.write_row(Put(TABLE.ref, ("b",), {}))

    assert caught.value.ambiguous is ambiguous


def test_a_disk_too_full_for_the_index_of_the_log_may_have_kept_the_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite calls it an I/O error, and the log was written before."""
    path = tmp_path / "memory.db"
    fill(path)
    found = list(os.statvfs(tmp_path))
    found[4] = 0  # f_bavail
    with failing_commits(sqlite3.SQLITE_IOERR_SHMSIZE), opened(path) as client:
        monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(found))
        with pytest.raises(StorageFailure, match="the disk is full: this write may have been kept"):
            client.write_row(Put(TABLE.ref, ("b",), {}))


def spoil(path: Path) -> None:
    """Overwrite the last pages of a file."""
    with path.open("r+b") as stream:
        stream.seek(8192)
        stream.write(b"\xff" * (path.stat().st_size - 8192))


@pytest.mark.parametrize("is_held", [False, True])
def test_a_disk_that_cannot_be_read_is_not_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_held: bool
) -> None:
    """SQLite says that a file is malformed where the disk fails to read it (EIO)."""

    def failing(descriptor: int, size: int, offset: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = tmp_path / "memory.db"
    fill(path)
    spoil(path)
    with closing(sqlite3.connect(path)) as other, opened(path) as client:
        if is_held:
            other.execute("PRAGMA user_version").fetchone()
        with pytest.raises(StorageFailure, match="is damaged"):
            client.get_row(TABLE.ref, ("a",))
        monkeypatch.setattr(os, "pread", failing)
        with pytest.raises(StorageFailure) as caught:
            client.get_row(TABLE.ref, ("a",))

    assert caught.value.message == f"{path} could not be read: disk I/O error"


def test_looking_why_a_file_cannot_be_read_keeps_its_locks(tmp_path: Path) -> None:
    """A process that opens and closes a file loses its locks on it: SQLite's would be gone."""
    path = tmp_path / "memory.db"
    fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        sqlite_errors.from_sqlite(corrupt(), str(path))
        other = subprocess.run(
            [
                sys.executable,
                "-c",
                f"import sqlite3; sqlite3.connect({str(path)!r}, timeout=0).execute('BEGIN IMMEDIATE')",
            ],
            check=False,
            capture_output=True,
        )

    assert b"database is locked" in other.stderr


def corrupt() -> sqlite3.DatabaseError:
    """What SQLite raises for a file that it cannot read."""
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_IOERR_READ, "could not be read: disk I/O error"),
        (sqlite3.SQLITE_FULL, "the disk is full: F could not be read"),
    ],
)
def test_a_read_that_fails_speaks_of_no_write(code: int, words: str) -> None:
    """Nothing was being written, so nothing can have been kept."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    said = sqlite_errors.from_sqlite(error, "F", "read").message

    assert said.endswith(words)


def test_a_long_lock_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that waits too long for another process is Unavailable, certainly not done."""
    path = tmp_path / "memory.db"
    fill(path)
    monkeypatch.setattr(Waits, "limit_s", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, opened(path) as client:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked") as caught:
            client.write_row(Put(TABLE.ref, ("b",), {}))
        assert client.get_row(TABLE.ref, ("a",)) is not None

    assert caught.value.ambiguous is False


@contextmanager
def unprivileged_folder() -> Iterator[Path]:
    """A folder in which permissions bind, also where the tests run as root."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        as_root = os.geteuid() == 0
        if as_root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
            if as_root:
                os.seteuid(0)


@pytest.mark.parametrize("folder_mode", [0o500, 0o700])
def test_a_read_only_file_is_read(folder_mode: int) -> None:
    """A file that may not be written is read all the same, in a folder that may be written or not; writes say why."""
    with unprivileged_folder() as folder:
        path = folder / "memory.db"
        fill(path)
        path.chmod(0o400)
        folder.chmod(folder_mode)
        with opened(path) as client:
            assert client.get_row(TABLE.ref, ("a",)) == Row(("a",), {"x": 1})
            with pytest.raises(StorageFailure, match="read-only"):
                client.write_row(Put(TABLE.ref, ("b",), {}))


def test_a_file_that_cannot_be_made_says_so() -> None:
    """A write into a folder that may not be written is StorageFailure that names the file."""
    with unprivileged_folder() as folder:
        folder.chmod(0o500)
        with (
            opened(folder / "sub" / "memory.db") as client,
            pytest.raises(StorageFailure, match=r"memory\.db cannot be made"),
        ):
            client.create_table(TABLE)


def test_a_path_that_is_a_folder_says_so(tmp_path: Path) -> None:
    """A folder is no file to open."""
    with opened(tmp_path) as client, pytest.raises(StorageFailure):
        client.list_tables()


def test_a_temporary_file_is_shared_by_threads_and_leaves_nothing() -> None:
    """Without a path every thread sees the same tables, and nothing is left on the disk."""
    with opened(None) as client:
        client.create_table(TABLE)
        threads = [
            threading.Thread(target=lambda name=name: client.write_row(Put(TABLE.ref, (name,), {})))
            for name in "abcdefgh"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        page = client.get_range(TABLE.ref, Range((MIN,), (MAX,)))

    assert [row.key for row in page.rows] == [(name,) for name in "abcdefgh"]


def test_threads_share_a_client(tmp_path: Path) -> None:
    """Any method may be called from any thread: puts of eight threads are all there."""
    with opened(tmp_path / "memory.db") as client:
        client.create_table(TABLE)
        failures: list[TsmemError] = []

        def work(name: str) -> None:
            try:
                for number in range(20):
                    client.write_row(Put(TABLE.ref, (f"{name}{number}",), {}))
                    client.get_row(TABLE.ref, (name,))
            except TsmemError as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(name,)) for name in "abcdefgh"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        page = client.get_range(TABLE.ref, Range((MIN,), (MAX,)))

    assert failures == []
    assert len(page.rows) == 160


def test_other_connections_see_a_changed_schema(tmp_path: Path) -> None:
    """A table that another client deletes and makes again is used as it is now."""
    path = tmp_path / "memory.db"
    with opened(path) as one, opened(path) as other:
        one.create_table(TABLE)
        one.write_row(Put(TABLE.ref, ("a",), {}))
        other.delete_table("t")
        with pytest.raises(TableNotFound):
            one.get_row(TABLE.ref, ("a",))
        other.create_table(TABLE)
        assert one.get_row(TABLE.ref, ("a",)) is None


def test_a_failed_definition_leaves_nothing(tmp_path: Path) -> None:
    """A schema change that fails half way is rolled back, and the client goes on with what is stored."""
    with opened(tmp_path / "memory.db") as client:
        client.create_table(TABLE)
        with client._engine._connections.write() as session:
            session.execute("PRAGMA max_page_count = 1")
        with pytest.raises(StorageFailure):
            client.create_table(TableSchema("other", TABLE.key))

        assert client.list_tables() == ["t"]


def test_a_closed_client_says_so(tmp_path: Path) -> None:
    """A call after close is an error of ours, not SQLite's."""
    client = LocalClient(tmp_path / "memory.db", SystemClock())
    client.create_table(TABLE)
    client.close()
    with pytest.raises(TsmemError, match="closed"):
        client.list_tables()


def test_an_update_counts_although_the_clock_was_set_back(tmp_path: Path) -> None:
    """The last write wins, whatever the machine's clock says of it."""
    clock = ManualClock()
    client = LocalClient(tmp_path / "memory.db", clock)
    client.create_table(TABLE)
    client.write_row(Put(TABLE.ref, ("a",), {"x": "old", "y": 1}))
    clock.time_us -= 3_600_000_000
    client.write_row(Update(TABLE.ref, ("a",), {"x": "new"}))

    assert Row(("a",), {"x": "new", "y": 1}) == client.get_row(TABLE.ref, ("a",))
    client.close()
