"""The encoding of cells: unpacking returns what was packed, and damaged data raises StorageFailure."""

from __future__ import annotations

import math
import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.engine.rows.cells import Cell, pack, pack_cells, unpack, unpack_cells, unpack_columns
from tsmem.engine.rows.cells import size_of as packed_size
from tsmem.errors import StorageFailure
from tsmem.rows import Value

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.text(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.binary(),
)
COLUMNS = st.dictionaries(NAMES, VALUES, max_size=8)
STAMPS = st.integers(0, 2**63 - 1)


def exactly(value: Value) -> object:
    """Return a value with its type and sign, which == ignores."""
    return type(value), value, math.copysign(1, value) if isinstance(value, float) else None


def size_of(columns: dict[str, Value]) -> int:
    """Return the size of columns by TableStore's rule."""
    size = 0
    for name, value in columns.items():
        if isinstance(value, str):
            size += len(value.encode())
        elif isinstance(value, bytes):
            size += len(value)
        else:
            size += 1 if isinstance(value, bool) else 8
        size += len(name)
    return size


@settings(max_examples=25)
@given(COLUMNS, st.integers(0, 5116), STAMPS)
def test_a_packed_row_is_unpacked_with_types_and_size(columns: dict[str, Value], key_bytes: int, stamp: int) -> None:
    blob = pack(key_bytes, columns, stamp)
    size, found = unpack(blob)

    assert list(found) == sorted(columns)
    assert {name: exactly(value) for name, value in found.items()} == {
        name: exactly(value) for name, value in columns.items()
    }
    assert size == packed_size(blob) == key_bytes + size_of(columns)


@settings(max_examples=25)
@given(COLUMNS, st.sets(NAMES, max_size=3))
def test_unpacking_some_columns_counts_only_their_size(columns: dict[str, Value], others: set[str]) -> None:
    wanted = {name for place, name in enumerate(columns) if place % 2} | others
    size, found = unpack_columns(pack(7, columns, 0), wanted)
    expected = {name: value for name, value in columns.items() if name in wanted}

    assert found == expected
    assert size == 7 + size_of(expected)


@settings(max_examples=25)
@given(st.dictionaries(NAMES, st.lists(st.tuples(STAMPS, VALUES), min_size=1, max_size=3), max_size=5))
def test_packed_versions_are_unpacked_newest_first(versions: dict[str, list[tuple[int, Value]]]) -> None:
    cells = [Cell(name, value, stamp) for name in sorted(versions) for stamp, value in versions[name]]
    blob = pack_cells(3, cells)

    assert [(cell, exactly(cell.value)) for cell in unpack_cells(blob)] == [
        (cell, exactly(cell.value)) for cell in cells
    ]
    assert unpack(blob)[1] == {name: versions[name][0][1] for name in sorted(versions)}


def test_a_damaged_packed_row_is_read_or_refused() -> None:
    blob = pack(3, {"text": "é" * 9, "bytes": b"\0" * 9, "n": -5, "f": 1.5, "yes": True}, 1)
    source = random.Random(5)
    damaged = [blob[:end] for end in range(len(blob))]
    for place in range(len(blob)):
        changed = bytearray(blob)
        changed[place] ^= 1 << source.randrange(8)
        damaged.append(bytes(changed))
    for each in damaged:
        for read in (unpack, unpack_cells, packed_size, lambda blob: unpack_columns(blob, ("bytes",))):
            with suppress(StorageFailure):
                read(each)


@pytest.mark.parametrize("end", [0, 1, 6, 10, -1])
def test_a_truncated_packed_row_is_refused(end: int) -> None:
    blob = pack(3, {"a": "text", "b": 1}, 1)[:end]
    with pytest.raises(StorageFailure, match="damaged"):
        unpack(blob)
