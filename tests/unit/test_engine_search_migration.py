"""Files whose search indexes have no contents, of formats 1 and 2, or others, of formats 3 to 5: they get them when the
file is brought up."""

from __future__ import annotations

import signal
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from tests.clocks import ManualClock
from tests.unit.test_engine_migration import EXPECTED, ROW, TABLE, _unprivileged, make, opened, seen, start, version
from tsmem.engine import Engine, files, migration
from tsmem.engine.requests import BatchWriteRow
from tsmem.errors import StorageFailure
from tsmem.queries import MatchAll, MatchPhrase, Search
from tsmem.rows import Put

FORMATS = (1, 2, 3, 4, 5)
TEXT = Search(MatchPhrase("c", "TEX"), columns=(), count=True)


def make_of(path: Path, made: int) -> None:
    """A file of an older format, with a row and a search index."""
    make(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        for version in range(1, made):
            for statement in migration.STEPS[version]:
                raw.execute(statement)
        if made >= 3:
            ((index_id,),) = raw.execute("SELECT id FROM search_indexes").fetchall()
            raw.execute(f"CREATE TABLE s{index_id} (doc INTEGER PRIMARY KEY, k0 NOT NULL)")
            raw.execute(f"CREATE TABLE s{index_id}_{'text' if made == 3 else 'texts'} (doc INTEGER PRIMARY KEY, f0)")
        raw.execute(f"PRAGMA user_version = {made}")


def found(engine: Engine) -> list[object]:
    """The keys of rows that are found by their text, and how many there are."""
    page = engine.search(TABLE.ref, "search", TEXT).page
    return [[row.key for row in page.rows], page.total]


@pytest.mark.parametrize("made", FORMATS)
def test_an_older_files_indexes_get_contents(tmp_path: Path, made: int) -> None:
    """The rows that are there are found, and those that are written after; nothing else is changed."""
    path = tmp_path / "memory.db"
    make_of(path, made)
    with opened(path) as engine:
        assert [[ROW.key], 1] == found(engine)
        assert EXPECTED == seen(engine)
        engine.write_rows(BatchWriteRow([Put(TABLE.ref, ("b",), {"c": "more text"})]))
        assert [[ROW.key, ("b",)], 2] == found(engine)
    assert files.FORMAT == version(path)


@pytest.mark.parametrize(("rows", "expected"), [(9_999, []), (10_000, ["10,000 rows"])])
def test_what_takes_long_is_said_before_it_begins(tmp_path: Path, rows: int, expected: list[str]) -> None:
    """Who opens an older file of many rows hears why nothing comes for a while, once; of few, nothing is said."""
    path = tmp_path / "memory.db"
    make_of(path, files.FORMAT - 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        raw.execute(f"INSERT INTO t1 {numbers} SELECT 'n' || i, cells FROM n, t1 WHERE k0 = 'a'", (rows,))
    heard: list[str] = []
    for _ in range(2):
        with closing(Engine(path, ManualClock(), heard.append)) as engine:
            assert ["by_n", "of_n", "t"] == engine.list_tables()
    said = f"{path} is of an older format: its search index is made anew, once, from"
    assert [f"{said} {each}" for each in expected] == heard


@pytest.mark.parametrize("made", FORMATS)
def test_a_damaged_row_does_not_keep_a_file_from_being_brought_up(tmp_path: Path, made: int) -> None:
    """The other rows are read, found and written; the damaged one can be read no more than before."""
    path = tmp_path / "memory.db"
    make_of(path, made)
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("INSERT INTO t1 VALUES ('damaged', x'0102')")
    with opened(path) as engine:
        assert [[ROW.key], 1] == found(engine)
        assert EXPECTED == seen(engine)
        engine.write_rows(BatchWriteRow([Put(TABLE.ref, ("b",), {"c": "more text"})]))
        with pytest.raises(StorageFailure, match="a stored row is damaged"):
            engine.search(TABLE.ref, "search", Search(MatchAll()))


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.clocks import ManualClock
from tsmem.engine import Engine, search_tables
made = search_tables.create
def killed(*arguments, **options):
    made(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
search_tables.create = killed
Engine(Path(sys.argv[1]), ManualClock()).list_tables()
"""


@pytest.mark.parametrize("made", FORMATS)
def test_a_killed_migration_leaves_no_contents(tmp_path: Path, made: int) -> None:
    """Killed when the contents are made and not committed, the file is as it was; the next opener makes them."""
    path = tmp_path / "memory.db"
    make_of(path, made)
    killed = start(KILLED, path)
    killed.communicate()

    assert (-signal.SIGKILL, made) == (killed.returncode, version(path))
    with opened(path) as engine:
        assert [[ROW.key], 1] == found(engine)


OPENER = """
import sys
from pathlib import Path
from tests.clocks import ManualClock
from tests.unit.test_engine_search_migration import found
from tsmem.engine import Engine
engine = Engine(Path(sys.argv[1]), ManualClock())
print("ready", flush=True)
sys.stdin.readline()
print(found(engine), flush=True)
"""


def test_processes_that_search_it_at_once_all_find(tmp_path: Path) -> None:
    """Several processes meet the old file: one makes the contents, and all find the row."""
    path = tmp_path / "memory.db"
    make_of(path, 2)
    openers = [start(OPENER, path) for _ in range(4)]
    for opener in openers:
        assert opener.stdout is not None
        assert "ready\n" == opener.stdout.readline()
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("go\n")
        opener.stdin.flush()

    assert [("[[('a',)], 1]\n", "")] * 4 == [opener.communicate() for opener in openers]


@pytest.mark.parametrize("made", FORMATS)
def test_a_read_only_older_file_is_read_and_not_searched(made: int) -> None:
    """Where it may not be written its rows are read, and a search says what it lacks."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "memory.db"
        make_of(path, made)
        path.chmod(0o444)
        with _unprivileged(folder), opened(path) as engine:
            assert EXPECTED == seen(engine)
            with pytest.raises(StorageFailure, match="must be brought to a newer format before it is searched"):
                found(engine)


def test_an_older_tsmem_that_has_it_open_cannot_leave_marks_out(tmp_path: Path) -> None:
    """A process of format 3 that opened the file before is refused by SQLite when it writes contents its way."""
    path = tmp_path / "memory.db"
    make_of(path, 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("INSERT INTO s1_text (doc, f0) VALUES (1, 'text')")
        with opened(path) as engine:
            assert [[ROW.key], 1] == found(engine)
        with pytest.raises(sqlite3.OperationalError, match="no such table: s1_text"):
            old.execute("INSERT INTO s1_text (doc, f0) VALUES (2, 'more')")


def test_a_file_brought_to_a_newer_format_while_it_is_open_is_left_alone(tmp_path: Path) -> None:
    """An engine that had the file open neither reads nor writes it by what it knew of the format before."""
    path = tmp_path / "memory.db"
    make_of(path, 3)
    with opened(path) as engine, closing(sqlite3.connect(path, isolation_level=None)) as raw:
        before = raw.execute("SELECT version FROM catalog_version").fetchone()
        assert EXPECTED == seen(engine)
        assert before < raw.execute("SELECT version FROM catalog_version").fetchone()
        raw.execute(f"PRAGMA user_version = {files.FORMAT + 1}")
        raw.execute("UPDATE catalog_version SET version = version + 1")
        with pytest.raises(StorageFailure, match=f"has format {files.FORMAT + 1}, and this tsmem reads"):
            engine.write_rows(BatchWriteRow([Put(TABLE.ref, ("b",), {"c": "more text"})]))
        with pytest.raises(StorageFailure, match=f"has format {files.FORMAT + 1}, and this tsmem reads"):
            found(engine)
