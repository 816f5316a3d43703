"""Protobuf's wire format, as far as it is read and written by hand."""

from __future__ import annotations

import pytest

from tsmem.adapters.tablestore import wire_format
from tsmem.adapters.tablestore.sdk import search_pb2


@pytest.mark.parametrize(
    ("message", "number"),
    [
        (b"", 0),
        (b"\x10\x63", 99),
        (b"\x10\xac\x02", 300),
        (b"\x0a\x02\x10\x05\x10\x07\x18\x01", 7),
        (b"\x10\x01\x10\x02", 2),
        (b"\x09" + b"\x10" * 8 + b"\x1d" + b"\x10" * 4 + b"\x10\x03", 3),
        (b"\x1b\x1c\x10\x04", 4),
    ],
)
def test_a_number_is_found_behind_whatever_stands_before_it(message: bytes, number: int) -> None:
    """Field 2, among texts, fixed numbers and groups; the last one counts, and none is 0."""
    assert number == wire_format.read_number(message, 2)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 16384])
def test_a_text_is_written_as_protobuf_does(length: int) -> None:
    """Lengths of one byte and of several."""
    field = search_pb2.FieldSchema(field_name="x" * length)

    assert field.SerializeToString() == wire_format.delimited(1, b"x" * length)
