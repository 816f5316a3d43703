"""Files of format 1: they are brought to this format whole, or read as they are."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.clocks import ManualClock
from tsmem.engine import Engine, files
from tsmem.engine.cells import Cell, pack_cells
from tsmem.engine.full_requests import CellRow, SearchDescription, TableDescription, TableOptions, View
from tsmem.engine.requests import BatchGetRow, BatchWriteRow, GetRange
from tsmem.errors import StorageFailure, TsmemError
from tsmem.port import FieldType, IndexSchema, SearchIndexSchema, TableSchema
from tsmem.rows import MAX, MIN, ColumnType, Put, Range, Row, TableRef
from tsmem.waiting import Waits

ROOT = Path(__file__).parents[2]
NOBODY = 65534

FORMAT_1 = (
    "CREATE TABLE catalog_version (version INTEGER NOT NULL)",
    "INSERT INTO catalog_version VALUES (3)",
    """CREATE TABLE tables (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, main TEXT,
        time_to_live_s INTEGER NOT NULL, max_versions INTEGER NOT NULL)""",
    """CREATE TABLE table_columns (
        table_id INTEGER NOT NULL REFERENCES tables (id), part TEXT NOT NULL, place INTEGER NOT NULL,
        name TEXT NOT NULL, type TEXT NOT NULL, PRIMARY KEY (table_id, part, place)) WITHOUT ROWID""",
    """CREATE TABLE search_indexes (
        id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, name TEXT NOT NULL,
        UNIQUE (table_name, name))""",
    """CREATE TABLE search_fields (
        index_id INTEGER NOT NULL REFERENCES search_indexes (id), place INTEGER NOT NULL, name TEXT NOT NULL,
        type TEXT NOT NULL, analyzer TEXT, min_chars INTEGER, max_chars INTEGER,
        PRIMARY KEY (index_id, place)) WITHOUT ROWID""",
    "INSERT INTO tables VALUES (1, 't', NULL, -1, 1), (2, 'by_n', 't', -1, 1), (3, 'of_n', 't', -1, 1)",
    """INSERT INTO table_columns VALUES
        (1, 'key', 0, 'k', 'STRING'), (1, 'defined', 0, 'n', 'INTEGER'),
        (2, 'key', 0, 'k', 'STRING'), (2, 'key', 1, 'n', 'INTEGER'),
        (3, 'key', 0, 'n', 'INTEGER'), (3, 'key', 1, 'k', 'STRING')""",
    "CREATE TABLE t1 (k0 TEXT NOT NULL, cells BLOB NOT NULL)",
    "CREATE UNIQUE INDEX t1_key ON t1 (k0)",
    "CREATE TABLE t2 (k0 TEXT NOT NULL, k1 INTEGER NOT NULL, cells BLOB NOT NULL, PRIMARY KEY (k0, k1)) WITHOUT ROWID",
    "CREATE TABLE t3 (k0 INTEGER NOT NULL, k1 TEXT NOT NULL, cells BLOB NOT NULL, PRIMARY KEY (k0, k1)) WITHOUT ROWID",
    "INSERT INTO search_indexes VALUES (1, 't', 'search')",
    "INSERT INTO search_fields VALUES (1, 0, 'c', 'TEXT', 'fuzzy', 1, 7)",
    "PRAGMA application_id = 0x74736D6D",
    "PRAGMA user_version = 1",
)
"""What the first format's engine wrote for a table with two indexes and a search index."""

TABLE = TableSchema(
    "t",
    (("k", ColumnType.STRING),),
    (IndexSchema("by_n", ("k", "n")), IndexSchema("of_n", ("n", "k"), is_global=True)),
    (("n", ColumnType.INTEGER),),
)
DESCRIBED = TableDescription(TABLE, 86400, True, frozenset({"of_n"}))
SEARCH = SearchIndexSchema("t", "search", (("c", FieldType("TEXT", "fuzzy", 1, 7)),))
ROW = CellRow(("a",), [Cell("c", "text", 5), Cell("n", 7, 6)])
OF_N = TableRef("of_n", ("n", "k"))


def make(path: Path) -> None:
    """A file of format 1 with one row."""
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("PRAGMA journal_mode = WAL")
        for statement in FORMAT_1:
            raw.execute(statement)
        raw.execute("INSERT INTO t1 VALUES ('a', ?)", (pack_cells(2, ROW.cells),))
        raw.execute("INSERT INTO t2 VALUES ('a', 7, ?)", (pack_cells(11, []),))
        raw.execute("INSERT INTO t3 VALUES (7, 'a', ?)", (pack_cells(11, []),))
    path.chmod(0o600)


@contextmanager
def opened(path: Path) -> Iterator[Engine]:
    """An engine that is closed at the end."""
    with closing(Engine(path, ManualClock())) as engine:
        yield engine


def seen(engine: Engine) -> list[object]:
    """Everything that the file made by hand holds."""
    span = Range((MIN,) * 2, (MAX,) * 2)
    return [
        engine.list_tables(),
        engine.describe_full("t"),
        engine.describe_full("of_n").main,
        engine.read_rows(BatchGetRow(TABLE.ref, [("a",)]), View()).rows,
        engine.get_range(GetRange(OF_N, span)).page.rows,
        engine.list_search_indexes("t"),
        engine.describe_search_index("t", "search"),
        engine.describe_search("t", "search"),
    ]


EXPECTED = [
    ["by_n", "of_n", "t"], DESCRIBED, "t", [ROW], [Row((7, "a"), {})], ["search"], SEARCH, SearchDescription(None, 0),
]  # fmt: skip


def version(path: Path) -> int:
    """The file's format."""
    with closing(sqlite3.connect(path)) as raw:
        return int(raw.execute("PRAGMA user_version").fetchone()[0])


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """The columns of the catalog's tables."""
    names = ("catalog_version", "tables", "table_columns", "search_indexes", "search_fields")
    with closing(sqlite3.connect(path)) as raw:
        return {name: raw.execute(f"PRAGMA table_info({name})").fetchall() for name in names}


def test_a_file_of_format_1_is_brought_up_when_it_is_read(tmp_path: Path) -> None:
    """All that was in it is there, its options are the defaults, and its catalog is that of a new file."""
    path, new = tmp_path / "memory.db", tmp_path / "new.db"
    make(path)
    with opened(path) as engine:
        assert EXPECTED == seen(engine)
    with opened(new) as engine:
        engine.create_table(TableSchema("x", TABLE.key))

    assert [files.FORMAT] * 2 == [version(path), version(new)]
    assert columns(new).keys() == columns(path).keys()
    assert {name: sorted(map(_plainly, info)) for name, info in columns(new).items()} == {
        name: sorted(map(_plainly, info)) for name, info in columns(path).items()
    }


def _plainly(info: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(map(str, info[1:]))


def test_a_file_of_format_1_is_brought_up_when_it_is_written(tmp_path: Path) -> None:
    """The first write goes into the file as it is then, and everything that is new can be stored."""
    path = tmp_path / "memory.db"
    make(path)
    with opened(path) as engine:
        assert [None] == [reply.error for reply in engine.write_rows(BatchWriteRow([Put(TABLE.ref, ("b",), {"n": 1})]))]
        engine.update_table("t", TableOptions(deviation_s=3))
        engine.create_search_index(SEARCH._replace(name="newer"), b"definition")
    with opened(path) as engine:
        assert 3 == engine.describe_full("t").deviation_s
        assert [Row((1, "b"), {}), Row((7, "a"), {})] == engine.get_range(
            GetRange(OF_N, Range((MIN,) * 2, (MAX,) * 2))
        ).page.rows
        assert b"definition" == engine.describe_search("t", "newer").definition


OPENER = """
import sys
from pathlib import Path
from tests.clocks import ManualClock
from tests.unit.test_engine_migration import EXPECTED, TABLE, seen
from tsmem.engine import Engine
from tsmem.engine.requests import BatchWriteRow
from tsmem.rows import Put
engine = Engine(Path(sys.argv[1]), ManualClock())
print("ready", flush=True)
sys.stdin.readline()
if EXPECTED != seen(engine):
    raise SystemExit("something else is there")
replies = engine.write_rows(BatchWriteRow([Put(TABLE.ref, (sys.argv[2],), {})]))
if any(reply.error for reply in replies):
    raise SystemExit("a row failed")
engine.close()
"""

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.clocks import ManualClock
from tsmem.engine import Engine, migration
steps = migration.STEPS[1]
def until_killed():
    yield from steps[: int(sys.argv[2])]
    os.kill(os.getpid(), signal.SIGKILL)
migration.STEPS[1] = until_killed()
Engine(Path(sys.argv[1]), ManualClock()).list_tables()
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that runs a piece of code."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_open_it_at_once_all_go_on(tmp_path: Path) -> None:
    """Several processes meet the old file: one brings it up, none fails, and what each writes is kept."""
    path = tmp_path / "memory.db"
    make(path)
    openers = [start(OPENER, path, name) for name in ("one", "two", "three", "four")]
    for opener in openers:
        assert opener.stdout is not None
        assert "ready\n" == opener.stdout.readline()
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("go\n")
        opener.stdin.flush()
    ends = [opener.communicate() for opener in openers]

    assert [(0, "")] * 4 == [(opener.returncode, end[1]) for opener, end in zip(openers, ends, strict=True)]
    with opened(path) as engine:
        rows = engine.get_range(GetRange(TABLE.ref, Range((MIN,), (MAX,)))).page.rows
        assert ["a", "four", "one", "three", "two"] == [row.key[0] for row in rows]
        assert DESCRIBED == engine.describe_full("t")


@pytest.mark.parametrize("steps", [0, 1, 4, 6])
def test_a_killed_migration_leaves_the_file_as_it_was(tmp_path: Path, steps: int) -> None:
    """Killed after any step, the file is of format 1 with all that it held, and the next opener brings it up."""
    path = tmp_path / "memory.db"
    make(path)
    before = columns(path)
    killed = start(KILLED, path, steps)
    killed.communicate()

    assert -signal.SIGKILL == killed.returncode
    assert (1, before) == (version(path), columns(path))
    with opened(path) as engine:
        assert EXPECTED == seen(engine)
    assert files.FORMAT == version(path)


@pytest.mark.parametrize("folder_mode", [0o500, 0o700])
def test_a_read_only_file_of_format_1_is_read(folder_mode: int) -> None:
    """Where it may not be written it is read as it is; a write says why it is not done; later it is brought up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "memory.db"
        make(path)
        path.chmod(0o444)
        folder.chmod(folder_mode)
        with _unprivileged(folder), opened(path) as engine:
            assert EXPECTED == seen(engine)
            for call in (
                lambda: engine.write_rows(BatchWriteRow([Put(TABLE.ref, ("b",), {})])),
                lambda: engine.create_table(TableSchema("x", TABLE.key)),
            ):
                with pytest.raises(StorageFailure, match=r"is read-only|lock file cannot be opened"):
                    call()
        folder.chmod(0o700)
        path.chmod(0o600)
        with opened(path) as engine:
            assert EXPECTED == seen(engine)
        assert files.FORMAT == version(path)


@contextmanager
def _unprivileged(folder: Path) -> Iterator[None]:
    """As a user whom permissions bind, who owns the folder, also where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.iterdir()):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_hinders_the_migration_does_not_hinder_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another process keeps locked is read as it is, and a write says why it cannot be done."""
    path = tmp_path / "memory.db"
    make(path)
    monkeypatch.setattr(Waits, "limit_s", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, opened(path) as engine:
        other.execute("BEGIN IMMEDIATE")
        assert EXPECTED == seen(engine)
        with pytest.raises(TsmemError, match="locked"):
            engine.write_rows(BatchWriteRow([Put(TABLE.ref, ("b",), {})]))
        other.execute("ROLLBACK")
        assert [None] == [reply.error for reply in engine.write_rows(BatchWriteRow([Put(TABLE.ref, ("b",), {})]))]

    assert files.FORMAT == version(path)
