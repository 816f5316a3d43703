"""A table of fifty rows with a search index, for the tests of search over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.serving import Served, sdk_client
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType, Put, Value

TABLE = TableSchema("said", (("who", ColumnType.STRING), ("n", ColumnType.INTEGER)))
INDEX = SearchIndexSchema(
    "said",
    "said_index",
    (
        ("who", FieldType("KEYWORD")),
        ("n", FieldType("LONG")),
        ("word", FieldType("KEYWORD")),
        ("text", FieldType("TEXT", "single_word")),
        ("note", FieldType("TEXT", "fuzzy", 1, 4)),
        ("number", FieldType("LONG")),
        ("price", FieldType("DOUBLE")),
        ("even", FieldType("BOOLEAN")),
    ),
)
ROWS = 50
MISTYPED, LACKING = 7, 9
"""The row whose `number` is a text, and the row that has none."""


def columns(n: int) -> dict[str, Value]:
    """One row's attribute columns, in order of name."""
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
    """One row's key; by key, rows stand in the order of three writers, then of numbers."""
    return (f"w{n % 3}", n)


BY_KEY = sorted(range(ROWS), key=key)


def fill(served: Served) -> Any:
    """Make the table, its rows and its index; the SDK's client of the server."""
    served.engine.create_table(TABLE)
    served.engine.write_rows([Put(TABLE.ref, key(n), columns(n)) for n in range(ROWS)])
    served.engine.create_search_index(INDEX)
    return sdk_client(served.endpoint)


def numbers(answer: Any) -> list[int]:
    """Which rows an answer has, in its order."""
    return [row[0][1][1] for row in answer.rows]


def search(client: Any, query: Any, *, columns: Any = None, **how: Any) -> Any:
    """One search of the SDK's; every row at once where nothing is said."""
    import tablestore

    return client.search("said", "said_index", tablestore.SearchQuery(query, **({"limit": 100} | how)), columns)


def pages(client: Any, query: Any, **how: Any) -> Iterator[Any]:
    """One answer after the other, by token; the sort is said for the first alone, as the Go SDK does it."""
    token = None
    while True:
        answer = search(client, query, next_token=token, **how)
        yield answer
        token = answer.next_token
        if not token:
            return
        how.pop("sort", None)
