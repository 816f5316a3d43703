"""Metadata and profile assignments on the command line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.cli.io.values import parse_metadata, parse_profile_assignments
from tsmem.errors import InvalidInput
from tsmem.rows import Value

FILES = {"photo.png": b"\x89PNG\x00", "a=b": b"odd", "empty": b"", "-": b"stdin"}


def one(pair: str) -> Value:
    """Return the value of a single assignment to the key `k`."""
    return parse_metadata([pair], FILES.__getitem__)["k"]


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("k=v", "v"),
        ("k=", ""),
        ("k=5", "5"),
        ("k=a=b:=c@d", "a=b:=c@d"),
        ("k= two\nlines ", " two\nlines "),
        ("k=退款 🙂", "退款 🙂"),
        ("k=\x00", "\x00"),
        ("k==x", "=x"),
        ("k:=5", 5),
        ("k:= 5 ", 5),
        ("k:=-0", 0),
        ("k:=1e3", 1000.0),
        ("k:=-0.0", -0.0),
        ("k:=true", True),
        (f"k:={2**63 - 1}", 2**63 - 1),
        (f"k:={-(2**63)}", -(2**63)),
        ("k@photo.png", b"\x89PNG\x00"),
        ("k@a=b", b"odd"),
        ("k@empty", b""),
        ("k@-", b"stdin"),
    ],
)
def test_the_sign_after_the_key_decides_the_type(pair: str, expected: Value) -> None:
    value = one(pair)
    assert (type(expected), repr(expected)) == (type(value), repr(value))


@pytest.mark.parametrize(
    ("pair", "reason", "hint"),
    [
        ('k:={"a": 1}', "not a JSON number", "flat"),
        ("k:=" + "[" * 100_000, "not a JSON number", "flat"),
        ("k:=-Infinity", "not a JSON number", "finite"),
        ("k:=True", "not a JSON number", "k:=true"),
        ("k:=", "not a JSON number", "k="),
        ("k:=1_000", "not a JSON number", "k=TEXT"),
        ("k:=٥", "not a JSON number", "k=TEXT"),
        (f"k:={-(2**63) - 1}", "64-bit integer", "k=TEXT"),
        ("k:=" + "9" * 100_000, "64-bit integer", "k=TEXT"),
        ("k=\udcff", "surrogate", None),
        ("\udcff=v", "cannot be a metadata key", "UTF-8"),
        ("价" * 86 + "=v", "cannot be a metadata key", "255"),
    ],
)
def test_metadata_that_no_column_can_hold_is_refused(pair: str, reason: str, hint: str | None) -> None:
    with pytest.raises(InvalidInput, match=reason) as caught:
        one(pair)
    assert hint is None or hint in str(caught.value.hint)
    assert len(str(caught.value)) < 200


def test_metadata_keeps_its_order() -> None:
    assert ["b", "a"] == list(parse_metadata(["b=1", "a=2"], FILES.__getitem__))


@settings(max_examples=40)
@given(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_json_numbers_and_booleans_are_read_back_exactly(value: float) -> None:
    read = one(f"k:={json.dumps(value)}")
    assert (type(value), repr(value)) == (type(read), repr(read))


def test_profile_assignments_split_at_the_first_equals_sign() -> None:
    pairs = ["endpoint=http://h?a=b", "tables.session.search_fields.topic=keyword", "region="]
    expected = [("endpoint", "http://h?a=b"), ("tables.session.search_fields.topic", "keyword"), ("region", "")]
    assert expected == parse_profile_assignments(pairs)
