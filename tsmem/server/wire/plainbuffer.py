"""PlainBuffer, the bytes in which rows travel: its tags, its types, and its values.

Its one rule: what is read is checked. A length points into the buffer, a text is UTF-8, a type is one that the place
allows, and every checksum holds; anything else is `broken`, an error of the service's own code. Source: "PlainBuffer"
of the service's API reference, and the SDKs' plainbuffer modules (facts: a cell's checksum takes its timestamp before
its operation, though they are written the other way round).

    row     header, key tag, key cells, [data tag, cells], [delete marker], row checksum
    cell    tag, name, [value], [operation], [timestamp], checksum
    name    tag, <i length, text
    value   tag, <i length of what follows, type, [<i length] bytes
"""

from __future__ import annotations

import struct
from enum import IntEnum

from tsmem.errors import TsmemError, from_service
from tsmem.rows import MAX, MIN, Bound, Value

HEADER = (0x75).to_bytes(4, "little")
KEY_TAG, DATA_TAG, CELL_TAG, NAME_TAG, VALUE_TAG = 1, 2, 3, 4, 5
OPERATION_TAG, TIMESTAMP_TAG, DELETE_TAG, ROW_SUM_TAG, CELL_SUM_TAG = 6, 7, 8, 9, 10
INTEGER, DOUBLE, BOOLEAN, STRING, NULL, BLOB, INF_MIN, INF_MAX, AUTO_INCREMENT = 0, 1, 2, 3, 6, 7, 9, 10, 11
LENGTH = struct.Struct("<i")
SIGNED = struct.Struct("<q")
FLOAT = struct.Struct("<d")
BOUNDS: dict[int, Bound] = {INF_MIN: MIN, INF_MAX: MAX}


class Operation(IntEnum):
    """What an update does with a cell, where it does not write it."""

    DELETE_ALL = 1
    """All versions go."""
    DELETE_ONE = 3
    """One version goes."""
    INCREMENT = 4
    """The value is added."""


def broken(what: str) -> TsmemError:
    """The error of a buffer that cannot be read."""
    return from_service("OTSParameterInvalid", f"Parse PlainBuffer from RawString failed: {what}.")


def length_at(data: bytes, at: int) -> int:
    """A length that points into the buffer. Raises `broken`."""
    if at + 4 > len(data):
        raise broken("it ends within a length")
    length: int = LENGTH.unpack_from(data, at)[0]
    if not 0 <= length <= len(data) - at - 4:
        raise broken(f"a length of {length} where {len(data) - at - 4} bytes are left")
    return length


def decode_utf8(raw: bytes) -> str:
    """Text, which must be UTF-8. Raises `broken`."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise broken("a text is not UTF-8") from None


def decode_value(kind: int, data: bytes, at: int) -> tuple[Value | Bound, int]:
    """The value of a type that begins at a place, and where it ends. Raises `broken`."""
    if kind in (STRING, BLOB):
        end = at + 4 + length_at(data, at)
        raw = data[at + 4 : end]
        return (decode_utf8(raw) if kind == STRING else raw), end
    if kind in (INTEGER, DOUBLE):
        if at + 8 > len(data):
            raise broken("it ends within a number")
        return (SIGNED if kind == INTEGER else FLOAT).unpack_from(data, at)[0], at + 8
    if kind == BOOLEAN:
        if at >= len(data) or data[at] > 1:
            raise broken("a boolean is neither 0 nor 1")
        return data[at] == 1, at + 1
    if kind in BOUNDS:
        return BOUNDS[kind], at
    if kind == AUTO_INCREMENT:
        raise from_service("OTSParameterInvalid", "Unsupported operation: 'auto-increment primary key column'.")
    raise broken(f"there is no value type {kind}")


def variant(data: bytes) -> Value:
    """A literal of a filter or query: a type and its value, and nothing after it. Raises `broken`."""
    if not data:
        raise broken("a literal is empty")
    value, end = decode_value(data[0], data, 1)
    if isinstance(value, Bound) or end != len(data):
        raise broken("a literal is not one value")
    return value


def payload_of(value: Value | Bound) -> bytes:
    """A value as a type and its bytes: what checksums take, and what stands behind a value's length."""
    if type(value) is str:
        raw = value.encode()
        return b"\x03" + LENGTH.pack(len(raw)) + raw
    if type(value) is int:
        return b"\x00" + SIGNED.pack(value)
    if type(value) is float:
        return b"\x01" + FLOAT.pack(value)
    if type(value) is bool:
        return b"\x02\x01" if value else b"\x02\x00"
    if type(value) is bytes:
        return b"\x07" + LENGTH.pack(len(value)) + value
    return bytes((INF_MIN if value is MIN else INF_MAX,))
