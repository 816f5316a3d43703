"""Filters on packed rows save work, and change neither rows nor pages nor costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.backends import MESSAGE, everything
from tests.support.filters import COLUMNS, VALUES
from tests.support.filters import passes as meant
from tsmem.adapters.local import LocalClient
from tsmem.clock import SystemClock
from tsmem.engine.rows.cells import pack, size_of, unpack
from tsmem.engine.rows.filters import compile_filter, necessary
from tsmem.errors import StorageFailure
from tsmem.port import Cost
from tsmem.rows import And, Comparison, Filter, Key, Not, Op, Or, Put, Range, Row, Value

NAMES = ("k", "i")
TESTS: st.SearchStrategy[Filter] = st.recursive(
    st.builds(Comparison, st.sampled_from([*NAMES, *COLUMNS]), st.sampled_from(list(Op)), VALUES, st.booleans()),
    lambda parts: st.one_of(
        st.builds(Not, parts),
        st.builds(And, st.tuples(parts, parts)),
        st.builds(Or, st.tuples(parts, parts)),
    ),
    max_leaves=6,
)
ROWS = st.dictionaries(st.sampled_from(COLUMNS), VALUES)


@settings(max_examples=50, deadline=None)
@given(TESTS, ROWS, st.sampled_from(["", "a", "5"]), st.sampled_from([0, 5]))
def test_the_packed_test_leaves_out_no_row_that_passes(
    test: Filter, columns: Mapping[str, Value], text: str, number: int
) -> None:
    """Whatever is found in the packed bytes, no row that passes is left out."""
    key: Key = (text, number)
    passes = compile_filter(test, NAMES)(key, columns)
    can_pass = necessary(test, NAMES)

    assert passes is meant(test, {"k": text, "i": number, **columns})
    assert not passes or can_pass is None or can_pass(key, pack(10, columns, 1))


@settings(max_examples=30, deadline=None)
@given(ROWS)
def test_size_of_a_packed_row_is_that_of_the_decoded_row(columns: Mapping[str, Value]) -> None:
    blob = pack(10, columns, 1)

    assert unpack(blob)[0] == size_of(blob)


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x02" + b"\0" * 20, b"\x01\x00\x00\x05\x00\x00\x00\x09\x01abc"])
def test_a_damaged_row_has_no_size(blob: bytes) -> None:
    with pytest.raises(StorageFailure, match="damaged"):
        size_of(blob)


def scanned(
    client: LocalClient, test: Filter | None, *, backward: bool = False
) -> tuple[list[Row], list[object], Cost]:
    """Return the rows of a whole scan, where its pages ended, and what it cost."""
    span: Range = everything(MESSAGE.ref, backward=backward)
    rows: list[Row] = []
    ends: list[object] = []
    before = client.meter.total
    while True:
        page = client.get_range(MESSAGE.ref, span, filter=test)
        rows += page.rows
        ends.append(page.next_start)
        if page.next_start is None:
            after = client.meter.total
            return rows, ends, Cost(*(a - b for a, b in zip(after, before, strict=True)))
        span = span._replace(start=page.next_start)


@pytest.mark.parametrize("backward", [False, True])
def test_a_filter_changes_neither_pages_nor_costs(tmp_path: Path, backward: bool) -> None:
    client = LocalClient(tmp_path / "memory.db", SystemClock())
    client.create_table(MESSAGE)
    for n in range(60):
        more: dict[str, Value] = {"role": "tool", "x": n} if n % 7 == 0 else {"role": "user", "b": b"tool", "y": 0.5}
        client.write_row(Put(MESSAGE.ref, ("s" * (n % 9 + 1), n, "m"), {**more, "content": "é" * (n * 5000)}))
    everything_, ends, cost = scanned(client, None, backward=backward)
    assert len(ends) > 3

    tests: list[Filter] = [
        Comparison("role", Op.EQ, "tool"),
        And((Comparison("create_time", Op.GE, 30), Not(Comparison("role", Op.EQ, "user")))),
        Or((Comparison("b", Op.EQ, b"tool"), Comparison("x", Op.GT, 40))),
        Not(And((Comparison("x", Op.EQ, 0, True), Comparison("x", Op.NE, 0, True)))),
    ]
    for test in tests:
        wanted = [
            row
            for row in everything_
            if meant(test, {**dict(zip(MESSAGE.ref.key, row.key, strict=True)), **row.columns})
        ]
        assert 0 < len(wanted) < len(everything_)
        assert (wanted, ends, cost) == scanned(client, test, backward=backward)
    client.close()
