"""The engine's search beyond what every backend promises: options of analyzers, bounds, odd texts, and what is kept."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.clocks import ManualClock
from tsmem.engine import Engine
from tsmem.engine.full_requests import Change, NewCell, RowChange
from tsmem.engine.requests import BatchWriteRow
from tsmem.errors import InvalidInput, StorageFailure
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.queries import (
    Between,
    Bool,
    Contains,
    FieldSort,
    HasField,
    KeySort,
    Match,
    MatchAll,
    MatchPhrase,
    Operator,
    Prefix,
    Query,
    ScoreSort,
    Search,
    Sorter,
    Term,
    Terms,
    Wildcard,
)
from tsmem.rows import ColumnType, Delete, Put, Value, Write

TABLE = TableSchema("t", (("k", ColumnType.STRING),))
FIELDS = (
    ("k", FieldType("KEYWORD")),
    ("n", FieldType("LONG")),
    ("tag", FieldType("KEYWORD")),
    ("words", FieldType("TEXT", "max_word")),
    ("parts", FieldType("TEXT", "fuzzy", 2, 4)),
    ("listed", FieldType("TEXT", "split", delimiter=",")),
    ("cased", FieldType("TEXT", "single_word", case_sensitive=True)),
    ("place", FieldType("GEO_POINT")),
)
INDEX = SearchIndexSchema("t", "search", FIELDS)


def made(path: Path | None) -> Engine:
    """An engine with the table and its index."""
    engine = Engine(path, ManualClock())
    engine.create_table(TABLE)
    engine.create_search_index(INDEX)
    return engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    with closing(made(None)) as engine:
        yield engine


def write(engine: Engine, *writes: Write | RowChange) -> None:
    """Write rows; all must be done."""
    assert [None] * len(writes) == [reply.error for reply in engine.write_rows(BatchWriteRow(writes))]


def put(key: str, **columns: Value) -> Put:
    return Put(TABLE.ref, (key,), columns)


def found(engine: Engine, query: Query, *sorts: Sorter) -> str:
    """Return the keys of the rows that a query finds, joined; the total says how many they are."""
    page = engine.search(TABLE.ref, "search", Search(query, sorts, columns=(), count=True)).page
    assert page.total == len(page.rows)
    return "".join(str(row.key[0]) for row in page.rows)


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        (Match("listed", "RED WINE"), "a"), (Match("listed", "wine"), ""),
        (Match("cased", "Red"), "a"), (Match("cased", "red"), ""), (Prefix("cased", "Re"), "a"),
        (Prefix("cased", "re"), ""), (Contains("cased", "RED w"), "a"),
        (Term("parts", "r"), ""), (Term("parts", "re"), "a"), (Term("parts", "ed w"), "a"),
        (Term("parts", "ed wi"), ""), (Wildcard("parts", "r?d*ne"), "a"), (Wildcard("parts", "r?e"), ""),
        (Match("words", "手机外壳", Operator.AND), "d"), (Match("words", "手外", Operator.AND), ""),
        (Match("words", "手机外壳"), "bcd"),
    ],
    ids=str,
)  # fmt: skip
def test_analyzers_follow_their_options(engine: Engine, query: Query, keys: str) -> None:
    """split cuts at its delimiter, a case-sensitive field keeps case, a Term on a fuzzy field is as long as an n-gram;
    of two Chinese words side by side, the pair that spans them may be missing."""
    write(engine, put("a", listed="Red wine,dry", cased="Red wine", parts="Red wine"))
    write(engine, put("b", words="手机很贵"), put("c", words="贵的外壳"), put("d", words="手机配外壳"))

    assert keys == found(engine, query)


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        *((MatchPhrase("parts", part), "a") for part in ("\0", "b\0c", "\0cdef")), (MatchPhrase("parts", "cde"), "ab"),
        (Match("words", "cd"), "a"), (Term("tag", "x\0y"), "a"), (Term("tag", "x"), "b"),
        *((Wildcard("tag", pattern), keys) for pattern, keys in (
            ("x?*", "ac"), ("x?y", "a"), ("x", "b"), ("*\0*", "ac"), ("?\0\0*", "c"), ("x\0", ""), ("*?\0y", "a"),
        )),
        (Wildcard("parts", "b?c"), "ab"), (Wildcard("parts", "\0"), "a"), (Wildcard("parts", "["), "c"),
        # The index pads with \x01, and has \x02 in the place of NUL.
        (Contains("words", "退\x01款"), "d"), (Contains("words", "退款"), "e"), (Contains("words", "款\x01"), ""),
        (Contains("words", "a\x02b"), "d"), (Contains("words", "\x02b"), "d"), (Contains("words", "b\0c"), "a"),
        (Contains("words", "\x03\x03x"), ""),
    ],
    ids=repr,
)  # fmt: skip
def test_control_characters_are_characters(engine: Engine, query: Query, keys: str) -> None:
    """Also NUL, at which SQLite ends a text, and those that the index uses itself."""
    write(engine, put("a", parts="ab\0cdef", words="ab\0cd", tag="x\0y"), put("b", parts="ab cdef", tag="x"))
    write(engine, put("c", tag="x\0\0yz", parts="[z"), put("d", words="退\x01款 a\x02b", parts="xyz"))
    write(engine, put("e", words="退款"))

    assert keys == found(engine, query)


@pytest.mark.parametrize(
    ("query", "keys"), [(Term("n", 2**70), ""), (Between("n", 2**70), ""), (Between("n", -(2**70), 2**70), "a")]
)
def test_numbers_beyond_64_bits_are_compared(engine: Engine, query: Query, keys: str) -> None:
    write(engine, put("a", n=1))

    assert keys == found(engine, query)


def nested(depth: int) -> Query:
    return MatchAll() if depth == 0 else Bool(must=(nested(depth - 1),))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (nested(40), "depth of the query exceeds the limit: 16"),
        (Bool(should=(MatchAll(),) * 2000), "number of sub-queries exceeds the limit: 1024"),
        *((make("parts", "\udc80"), "UTF-8|Unicode|surrogate") for make in (Match, MatchPhrase, Term, Contains)),
        (Terms("n", tuple(range(1025))), "number of terms must be in range"),
        (Prefix("words", "x" * 1001), "length of a prefix exceeds the limit: 1000"),
        (Wildcard("tag", "*a*" * 100), "length of a wildcard pattern exceeds the limit: 256"),
        (Wildcard("parts", "*a*" * 100), "length of a wildcard pattern exceeds the limit: 256"),
        (Term("place", "1,2"), "field: place of type GEO_POINT cannot be searched here"),
        (Contains("tag", "x"), "field: tag of type KEYWORD cannot answer a query of kind Contains"),
        (Contains("n", "1"), "field: n of type LONG cannot answer a query of kind Contains"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_is_too_much_or_means_nothing_is_refused(engine: Engine, query: Query, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        found(engine, query)


@pytest.mark.parametrize(
    "text", ['"', "AND", "NEAR(", "*", "yes) OR (", "words : x", "'", "^say", "-no", '"no" AND (', "\\", "{x}", "%_?"]
)
def test_what_has_a_meaning_to_fts5_or_sql_is_text(engine: Engine, text: str) -> None:
    write(engine, put("a", words=f"say {text} so", parts=f"say {text} so"), put("b", words="say so", parts="say so"))

    for field, part in (("words", text), ("parts", f"y {text} s")):
        assert "a" == found(engine, Contains(field, part))
    assert "a" == found(engine, MatchPhrase("parts", text))
    assert {"", "a"} >= {found(engine, Match("words", text)), found(engine, Prefix("words", text))} - {"ab"}


MANY = 1000
"""Parts of a query; those with low numbers are in some row."""
ALL_WORDS = " ".join(f"word{number}" for number in range(MANY))


def each(make: Callable[[str, str], Query], field: str, text: str) -> tuple[Query, ...]:
    return tuple(make(field, text.format(number)) for number in range(MANY))


LARGE: list[tuple[Query, str]] = [
    (Bool(should=tuple(Term("n", number) for number in range(MANY))), "ab"),
    (Bool(should=tuple(Term("n", number) for number in range(MANY)), minimum_should_match=2), ""),
    (Bool(should=tuple(Between("n", number, number) for number in range(MANY))), "ab"),
    (Bool(should=each(Term, "words", "word{}")), "ab"),
    (Bool(should=each(MatchPhrase, "words", "word{} word2")), "a"),
    (Bool(should=each(Wildcard, "words", "?ord{}")), "ab"),
    (Bool(should=each(Contains, "parts", "word{}")), "ab"),
    (Match("parts", ALL_WORDS), "ab"),
    (Match("parts", ALL_WORDS, minimum_should_match=2), "ab"),
    (Match("parts", ALL_WORDS, Operator.AND), ""),
    (Match("words", ALL_WORDS, minimum_should_match=3), ""),
    (Match("words", " ".join(f"word{number}" for number in range(5000))), "ab"),
    (Match("words", "".join(map(chr, range(0x4E00, 0x4E00 + 5000))), Operator.AND), ""),
    (MatchPhrase("words", ALL_WORDS * 5), ""),
    (Contains("words", ALL_WORDS * 100), ""),
    (Bool(must=(HasField("n"),) * MANY), "ab"),
    (Bool(must=each(Wildcard, "words", "word*")), "ab"),
    (Bool(must_not=tuple(Term("n", number) for number in range(MANY))), "c"),
    (Bool(must_not=each(Contains, "parts", "word{}")), "c"),
    (Bool(should=tuple(Bool(must_not=each(Term, "tag", "t{}")[at : at + 50]) for at in range(0, MANY, 50))), "abc"),
]


@pytest.mark.slow
@pytest.mark.parametrize("sorts", [(), (FieldSort("n", True),), (ScoreSort(), KeySort())], ids=str)
@pytest.mark.parametrize("place", range(len(LARGE)))
def test_a_query_of_a_thousand_parts_is_answered(engine: Engine, place: int, sorts: tuple[Sorter, ...]) -> None:
    write(engine, put("a", n=1, tag="t1", words="word1 word2", parts="word1 word2"))
    write(engine, put("b", n=2, tag="t2", words="word2 word3", parts="word2 word3"))
    write(engine, put("c", words="other", parts="other"))
    query, keys = LARGE[place]

    assert sorted(keys) == sorted(found(engine, query, *sorts))


def test_versioned_writes_are_followed(engine: Engine) -> None:
    """Cells with versions, increments and deleted columns reach the index as plain writes do."""
    write(engine, RowChange(Change.PUT, TABLE.ref, ("a",), (NewCell("words", "one two"), NewCell("n", 1))))
    assert ["a", "a"] == [found(engine, query) for query in (Contains("words", "e tw"), Term("n", 1))]
    write(engine, RowChange(Change.UPDATE, TABLE.ref, ("a",), increments=(("n", 4),), delete=("words",)))
    assert ["", "", "a"] == [found(engine, query) for query in (Match("words", "two"), Term("n", 1), Term("n", 5))]
    write(engine, RowChange(Change.DELETE, TABLE.ref, ("a",)))
    assert "" == found(engine, MatchAll())


def test_indexes_of_a_table_stand_for_themselves(engine: Engine) -> None:
    write(engine, put("a", n=1, tag="x", place="1,2"))
    engine.create_search_index(SearchIndexSchema("t", "other", (("tag", FieldType("KEYWORD")),)))
    assert (INDEX, "a") == (engine.describe_search_index("t", "search"), found(engine, Term("n", 1)))
    engine.delete_search_index("t", "search")
    write(engine, put("b", n=2, tag="x"))

    page = engine.search(TABLE.ref, "other", Search(Term("tag", "x"))).page
    assert [("a",), ("b",)] == [row.key for row in page.rows]
    with pytest.raises(InvalidInput, match="field: n does not exist"):
        engine.search(TABLE.ref, "other", Search(Term("n", 1)))


def test_a_search_costs_what_it_reads(engine: Engine) -> None:
    """Little for keys, more for whole rows."""
    write(engine, put("a", words="x" * 5000), put("b", words="x" * 5000))

    costs = [engine.search(TABLE.ref, "search", Search(MatchAll(), columns=each)).cost for each in ((), None)]
    assert [1, 3] == [cost.read_units for cost in costs]


@pytest.mark.parametrize("text", ["退款", "キャ", "환불", "?!?", "a退", "eed"])
def test_a_rare_part_is_found_through_the_index(engine: Engine, text: str) -> None:
    """Three characters, or two of scripts without spaces: most of the other rows are not looked at."""
    write(engine, *(put(f"{n:03}", words=f"hay {text}" if n in (7, 90) else "我要退票 hay!?") for n in range(200)))

    reply = engine.search(TABLE.ref, "search", Search(Contains("words", text)))
    assert ["007", "090"] == [row.key[0] for row in reply.page.rows]
    assert reply.cost.rows_scanned < 100


# What is kept


def intact(path: Path) -> None:
    """Check the file, its trigram tables, and that there is an entry for each row."""
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("INSERT INTO s1_text(s1_text) VALUES('integrity-check')")
        assert [("ok",)] == raw.execute("PRAGMA integrity_check").fetchall()
        assert [] == raw.execute("SELECT doc FROM s1 EXCEPT SELECT rowid FROM t1").fetchall()
        assert [] == raw.execute("SELECT rowid FROM t1 EXCEPT SELECT doc FROM s1").fetchall()


def test_vacuum_keeps_an_index_in_step(tmp_path: Path) -> None:
    """SQLite may number rows anew when a file is vacuumed; not those of our tables."""
    path = tmp_path / "memory.db"
    with closing(made(path)) as engine:
        write(engine, *(put(f"{n:03}", n=n, words="rare" if n % 90 == 0 else "common") for n in range(200)))
        write(engine, *(Delete(TABLE.ref, (f"{n:03}",)) for n in range(75)))
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("VACUUM")
    with closing(Engine(path, ManualClock())) as engine:
        assert "090180" == found(engine, Match("words", "rare"))
        assert "180" == found(engine, Bool(must=(Contains("words", "rare"), Term("n", 180))))
    intact(path)


def fold_otherwise(text: str) -> str:
    """Fold as another version of Unicode might: two letters that had no case are one, and one becomes two."""
    return text.casefold().replace("ж", "ш").replace("q", "kw")


@pytest.mark.parametrize("change", [put("a", words="other"), Delete(TABLE.ref, ("a",)), put("a", words="жук q and q")])
def test_another_version_of_unicode_damages_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Write
) -> None:
    """Rows whose text folds otherwise now are changed and deleted; nothing is found that lacks the text, and all that
    is written from now on is found. Then the older version comes back."""
    path = tmp_path / "memory.db"
    before = {key: f"жук q {key}" for key in "abc"}
    with closing(made(path)) as engine:
        write(engine, *(put(key, words=text, n=1) for key, text in before.items()))
        folding = [sys.modules[name] for name in sys.modules if name.startswith("tsmem.engine.")]
        for module in (each for each in folding if hasattr(each, "fold")):
            monkeypatch.setattr(module, "fold", fold_otherwise)
        assert "a" not in found(engine, Contains("words", "жук q a"))
        write(engine, change, put("b", words="жук q b", n=2), put("d", words="жук q d"))
        now = {**before, "d": "жук q d", "a": str(change.columns["words"]) if isinstance(change, Put) else ""}
        for part in ("жук", "шук", "q d", "kw d", "other", " q "):
            right = {key for key, text in now.items() if fold_otherwise(part) in fold_otherwise(text)}
            assert right - {"b", "c"} <= set(found(engine, Contains("words", part))) <= right
        assert "b" == found(engine, Bool(must=(Term("n", 2), HasField("words"))))
        monkeypatch.undo()
        write(engine, *(Delete(TABLE.ref, (key,)) for key in "abd"), put("c", words="жук c"))
        assert ["c", "", ""] == [found(engine, Contains("words", part)) for part in ("жук", "шук", "other")]
    intact(path)


def test_a_damaged_row_is_reported_and_can_be_replaced_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with closing(made(path)) as engine:
        write(engine, *(put(key, words=f"red tea {key}", n=1) for key in "abc"))
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE t1 SET cells = x'ff00ff' WHERE k0 <> 'c'")
    with closing(Engine(path, ManualClock())) as engine:
        for query in (Contains("words", "tea"), Match("words", "tea"), HasField("words")):
            for sorts in ((), (ScoreSort(),)):
                with pytest.raises(StorageFailure, match="damaged"):
                    found(engine, query, *sorts)
        assert "c" == found(engine, Contains("words", "tea c"))
        write(engine, put("a", words="green tea"), Delete(TABLE.ref, ("b",)))
        assert ["ac", "a", "c"] == [found(engine, Contains("words", part)) for part in ("tea", "green", "red")]
    intact(path)


LOADED = """
import sys
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.port import TableSchema
from tsmem.rows import ColumnType, Put
TABLE = TableSchema("t", (("k", ColumnType.STRING),))
client = LocalClient(None, SystemClock())
client.create_table(TABLE)
client.put_row(Put(TABLE.ref, ("a",), {"n": 1}))
client.get_row(TABLE.ref, ("a",))
print([name for name in sys.modules if ".engine.search" in name or ".store.search" in name])
"""


def test_who_does_not_search_loads_no_search() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=Path(__file__).parents[2], capture_output=True, text=True)

    assert ("[]\n", "") == (done.stdout, done.stderr)
