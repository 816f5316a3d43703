"""CheckedClient catches every way in which a client or a caller can break the port's contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest

from tests.support.checked_client import CheckedClient, ContractViolation
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.port import Announce, RangePage, RowOutcome, TableSchema
from tsmem.rows import MAX, MIN, ColumnType, Filter, Key, Put, Range, Row, TableRef, Write

TABLE = TableSchema("t", (("k", ColumnType.STRING),))
ALL = TABLE.ref.range_of()


class FaultyClient(LocalClient):
    """A client that returns the given row, page or outcomes."""

    row: Row | None = None
    page: RangePage | None = None
    outcomes: list[RowOutcome] | None = None
    metered = True

    def get_row(self, table: TableRef, key: Key, columns: Sequence[str] | None = None) -> Row | None:
        super().get_row(table, key, columns)
        return self.row

    def get_range(self, table: TableRef, span: Range, *, limit: int | None = None,
                  columns: Sequence[str] | None = None, filter: Filter | None = None,  # noqa: A002
                  announce: Announce | None = None) -> RangePage:  # fmt: skip
        if self.metered:
            super().get_range(table, span, limit=limit, columns=columns, filter=filter)
        return self.page or RangePage([], None)

    def write_rows(self, writes: Sequence[Write]) -> list[RowOutcome]:
        done = super().write_rows(writes)
        return done if self.outcomes is None else self.outcomes


@pytest.fixture
def faulty() -> Iterator[FaultyClient]:
    """A checked client over a FaultyClient with an empty table."""
    with closing(FaultyClient(None, SystemClock())) as client:
        client.create_table(TABLE)
        yield client


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (Row(("b",), {}), "not requested"),
        (Row(("a",), {"x": None}), "type NoneType"),  # type: ignore[dict-item]
        (Row(("a",), {"x": 2**63}), "past 64 bits"),
        (Row(("a",), {"x": float("nan")}), "not finite"),
        (Row(("a",), {"y": 1, "x": 1}), "out of the order"),
        (Row(("a",), {"k": "a"}), "key column among"),
    ],
)
def test_checked_client_catches_a_wrong_row(faulty: FaultyClient, row: Row, sentence: str) -> None:
    """The rows have another key, or values that no column can hold."""
    faulty.row = row
    with pytest.raises(ContractViolation, match=sentence):
        CheckedClient(faulty).get_row(TABLE.ref, ("a",))


@pytest.mark.parametrize(
    ("keys", "next_start", "span", "sentence"),
    [
        (["b", "a"], None, ALL, "out of order"),
        (["a", "a"], None, ALL, "out of order"),
        (["a", "b"], None, Range((MAX,), (MIN,), backward=True), "out of order"),
        (["a"], ("a",), ALL, "out of order"),
        (["b"], None, Range(("a",), ("b",)), "outside"),
        (["a"], ("b",), Range(("a",), ("b",)), "outside"),
        (["a", "b", "c"], None, ALL, "3 rows"),
    ],
)
def test_checked_client_catches_a_wrong_page(
    faulty: FaultyClient, keys: list[str], next_start: Key | None, span: Range, sentence: str
) -> None:
    """The rows are out of order, outside the range or too many, or the next start is not after them."""
    faulty.page = RangePage([Row((key,), {}) for key in keys], next_start)
    with pytest.raises(ContractViolation, match=sentence):
        CheckedClient(faulty).get_range(TABLE.ref, span, limit=2)


def test_checked_client_catches_an_unmetered_call(faulty: FaultyClient) -> None:
    faulty.metered = False
    with pytest.raises(ContractViolation, match="meter"):
        CheckedClient(faulty).get_range(TABLE.ref, ALL)


def test_checked_client_catches_a_foreign_error(faulty: FaultyClient) -> None:
    with pytest.raises(ContractViolation, match="let TypeError escape"):
        CheckedClient(faulty).describe_table([])


def test_checked_client_catches_missing_outcomes(faulty: FaultyClient) -> None:
    faulty.outcomes = []
    with pytest.raises(ContractViolation, match="of 1 rows gave 0 outcomes"):
        CheckedClient(faulty).write_rows([Put(TABLE.ref, ("a",), {})])


def test_checked_client_catches_a_wrong_call(faulty: FaultyClient) -> None:
    """The caller passes a key of the wrong length, an empty list of columns, or a single string as columns."""
    client = CheckedClient(faulty)
    with pytest.raises(ContractViolation, match="2 values for 1 key"):
        client.get_row(TABLE.ref, ("a", "b"))
    with pytest.raises(ContractViolation, match="no columns at all"):
        client.get_row(TABLE.ref, ("a",), [])
    with pytest.raises(ContractViolation, match="one text"):
        client.get_range(TABLE.ref, ALL, columns="abc")
