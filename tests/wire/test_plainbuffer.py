"""PlainBuffer: recorded bytes, rows of the SDK's own encoder, and damage of every kind."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.engine.rows.cells import Cell
from tsmem.errors import InvalidInput
from tsmem.rows import MAX, MIN, Value
from tsmem.server.wire import plainbuffer as plainbuffer
from tsmem.server.wire import schema

PUT = bytes.fromhex(
    "75000000010304010000006b05060000000301000000610a51020304010000006305090000000001000000000000000ace0974"
)
DELETE = bytes.fromhex("75000000010304010000006b05060000000301000000610a5108091e")
MINIMUM = bytes.fromhex("75000000010304010000006b0501000000090a5d09e5")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
VALUES: st.SearchStrategy[Value] = st.one_of(
    TEXTS, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.floats(allow_nan=False), st.binary(max_size=400)
)
CELLS = st.lists(st.builds(Cell, st.sampled_from("abcd"), VALUES, st.integers(0, 2**53)), max_size=5)
KEYS = st.tuples(TEXTS, st.integers(-(2**63), 2**63 - 1) | st.sampled_from([MIN, MAX]))
NAMES = ("session_id", "n")
SOME = settings(max_examples=25)


@pytest.mark.parametrize("length", [0, 1, 7, 32, 33, 64, 65, 127, 128, 129, 700, 4096, 65537])
def test_the_checksum_is_crc8_whatever_the_length(length: int) -> None:
    schema.new_message("Error")  # imports the SDK without its warnings
    from tablestore.plainbuffer.plain_buffer_crc8 import PlainBufferCrc8

    data = random.Random(length).randbytes(length)
    assert PlainBufferCrc8.crc_string(0, data) == plainbuffer.crc8(data)


def test_recorded_rows_of_the_sdk_are_decoded() -> None:
    assert plainbuffer.WireRow(
        ("k",), ("a",), [plainbuffer.WireCell("c", 1, None, None)], False
    ) == plainbuffer.decode_row(PUT)
    assert plainbuffer.WireRow(("k",), ("a",), [], True) == plainbuffer.decode_row(DELETE)
    assert plainbuffer.WireRow(("k",), (MIN,), [], False) == plainbuffer.decode_row(MINIMUM)


def test_only_zero_bytes_can_follow_a_row() -> None:
    """The Node.js SDK appends a zero byte for each infinite key column."""
    assert plainbuffer.decode_row(MINIMUM) == plainbuffer.decode_row(MINIMUM + b"\x00")
    with pytest.raises(InvalidInput, match="bytes follow the row"):
        plainbuffer.decode_row(MINIMUM + b"\x01")


@SOME
@given(KEYS, CELLS)
def test_encoded_rows_are_decoded(key: tuple[str, int], cells: list[Cell]) -> None:
    found = plainbuffer.decode_row(plainbuffer.encode_row(NAMES, key, cells))

    assert (NAMES, key, False) == (found.names, found.key, found.is_delete)
    assert [(c.name, type(c.value), plainbuffer.encode_value(c.value), c.version_ms) for c in cells] == [
        (c.name, type(c.value), plainbuffer.encode_value(c.value), c.version_ms)  # type: ignore[arg-type]
        for c in found.cells
    ]


def test_encoded_rows_share_one_header_and_no_rows_encode_to_no_bytes() -> None:
    one, two = plainbuffer.encode_row(NAMES, ("a", 1)), plainbuffer.encode_row(NAMES, ("b", 2))

    assert one + two[4:] == plainbuffer.encode_rows(NAMES, [(("a", 1), []), (("b", 2), [])])
    assert b"" == plainbuffer.encode_rows(NAMES, [])


@pytest.fixture(scope="module")
def sdk() -> Any:
    schema.new_message("Error")  # imports the SDK without its warnings
    from tablestore.plainbuffer.plain_buffer_builder import PlainBufferBuilder

    return PlainBufferBuilder


ASCII_KEYS = st.tuples(TEXTS, st.integers(-(2**63), 2**63 - 1))


@SOME
@given(ASCII_KEYS, st.dictionaries(st.sampled_from("abcd"), VALUES, max_size=4))
def test_rows_of_the_sdk_are_decoded(sdk: Any, key: tuple[str, int], columns: dict[str, Value]) -> None:
    """The SDK writes a Python bytes object as text, and a bytearray as bytes."""
    sent = [(name, bytearray(value) if isinstance(value, bytes) else value) for name, value in columns.items()]
    found = plainbuffer.decode_row(bytes(sdk.serialize_for_put_row(list(zip(NAMES, key, strict=True)), sent)))

    assert (NAMES, key) == (found.names, found.key)
    assert [(name, type(value), repr(value)) for name, value in columns.items()] == [
        (cell.name, type(cell.value), repr(cell.value)) for cell in found.cells
    ]


def test_updates_of_the_sdk_are_decoded(sdk: Any) -> None:
    changes = {
        "PUT": [("a", 1), ("b", "x", 1500)],
        "DELETE": [("c", None, 1600)],
        "DELETE_ALL": ["d"],
        "INCREMENT": [("e", 5)],
    }
    data = bytes(sdk.serialize_for_update_row([("k", "v")], changes))

    assert {
        plainbuffer.WireCell("a", 1, None, None),
        plainbuffer.WireCell("b", "x", None, 1500),
        plainbuffer.WireCell("c", None, plainbuffer.Operation.DELETE_ONE, 1600),
        plainbuffer.WireCell("d", None, plainbuffer.Operation.DELETE_ALL, None),
        plainbuffer.WireCell("e", 5, plainbuffer.Operation.INCREMENT, None),
    } == set(plainbuffer.decode_row(data).cells)


@SOME
@given(VALUES)
def test_encoded_literals_are_decoded(value: Value) -> None:
    found = plainbuffer.decode_literal(plainbuffer.encode_value(value))

    assert (type(value), repr(value)) == (type(found), repr(found))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "header"),
        (PUT[:4], "ends too early"),
        (PUT[4:], "header"),
        (b"\x76" + PUT[1:], "header"),
        (PUT.replace(b"\x04\x01\x00\x00\x00k", b"\x04\xff\xff\xff\xffk"), "a length of -1"),
        (PUT.replace(b"\x04\x01\x00\x00\x00k", b"\x04\xff\xff\xff\x7fk"), "a length of 2147483647"),
        (PUT.replace(b"\x05\x06\x00\x00\x00", b"\x05\x00\x00\x00\x00"), "a value is empty"),
        (PUT.replace(b"\x05\x06\x00\x00\x00", b"\x05\x07\x00\x00\x00"), "not as long"),
        (PUT.replace(b"\x03\x01\x00\x00\x00a", b"\x08\x01\x00\x00\x00a"), "no value type 8"),
        (PUT.replace(b"\x03\x01\x00\x00\x00a", b"\x03\x01\x00\x00\x00\xff"), "UTF-8"),
        (PUT[:-1] + b"\x00", "checksum"),
        (PUT.replace(b"\x0a\xce", b"\x0a\xcf"), "checksum"),
        (PUT.replace(b"\x0a\xce", b"\x06\x09\x0a\xce"), "no operation 9"),
        (PUT.replace(b"\x00\x01\x00\x00\x00\x00\x00\x00\x00", b"\x0b\x01\x00\x00\x00\x00\x00\x00\x00"), "auto-incr"),
    ],
)
def test_the_error_names_each_kind_of_damage(data: bytes, what: str) -> None:
    with pytest.raises(InvalidInput, match=what) as caught:
        plainbuffer.decode_row(data)

    assert "OTSParameterInvalid" == caught.value.service_code


def test_a_row_cut_short_anywhere_is_refused() -> None:
    for length in range(len(PUT)):
        with pytest.raises(InvalidInput):
            plainbuffer.decode_row(PUT[:length])


@pytest.mark.parametrize(
    "data", [b"", b"\x03", b"\x00\x01", b"\x02\x05", b"\x09", b"\x00" + bytes(9), b"\x03\xff\xff\xff\xff"]
)
def test_a_literal_that_is_not_exactly_one_value_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        plainbuffer.decode_literal(data)
