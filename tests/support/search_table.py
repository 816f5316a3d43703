"""A table of fifty rows with a search index, and searches of it through the Python SDK."""

from __future__ import annotations

from typing import Any

from tests.support.server_in_process import Served, sdk_client
from tsmem.adapters.tablestore.sdk import ots as t
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType, Put, Value

TABLE = TableSchema("notes", (("who", ColumnType.STRING), ("n", ColumnType.INTEGER)))
FIELDS = (
    ("who", FieldType("KEYWORD")), ("n", FieldType("LONG")), ("word", FieldType("KEYWORD")),
    ("text", FieldType("TEXT", "single_word")), ("note", FieldType("TEXT", "fuzzy", 1, 4)),
    ("number", FieldType("LONG")), ("price", FieldType("DOUBLE")), ("even", FieldType("BOOLEAN")),
)  # fmt: skip
INDEX = SearchIndexSchema("notes", "notes_index", FIELDS)
ROWS = 50
MISTYPED, LACKING = 7, 9
"""The row whose `number` is a text, and the row without a `number`."""


def columns(n: int) -> dict[str, Value]:
    """Return the attribute columns of row `n`, in order of name."""
    found: dict[str, Value] = {
        "even": n % 2 == 0,
        "note": f"苏梅岛 Note{n}",
        "number": n,
        "price": n / 4,
        "raw": bytes((0, 255, n)),
        "text": f"This is {n}",
        "word": f"key{n:02d}",
    }
    if n == MISTYPED:
        found["number"] = "seven"
    if n == LACKING:
        del found["number"]
    return found


def key(n: int) -> tuple[str, int]:
    return (f"w{n % 3}", n)


BY_KEY = sorted(range(ROWS), key=key)


def fill(served: Served) -> Any:
    """Create the table with its rows and its index. Return an SDK client of the server."""
    served.engine.definitions.create_table(TABLE)
    served.engine.write_rows([Put(TABLE.ref, key(n), columns(n)) for n in range(ROWS)])
    served.engine.definitions.create_search_index(INDEX)
    return sdk_client(served.endpoint)


def numbers(answer: Any) -> list[int]:
    return [row[0][1][1] for row in answer.rows]


def search(client: Any, query: Any, *, columns: Any = None, **how: Any) -> Any:
    """Search, by default for up to 100 rows."""
    return client.search("notes", "notes_index", t.SearchQuery(query, **({"limit": 100} | how)), columns)


EVERY = set(range(ROWS))
COUNTED = EVERY - {MISTYPED, LACKING}
"""The rows whose `number` is indexed."""
ONE, TWO, EVEN = t.TermQuery("number", 1), t.TermQuery("number", 2), t.TermQuery("even", True)
QUERIES: list[tuple[Any, set[int]]] = [
    (t.MatchAllQuery(), EVERY), (t.MatchQuery("text", "17 18"), {17, 18}),
    (t.MatchQuery("text", "is 17", operator=t.QueryOperator.AND), {17}),
    (t.MatchQuery("text", "is 17 18", minimum_should_match=2), {17, 18}),
    (t.MatchQuery("text", "is 17 18", minimum_should_match="2"), {17, 18}),
    (t.MatchQuery("text", "is this 3", minimum_should_match=0, operator=t.QueryOperator.AND), {3}),
    (t.MatchPhraseQuery("text", "is 17"), {17}), (t.MatchPhraseQuery("note", "岛 NOTE1"), {1, *range(10, 20)}),
    (t.TermQuery("word", "key00"), {0}), (t.TermQuery("number", 1, weight=1.0), {1}),
    (t.TermQuery("price", 0.25), {1}), (EVEN, set(range(0, ROWS, 2))),
    (t.TermsQuery("number", [0, 49, 50, MISTYPED]), {0, 49}), (t.RangeQuery("price", range_from=12.0), {48, 49}),
    (t.RangeQuery("number", 10, 20, include_lower=False, include_upper=True), set(range(11, 21))),
    (t.RangeQuery("n", range_to=2), {0, 1}), (t.PrefixQuery("word", "key0"), set(range(10))),
    (t.WildcardQuery("word", "k*5"), {5, 15, 25, 35, 45}), (t.ExistsQuery("number"), COUNTED),
    (t.BoolQuery([t.RangeQuery("number", 10, 30)], [EVEN, t.TermQuery("number", 11)],
                 [t.PrefixQuery("word", "key1")], [t.MatchQuery("text", "13")]), {13, 15, 17, 19}),
    (t.BoolQuery(should_queries=[ONE, TWO, t.TermQuery("word", "key02")], minimum_should_match=2), {2}),
    (t.DisMaxQuery([ONE, TWO]), {1, 2}),
]  # fmt: skip
"""Each kind of query that the SDK sends, with its options, and the rows that it finds."""
