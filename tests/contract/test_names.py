"""Names of attribute columns and of search fields."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.backends import PLAIN
from tsmem.errors import InvalidInput
from tsmem.port import FieldType, SearchIndexSchema, TableClient
from tsmem.queries import Search, Term
from tsmem.rows import Comparison, Condition, Delete, Not, Op, Put, Row, Update, Value

REF = PLAIN.ref
NAMES = [
    "a.b", "9c", " ", " a ", "价格", "価" * 85, "c" * 255, "😀", "a\n", "\x01", "\x1b[31m",
    "'", '"', "`", "';--", "$ & * ( ) /", "[x]", "a,b", "a@b", "a#", "\u202e", "k0", "\\", "%s{0}",
]  # fmt: skip


def test_a_column_of_any_name_is_written_tested_and_deleted(client: TableClient) -> None:
    for name in NAMES:
        row = Row(("a",), {name: "x"})
        client.write_row(Put(REF, *row))
        assert client.get_row(REF, ("a",), [name]) == row
        assert client.get_rows(REF, [("a",)], [name]) == [row]

        is_x = Comparison(name, Op.EQ, "x")
        assert client.get_range(REF, REF.range_of(), filter=is_x).rows == [row]
        assert client.get_range(REF, REF.range_of(), columns=[name], filter=Not(is_x)).rows == []

        client.write_row(Update(REF, ("a",), {name: b"y", "z": 1}, condition=Condition(filter=is_x)))
        client.write_row(Update(REF, ("a",), delete=(name,)))
        assert client.get_row(REF, ("a",)) == Row(("a",), {"z": 1})

        assert client.write_rows([Put(REF, ("b",), {name: 2.5}), Delete(REF, ("a",), Condition(filter=Not(is_x)))]) == [
            None, None,
        ]  # fmt: skip
        assert client.get_range(REF, REF.range_of()).rows == [Row(("b",), {name: 2.5})]
        client.write_row(Delete(REF, ("b",)))


def test_columns_are_ordered_by_the_bytes_of_their_names(client: TableClient) -> None:
    columns: dict[str, Value] = dict.fromkeys(NAMES, 1)
    client.write_row(Put(REF, ("a",), columns))
    row = client.get_row(REF, ("a",))

    assert row is not None
    assert list(row.columns) == sorted(NAMES, key=str.encode)


@pytest.mark.parametrize("name", ["价格", "';--", '"'])
def test_a_search_field_can_have_the_name_of_any_column(client: TableClient, name: str) -> None:
    client.write_row(Put(REF, ("a",), {name: "x"}))
    schema = SearchIndexSchema("plain", "by_name", ((name, FieldType("KEYWORD")), ("k", FieldType("KEYWORD"))))
    client.create_search_index(schema)
    client.write_row(Put(REF, ("b",), {name: "y"}))

    assert client.describe_search_index("plain", "by_name").fields == schema.fields
    for key, value in (("a", "x"), ("b", "y")):
        page = client.search(REF, "by_name", Search(Term(name, value)))
        assert [row.key for row in page.rows] == [(key,)]


@pytest.mark.parametrize("name", ["", "#a", "c" * 256, "价" * 86, "\ud800", "a\0"])
def test_a_column_name_is_1_to_255_bytes_and_does_not_begin_with_a_hash(client: TableClient, name: str) -> None:
    row = Row(("a",), {"kept": 1})
    client.write_row(Put(REF, *row))
    calls: list[Callable[[], object]] = [
        lambda: client.write_row(Put(REF, ("b",), {name: 1})),
        lambda: client.write_row(Update(REF, ("a",), {name: 1})),
        lambda: client.write_row(Update(REF, ("a",), {"kept": 2}, delete=(name,))),
        lambda: client.write_row(Put(REF, ("a",), {}, Condition(filter=Comparison(name, Op.EQ, 1)))),
        lambda: client.get_range(REF, REF.range_of(), filter=Comparison(name, Op.EQ, 1)),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match="Invalid column name"):
            call()
    (refused,) = client.write_rows([Put(REF, ("b",), {name: 1})])

    assert isinstance(refused, InvalidInput)
    assert client.get_range(REF, REF.range_of()).rows == [row]
