"""Tokens that anyone could have made up, and sorters beyond number: an error of the request, or an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.clocks import ManualClock
from tsmem.engine import Engine
from tsmem.engine.requests import BatchWriteRow
from tsmem.errors import InvalidInput
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.queries import FieldSort, KeySort, MatchAll, ScoreSort, Search, SearchPage, Sorter
from tsmem.rows import ColumnType, Key, Put

TABLE = TableSchema("t", (("k", ColumnType.STRING),))
INDEX = SearchIndexSchema("t", "search", (("n", FieldType("LONG")), ("m", FieldType("LONG"))))
BY_FIELD: tuple[Sorter, ...] = (FieldSort("n"),)
BY_SCORE: tuple[Sorter, ...] = (ScoreSort(),)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine with twenty rows, of which two and two have the same number."""
    with closing(Engine(None, ManualClock())) as engine:
        engine.create_table(TABLE)
        engine.create_search_index(INDEX)
        puts = [Put(TABLE.ref, (f"{number:02}",), {"n": number // 2, "m": -number}) for number in range(20)]
        engine.write_rows(BatchWriteRow(puts))
        yield engine


def page(engine: Engine, *sorts: Sorter, limit: int = 5, token: bytes | None = None, offset: int = 0) -> SearchPage:
    """One page of all rows."""
    asked = Search(MatchAll(), sorts, limit=limit, offset=offset, token=token, columns=())
    return engine.search(TABLE.ref, "search", asked).page


def forged(engine: Engine, sorts: tuple[Sorter, ...], rows: object) -> bytes:
    """A token of a search's own, with another place in it."""
    token = page(engine, *sorts).token
    assert token is not None
    version, digest, packed, _ = json.loads(token)
    return json.dumps([version, digest, packed, rows]).encode()


@pytest.mark.parametrize("rows", [2**63 - 1, 2**63 - 6, 2**63, 2**200, 100_000, 99_996, -1, 1.5, True, "5", None, {}])
@pytest.mark.parametrize("sorts", [BY_FIELD, BY_SCORE], ids=["by field", "by score"])
def test_a_made_up_offset_is_refused(engine: Engine, sorts: tuple[Sorter, ...], rows: object) -> None:
    with pytest.raises(InvalidInput):
        page(engine, *sorts, token=forged(engine, sorts, rows))


def test_an_offset_belongs_to_the_order_of_score_alone(engine: Engine) -> None:
    with pytest.raises(InvalidInput, match="of another search"):
        page(engine, *BY_FIELD, token=forged(engine, BY_FIELD, 5))
    with pytest.raises(InvalidInput, match="of another search"):
        page(engine, *BY_SCORE, token=forged(engine, BY_SCORE, [["05"]]))
    assert ["05"] == [row.key[0] for row in page(engine, *BY_SCORE, limit=1, token=forged(engine, BY_SCORE, 5)).rows]


def test_a_token_reaches_as_far_as_an_offset(engine: Engine) -> None:
    assert [] == page(engine, *BY_SCORE, offset=99_995).rows
    assert [] == page(engine, *BY_SCORE, token=forged(engine, BY_SCORE, 99_995)).rows
    for wrong in ({"offset": 99_996}, {"token": forged(engine, BY_SCORE, 99_996)}):
        with pytest.raises(InvalidInput, match="The offset and limit of a search exceed the limit: 100000"):
            page(engine, *BY_SCORE, **wrong)


@pytest.mark.parametrize("sort", [FieldSort("n"), ScoreSort(), KeySort()], ids=str)
def test_sorters_have_a_bound(engine: Engine, sort: Sorter) -> None:
    assert 5 == len(page(engine, *([sort] * 32)).rows)
    for count in (33, 1500, 2500):
        with pytest.raises(InvalidInput, match="The number of sorters exceeds the limit: 32"):
            page(engine, *([sort] * count))
    version, digest, packed, rows = json.loads(page(engine, sort).token or b"")
    with pytest.raises(InvalidInput, match="The number of sorters exceeds the limit: 32"):
        page(engine, token=json.dumps([version, digest, packed * 33, rows]).encode())


def test_a_sorter_that_comes_again_says_nothing(engine: Engine) -> None:
    """Rows that are equal by a field are equal by it a second time, whatever its direction: pages go on as without."""
    once: tuple[Sorter, ...] = (FieldSort("n", True), FieldSort("m"))
    again = (once[0], FieldSort("n"), ScoreSort(), ScoreSort(False), once[1], once[0], FieldSort("m", True))

    def keys(*sorts: Sorter) -> list[Key]:
        found: list[Key] = []
        token: bytes | None = b""
        while token is not None:
            part = page(engine, *sorts, limit=3, token=token or None)
            found, token = found + [row.key for row in part.rows], part.token
        return found

    assert keys(*once) == keys(*again) == keys(*(sort for sort in again if not isinstance(sort, ScoreSort)))
