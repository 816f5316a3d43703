"""The engine's search beyond what every backend promises: costs, bounds, analyzers' options, and what is kept."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.clocks import ManualClock
from tsmem.engine import Engine, search_tree
from tsmem.engine import search as searching
from tsmem.engine.full_requests import Change, NewCell, RowChange
from tsmem.engine.requests import BatchWriteRow
from tsmem.engine.search import SearchReply
from tsmem.errors import InvalidInput
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.queries import (
    Between,
    Bool,
    FieldSort,
    HasField,
    KeySort,
    Match,
    MatchAll,
    MatchPhrase,
    MayHold,
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
from tsmem.rows import ColumnType, Put, Value, Write

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


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine with the table and its index."""
    with closing(Engine(None, ManualClock())) as engine:
        engine.create_table(TABLE)
        engine.create_search_index(INDEX)
        yield engine


def write(engine: Engine, *writes: Write | RowChange) -> None:
    """Write rows; all must be done."""
    assert [None] * len(writes) == [reply.error for reply in engine.write_rows(BatchWriteRow(writes))]


def put(key: str, **columns: Value) -> Put:
    """A row."""
    return Put(TABLE.ref, (key,), columns)


def found(engine: Engine, query: Query, *sorts: Sorter) -> str:
    """The keys of the rows that a query finds, joined."""
    page = engine.search(TABLE.ref, "search", Search(query, sorts, columns=())).page
    return "".join(str(row.key[0]) for row in page.rows)


def many(engine: Engine, count: int) -> None:
    """Rows of which every hundredth has a rare word, and all a common one."""
    for first in range(0, count, 200):
        write(
            engine,
            *(
                put(
                    f"{number:06}",
                    n=number,
                    tag=f"{number // 50:04}",
                    words=f"common {'rare' if number % 100 == 0 else ''}",
                    parts="common",
                )
                for number in range(first, min(count, first + 200))
            ),
        )


@pytest.fixture(scope="module")
def large() -> Iterator[Engine]:
    """An engine with many rows, which are only read."""
    with closing(Engine(None, ManualClock())) as engine:
        engine.create_table(TABLE)
        engine.create_search_index(INDEX)
        many(engine, 10_600)
        yield engine


def test_what_is_looked_at_grows_with_the_hits(engine: Engine) -> None:
    """Ten rows with a word cost ten rows, in a table of 1,000 as in one of 2,000; a page of all rows costs the page."""
    newest = (FieldSort("n", True),)
    queries = (
        Match("words", "rare"),
        Bool(must=(Match("words", "rare"), Match("words", "common"))),
        Bool(must=(Between("n", 0, 999), Match("words", "rare")), must_not=(Term("tag", "x"),)),
        Bool(should=(Term("n", 5), Term("n", 6))),
        MatchAll(),
        MatchPhrase("parts", "mo"),
    )
    many(engine, 1000)
    costs = [engine.search(TABLE.ref, "search", Search(query, newest, 10)).cost.rows_scanned for query in queries]
    assert [10, 10, 10, 2, 11, 11] == costs
    many(engine, 2000)
    assert 20 == engine.search(TABLE.ref, "search", Search(queries[0], newest, 5)).cost.rows_scanned
    assert [11, 11] == [
        engine.search(TABLE.ref, "search", Search(q, newest, 10)).cost.rows_scanned for q in queries[4:]
    ]


def asked(engine: Engine, search: Search) -> tuple[SearchReply, int]:
    """What a search answers, and how many thousands of steps SQLite took for it."""
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with engine._connections.read() as session:
        session.connection.set_progress_handler(step, 1000)
    try:
        return engine.search(TABLE.ref, "search", search), steps
    finally:
        with engine._connections.read() as session:
            session.connection.set_progress_handler(None, 0)


BOTH_WAYS = pytest.mark.parametrize(
    "sorts",
    [(), (KeySort(True),), (FieldSort("n"),), (FieldSort("n", True),), (FieldSort("tag"), FieldSort("n"))],
    ids=str,
)


@pytest.mark.slow
@BOTH_WAYS
@pytest.mark.parametrize("query", [MatchAll(), Between("n", 100), Match("words", "common")], ids=str)
def test_pages_far_behind_cost_what_the_first_costs(large: Engine, sorts: tuple[Sorter, ...], query: Query) -> None:
    """A token goes on behind its row, past 10,000 rows too: nothing before it is looked at again, by our count and by
    SQLite's steps."""
    reply, at_first = asked(large, Search(query, sorts, 100, columns=()))
    for _ in range(101):
        assert 101 <= reply.cost.rows_scanned <= 302
        reply, steps = asked(large, Search(query, sorts, 100, token=reply.page.token, columns=()))
        assert 100 == len(reply.page.rows)
        assert steps <= 2 * at_first + 10


@pytest.mark.parametrize("same", [50, 5000])
def test_rows_that_share_a_value_are_paged(engine: Engine, same: int) -> None:
    """Behind a row come those with its value, by key, then the rest; of few all are looked at, of many a page's, once
    the first page is there."""
    write(engine, *(put(f"z{number:02}", n=1) for number in range(99)))
    for first in range(0, same, 50):
        write(engine, *(put(f"{number:06}", n=2) for number in range(first, first + 50)))
    token = None
    keys: list[object] = []
    while token is not None or not keys:
        search = Search(MatchAll(), (FieldSort("n", True),), 20, token=token, columns=())
        reply = engine.search(TABLE.ref, "search", search)
        assert token is None or reply.page.token is None or reply.cost.rows_scanned <= 250
        keys += [row.key[0] for row in reply.page.rows]
        token = reply.page.token
    assert [*(f"{number:06}" for number in range(same)), *(f"z{number:02}" for number in range(99))] == keys


def looked_up(engine: Engine, search: Search) -> int:
    """How many statements SQLite ran for a search, those with which FTS5 looks words up among them."""
    said: list[str] = []
    with engine._connections.read() as session:
        session.connection.set_trace_callback(said.append)
    try:
        engine.search(TABLE.ref, "search", search)
    finally:
        with engine._connections.read() as session:
            session.connection.set_trace_callback(None)
    return len(said)


def steps(engine: Engine, search: Search) -> int:
    """How many instructions SQLite did for a search, to the hundred."""
    hundreds: list[int] = []
    with engine._connections.read() as session:
        session.connection.set_progress_handler(lambda: hundreds.append(1), 100)
    try:
        engine.search(TABLE.ref, "search", search)
    finally:
        with engine._connections.read() as session:
            session.connection.set_progress_handler(None, 0)
    return 100 * len(hundreds)


@pytest.mark.parametrize(
    "query",
    [
        Prefix("words", "comm"),
        Match("words", "common rare"),
        MatchPhrase("words", "common"),
        Bool(should=(Match("words", "rare"), Prefix("words", "comm"))),
        Match("words", " ".join(["common", *map(str, range(50))])),
    ],
)
def test_words_are_not_looked_up_for_each_row(large: Engine, query: Query) -> None:
    """FTS5 gathers all rows with a prefix before it says the first, so that of few rows each is tested on its own
    words."""
    few, more = (
        looked_up(large, Search(Bool(filter=(query, Terms("n", tuple(range(1, count))))), columns=()))
        for count in (5, 50)
    )
    assert abs(few - more) < 5


def test_few_rows_are_scored(large: Engine) -> None:
    """Of a common word, which FTS5 needs a look at each row to score, those rows are scored that may be found."""
    query = Bool(must=(Match("words", "common"),), filter=(Terms("n", (5, 6)),))

    assert looked_up(large, Search(query, (ScoreSort(),), columns=())) < 100


def test_a_choice_of_common_parts_is_looked_up_no_further_than_enough(
    large: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of rows that have one thing or another, when all have: SQLite does little for it."""
    monkeypatch.setattr(search_tree, "ENOUGH", 50)
    query = Bool(should=(MatchPhrase("parts", "common"), Between("n", 0), Prefix("words", "commo")))

    assert steps(large, Search(query, (FieldSort("n", True),), 5, columns=())) < 30_000


def test_of_a_window_its_rows_are_tested(large: Engine) -> None:
    """A common word in some thousands of rows is not gathered from all that have it."""
    window = Between("n", 1000, 3000)
    bare, worded = (
        steps(large, Search(Bool(filter=(window, other)), (ScoreSort(),), columns=()))
        for other in (MatchAll(), Match("words", "common"))
    )

    assert worded - bare < 50_000


def test_a_rare_part_costs_its_hits(engine: Engine) -> None:
    """A part of three characters is looked up by what it is made of; one of two is looked for in every row."""
    write(
        engine,
        *(put(f"{number:03}", n=number, parts="a needle" if number in (7, 9) else "hay") for number in range(99)),
    )
    costs = [
        engine.search(TABLE.ref, "search", Search(MatchPhrase("parts", part), (KeySort(),))).cost.rows_scanned
        for part in ("eed", "needle", "ee")
    ]
    assert [2, 2, 99] == costs


def test_a_walk_that_finds_too_little_is_given_up(large: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of hits that are many, and yet far apart in the order, those are sorted: what is looked at stays below both."""
    monkeypatch.setattr(search_tree, "ENOUGH", 50)
    monkeypatch.setattr(search_tree, "FEW_ENOUGH", 5)
    monkeypatch.setattr(searching, "WALKED_AT_MOST", 300)
    reply = large.search(TABLE.ref, "search", Search(Match("words", "rare"), (FieldSort("n", True),), columns=()))

    assert [f"{number:06}" for number in range(10_500, 500, -100)] == [row.key[0] for row in reply.page.rows]
    assert 301 + 106 == reply.cost.rows_scanned


def test_a_rare_word_is_not_looked_up_for_each_row_of_a_walk(large: Engine) -> None:
    """Where a walk goes past thousands of rows, FTS5 is asked once for the few that have it."""
    query = Bool(should=(Match("words", "rare"), MatchPhrase("parts", "xx")))

    assert looked_up(large, Search(query, (FieldSort("n", True),), columns=())) < 1000


@pytest.mark.parametrize(
    ("query", "rows"),
    [(Match("words", "common"), 10_600), (MatchPhrase("parts", "mo"), 10_600), (Term("n", 5), 1)],
    ids=str,
)
def test_the_best_are_among_all_that_were_looked_at(large: Engine, query: Query, rows: int) -> None:
    """A page by score costs all rows that may match, however many: each has a score."""
    assert rows == large.search(TABLE.ref, "search", Search(query, (ScoreSort(),), 5, columns=())).cost.rows_scanned


def test_rows_that_cannot_match_are_not_looked_for_at_the_end(large: Engine) -> None:
    """Rows without the field come last, and a query that asks for the field has none of them: a last page is small."""
    search = Search(HasField("n"), (FieldSort("n", True),), 1000, columns=())
    replies = [large.search(TABLE.ref, "search", search)]
    while (token := replies[-1].page.token) is not None:
        replies.append(large.search(TABLE.ref, "search", search._replace(token=token)))

    assert [1002, 601] == [reply.cost.rows_scanned for reply in replies[-2:]]


def test_a_search_costs_what_it_reads(engine: Engine) -> None:
    """Units are begun for all that is read of the page's rows: little for keys, more for whole rows."""
    write(engine, put("a", words="x" * 5000), put("b", words="x" * 5000))

    assert [1, 3] == [
        engine.search(TABLE.ref, "search", Search(MatchAll(), columns=columns)).cost.read_units
        for columns in ((), None)
    ]


def test_pairs_that_no_row_has_join_two_words(engine: Engine) -> None:
    """Of Chinese words side by side the pair between them is not asked for when no row has it and some have both."""
    write(engine, put("a", words="手机很贵"), put("b", words="贵的外壳"), put("c", words="手机配外壳"))

    assert "c" == found(engine, Match("words", "手机外壳", Operator.AND))
    assert "" == found(engine, Match("words", "手外", Operator.AND))
    assert "abc" == found(engine, Match("words", "手机外壳"))


def test_analyzers_heed_their_options(engine: Engine) -> None:
    """split divides at its delimiter; a case-sensitive field keeps case; a Term on a fuzzy field is as long as its
    n-grams; all of this is kept with the index."""
    write(engine, put("a", listed="Red wine,dry", cased="Red wine", parts="Red wine"))

    assert "a" == found(engine, Match("listed", "RED WINE"))
    assert "" == found(engine, Match("listed", "wine"))
    assert ["a", ""] == [found(engine, Match("cased", word)) for word in ("Red", "red")]
    assert ["", "a", "a", ""] == [found(engine, Term("parts", word)) for word in ("r", "re", "ed w", "ed wi")]
    assert ["a", ""] == [found(engine, Wildcard("parts", word)) for word in ("r?d*ne", "r?e")]
    assert INDEX == engine.describe_search_index("t", "search")


def test_characters_that_sqlite_ends_at_are_found(engine: Engine) -> None:
    """NUL is a character as others are, in words, parts and keywords."""
    write(engine, put("a", parts="ab\0cdef", words="ab\0cd", tag="x\0y"), put("b", parts="ab cdef", tag="x"))

    assert ["a", "a", "a", "ab"] == [
        found(engine, MatchPhrase("parts", part)) for part in ("\0", "b\0c", "\0cdef", "cde")
    ]
    assert ["a", "a", "b"] == [
        found(engine, query) for query in (Match("words", "cd"), Term("tag", "x\0y"), Term("tag", "x"))
    ]


def test_patterns_fit_texts_with_characters_that_sqlite_ends_at(engine: Engine) -> None:
    """NUL is one of the characters that ? stands for, and equal to itself, in keywords and in parts."""
    write(engine, put("a", tag="x\0y", parts="X\0y"), put("b", tag="x", parts="x"), put("c", tag="x\0\0yz", parts="[z"))

    assert ["ac", "a", "b", "ac", "c", "", "a"] == [
        found(engine, Wildcard("tag", pattern)) for pattern in ("x?*", "x?y", "x", "*\0*", "?\0\0*", "x\0", "*?\0y")
    ]
    assert ["a", "a", "c"] == [found(engine, Wildcard("parts", pattern)) for pattern in ("x?y", "\0", "[")]


def test_what_a_row_may_hold_is_looked_for_as_it_stands(engine: Engine) -> None:
    """Every row whose field has the text is found, by the symbols in it where there are some, whatever other fields
    have; not where it must not be, because other backends may find others."""
    write(engine, put("a", words="so!! 🎉🎉", parts="?!"), put("b", words="so! 🎉"), put("c", listed="!!", words="\0!"))

    def hold(field: str, text: str) -> str:
        return found(engine, MayHold(field, text))

    assert ["a", "a", "ab", "", "c"] == [hold("words", text) for text in ("!!", "🎉🎉", "🎉", "??", "\0!")]
    assert ["a", "c"] == [hold("parts", "?!"), found(engine, Bool(must=(MayHold("words", "!"), HasField("listed"))))]
    for query in (Bool(must_not=(MayHold("words", "!!"),)), MayHold("tag", "!!")):
        with pytest.raises(InvalidInput):
            found(engine, query)


def test_what_a_row_may_hold_goes_on_with_its_last_word(engine: Engine) -> None:
    """Its last word may go on, also where it ends with a mark that folding makes a letter; the first may not."""
    write(engine, put("a", words="a^don\u0345k"), put("b", words="to a^don\u03b9"))

    assert ["ab", "ab", ""] == [
        found(engine, MayHold("words", text)) for text in ("a^don", "a^don\u0345", "^don\u0345kk")
    ]


def test_symbols_are_looked_up(engine: Engine) -> None:
    """A text with symbols costs the rows that have them, and what stands next to them, as do three marks that stand
    together; fewer cost a page, or, where that is never full, all: once in the order, once for those not in it."""
    many(engine, 400)
    write(engine, *(put(f"z{number}", n=1000 + number, words="🎉 no!?!") for number in range(5)))
    costs = [
        engine.search(TABLE.ref, "search", Search(MayHold("words", text), (FieldSort("n", True),), limit)).cost
        for text, limit in (("🎉", 10), ("!?!", 10), ("🎉!!", 10), ("🎉!", 10), ("!!", 10), ("!", 2))
    ]
    assert [5, 5, 0, 0, 2 * 405, 3] == [cost.rows_scanned for cost in costs]


@pytest.mark.parametrize("sort", ["tag", "n", "k"])
def test_what_no_row_can_be_is_found_nowhere(large: Engine, sort: str) -> None:
    """In no order: more of the parts than there are."""
    large_query = Bool(should=(MatchAll(),), minimum_should_match=2)
    search = Search(Bool(must=(HasField("n"),), filter=(large_query,)), (FieldSort(sort),), count=True)

    assert ([], 0) == large.search(TABLE.ref, "search", search).page[0::3]
    assert "" == found(large, large_query, FieldSort(sort, True))


def test_numbers_beyond_64_bits_are_compared(engine: Engine) -> None:
    """No integer is equal to one; all are below or above it."""
    write(engine, put("a", n=1))

    assert ["", "", "a"] == [
        found(engine, query) for query in (Term("n", 2**70), Between("n", 2**70), Between("n", -(2**70), 2**70))
    ]


def test_what_is_too_much_is_refused(engine: Engine) -> None:
    """Depth, number of queries and what is not Unicode have their bounds; punctuation of FTS5's language has none."""
    deep: Query = MatchAll()
    for _ in range(40):
        deep = Bool(must=(deep,))
    for query in (deep, Bool(should=(MatchAll(),) * 2000), Match("words", "\udc80"), MatchPhrase("parts", "\udc80")):
        with pytest.raises(InvalidInput):
            found(engine, query)
    write(engine, put("a", words='say "no" AND (yes) OR NEAR*', parts='"no" AND (yes)'))
    for text in ('"', "AND", "NEAR(", "*", "yes) OR (", "words : x", "'", "^say", "-no"):
        found(engine, Match("words", text))
        found(engine, MatchPhrase("words", text))
        found(engine, MatchPhrase("parts", text))
    assert "a" == found(engine, MatchPhrase("parts", '"no" AND ('))


def test_long_queries_are_answered(engine: Engine) -> None:
    """A part of thousands of characters, and a match of a thousand words."""
    text = " ".join(f"word{number}" for number in range(1000))
    write(engine, put("a", words=text, parts=text), put("b", words="word7", parts=text[:-1]))

    assert ["a", "ab", "a"] == [
        found(engine, query)
        for query in (MatchPhrase("parts", text), Match("words", text), Match("words", text, Operator.AND))
    ]
    assert "ab" == found(engine, Match("words", text), ScoreSort())
    assert "ba" == found(engine, Match("words", text), ScoreSort(descending=False))


def test_writes_in_full_are_followed(engine: Engine) -> None:
    """Cells with versions, increments and deleted columns reach the index as plain writes do."""
    write(engine, RowChange(Change.PUT, TABLE.ref, ("a",), (NewCell("words", "one two"), NewCell("n", 1))))
    assert ["a", "a"] == [found(engine, query) for query in (Match("words", "two"), Term("n", 1))]
    write(engine, RowChange(Change.UPDATE, TABLE.ref, ("a",), increments=(("n", 4),), delete=("words",)))
    assert ["", "", "a"] == [found(engine, query) for query in (Match("words", "two"), Term("n", 1), Term("n", 5))]
    write(engine, RowChange(Change.DELETE, TABLE.ref, ("a",)))
    assert "" == found(engine, MatchAll())


def test_indexes_of_a_table_stand_for_themselves(engine: Engine) -> None:
    """Two indexes are kept at once, and one stays when the other goes."""
    other = SearchIndexSchema("t", "other", (("tag", FieldType("KEYWORD")),))
    write(engine, put("a", n=1, tag="x"))
    engine.create_search_index(other)
    engine.delete_search_index("t", "search")
    write(engine, put("b", n=2, tag="x"))

    page = engine.search(TABLE.ref, "other", Search(Term("tag", "x"))).page
    assert [("a",), ("b",)] == [row.key for row in page.rows]
    with pytest.raises(InvalidInput, match="field: n does not exist"):
        engine.search(TABLE.ref, "other", Search(Term("n", 1)))


def test_fields_of_other_types_are_described_alone(engine: Engine) -> None:
    """A type that is not kept here is in the schema, and a query of it says so."""
    write(engine, put("a", place="1,2"))
    assert "a" == found(engine, MatchAll())
    with pytest.raises(InvalidInput, match="field: place of type GEO_POINT cannot be searched here"):
        found(engine, Term("place", "1,2"))


def test_vacuum_keeps_an_index_in_step(tmp_path: Path) -> None:
    """SQLite may number rows anew when a file is vacuumed; not those of our tables."""
    path = tmp_path / "memory.db"
    with closing(Engine(path, ManualClock())) as engine:
        engine.create_table(TABLE)
        engine.create_search_index(INDEX)
        many(engine, 400)
        write(engine, *(RowChange(Change.DELETE, TABLE.ref, (f"{number:06}",)) for number in range(150)))
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("VACUUM")
    with closing(Engine(path, ManualClock())) as engine:
        assert "000200000300" == found(engine, Match("words", "rare"))
        assert "000300" == found(engine, Bool(must=(Match("words", "rare"), Term("n", 300))))


LOADED = """
import sys
from pathlib import Path
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.port import TableSchema
from tsmem.rows import ColumnType, Put
TABLE = TableSchema("t", (("k", ColumnType.STRING),))
client = LocalClient(None, SystemClock())
client.create_table(TABLE)
client.put_row(Put(TABLE.ref, ("a",), {"n": 1}))
client.get_row(TABLE.ref, ("a",))
print([name for name in sys.modules if ".engine.search" in name or name == "tsmem.engine.analysis"])
"""


def test_who_does_not_search_loads_no_search() -> None:
    """Writing and reading a table without search indexes needs none of their modules."""
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=Path(__file__).parents[2], capture_output=True, text=True)

    assert ("[]\n", "") == (done.stdout, done.stderr)
