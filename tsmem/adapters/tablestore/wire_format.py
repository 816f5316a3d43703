"""As much of protobuf's wire format as the SDK's generated classes cannot say: fields that they do not know.

Its one rule: a message that is read here is one that protobuf has read before, so that it is whole.

Source: "Encoding" in the documentation of Protocol Buffers.
"""

from __future__ import annotations

_VARINT, _DELIMITED = 0, 2
_FIXED_BYTES = {1: 8, 5: 4}
"""Of numbers of a fixed size, by kind. What begins and ends a group has no content of its own."""


def read_number(message: bytes, wanted: int) -> int:
    """The last number in a field of a message; 0 when it has none."""
    place = found = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            found = value if tag >> 3 == wanted else found
        elif kind == _DELIMITED:
            size, place = _varint(message, place)
            place += size
        else:
            place += _FIXED_BYTES.get(kind, 0)
    return found


def delimited(field: int, content: bytes) -> bytes:
    """A text or message as a field of another one."""
    return bytes((field << 3 | _DELIMITED,)) + _of_varint(len(content)) + content


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A number that begins at a place, and where it ends."""
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place


def _of_varint(value: int) -> bytes:
    encoded = b""
    while value > 127:
        encoded += bytes((value & 127 | 128,))
        value >>= 7
    return encoded + bytes((value,))
