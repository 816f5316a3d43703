"""Rows out of PlainBuffer: what clients send.

Its one rule: nothing is believed. Each cell's checksum and the row's are computed from what was read, and bytes that
are left over are an error, but for zero bytes: the Node.js SDK appends one for each infinite key column.
"""

from __future__ import annotations

from typing import NamedTuple

from tsmem.errors import TsmemError, from_service
from tsmem.rows import Bound, KeyBound, KeyValue, Value
from tsmem.server.wire.crc8 import crc8
from tsmem.server.wire.plainbuffer import (
    CELL_SUM_TAG,
    CELL_TAG,
    DATA_TAG,
    DELETE_TAG,
    HEADER,
    KEY_TAG,
    NAME_TAG,
    OPERATION_TAG,
    ROW_SUM_TAG,
    SIGNED,
    TIMESTAMP_TAG,
    VALUE_TAG,
    Operation,
    broken,
    decode_utf8,
    decode_value,
    length_at,
)


class WireCell(NamedTuple):
    """One cell as it came."""

    name: str
    value: Value | Bound | None
    """None where there is none: an operation that deletes."""
    operation: Operation | None
    version_ms: int | None
    """Epoch milliseconds."""


class WireRow(NamedTuple):
    """One row, or a row's change, or a key alone."""

    names: tuple[str, ...]
    """Of the key columns."""
    key: KeyBound
    cells: list[WireCell]
    is_delete: bool
    """Whether it carries a delete marker."""


def read_row(data: bytes) -> WireRow:
    """The one row of a buffer. Raises OTSParameterInvalid for anything that is not one whole row."""
    if data[:4] != HEADER:
        raise broken("its header is missing")
    reader = _Reader(data, 4)
    if reader.next_tag() != KEY_TAG:
        raise broken("a row begins with its primary key")
    keys = reader.cells()
    cells: list[WireCell] = []
    if reader.peek() == DATA_TAG:
        reader.next_tag()
        cells = reader.cells()
    is_delete = reader.peek() == DELETE_TAG
    if is_delete:
        reader.next_tag()
    reader.row_sum(is_delete)
    names, key = _key_of(keys)
    return WireRow(names, key, cells, is_delete)


def _key_of(cells: list[WireCell]) -> tuple[tuple[str, ...], KeyBound]:
    values: list[KeyValue | Bound] = []
    for cell in cells:
        value = cell.value
        if value is None or cell.operation is not None:
            raise broken("a primary key column has no value")
        values.append(value)  # type: ignore[arg-type] # a boolean or a double is the engine's to refuse
    if not values:
        raise broken("a row has no primary key")
    return tuple(cell.name for cell in cells), tuple(values)


class _Reader:
    """A place in a buffer, and the checksums of the cells before it."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at
        self._sums = bytearray()

    def peek(self) -> int | None:
        return self._data[self._at] if self._at < len(self._data) else None

    def next_tag(self) -> int:
        if self._at >= len(self._data):
            raise broken("it ends where a tag should stand")
        self._at += 1
        return self._data[self._at - 1]

    def cells(self) -> list[WireCell]:
        found: list[WireCell] = []
        while self.peek() == CELL_TAG:
            self._at += 1
            found.append(self._cell())
        return found

    def _cell(self) -> WireCell:
        data = self._data
        name = self._name()
        value: Value | Bound | None = None
        operation: Operation | None = None
        version_ms: int | None = None
        summed = name
        if self.peek() == VALUE_TAG:
            at = self._at + 1
            end = at + 4 + length_at(data, at)
            if end == at + 4:
                raise broken("a value is empty")
            value, stop = decode_value(data[at + 4], data, at + 5)
            if stop != end:
                raise broken("a value is not as long as it says")
            summed += data[at + 4 : end]
            self._at = end
        last = b""
        if self.peek() == OPERATION_TAG:
            operation = self._operation()
            last = bytes((operation,))
        if self.peek() == TIMESTAMP_TAG:
            version_ms = self._stamp()
            summed += SIGNED.pack(version_ms)
        self._cell_sum(crc8(summed + last))
        return WireCell(decode_utf8(name), value, operation, version_ms)

    def _name(self) -> bytes:
        if self.next_tag() != NAME_TAG:
            raise broken("a cell has no name")
        at = self._at
        self._at = at + 4 + length_at(self._data, at)
        return self._data[at + 4 : self._at]

    def _operation(self) -> Operation:
        self._at += 1
        number = self.next_tag()
        try:
            return Operation(number)
        except ValueError:
            raise broken(f"there is no operation {number}") from None

    def _stamp(self) -> int:
        at = self._at + 1
        if at + 8 > len(self._data):
            raise broken("it ends within a timestamp")
        self._at = at + 8
        stamp: int = SIGNED.unpack_from(self._data, at)[0]
        return stamp

    def _cell_sum(self, expected: int) -> None:
        if self.next_tag() != CELL_SUM_TAG:
            raise broken("a cell has no checksum")
        found = self.next_tag()
        if found != expected:
            raise mismatch(f"expected {expected}, found {found}")
        self._sums.append(found)

    def row_sum(self, is_delete: bool) -> None:
        if self.next_tag() != ROW_SUM_TAG:
            raise broken("a row has no checksum")
        found = self.next_tag()
        expected = crc8(bytes(self._sums) + bytes((is_delete,)))
        if found != expected:
            raise mismatch(f"row expected {expected}, found {found}")
        if self._data[self._at :].strip(b"\x00"):
            raise broken("bytes follow the row")


def mismatch(what: str) -> TsmemError:
    """The error of a checksum that does not hold."""
    return from_service("OTSParameterInvalid", f"Cell data broken, checksum is mismatch, {what}.")
