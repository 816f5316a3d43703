"""JSON values read from a stream: where each begins and ends, in any layout, encoding and chunk size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsmem.errors import InvalidInput
from tsmem.transfer.input import json_values
from tsmem.transfer.input.json_values import JsonValue, values


def read(data: bytes, size: int = 5) -> list[JsonValue]:
    """Return the values of a text that arrives in chunks of this many bytes."""
    return list(values(data[at : at + size] for at in range(0, len(data), size)))


def values_found(data: bytes, size: int = 5) -> list[tuple[object, object]]:
    """Return the position and document of each value, or the error of a value that cannot be read."""
    return [(each.place, each.document if each.error is None else each.error.message) for each in read(data, size)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \r\n\t\n", []),
        ('{"a": 1}\n\r\n{"b": 2}', [(1, {"a": 1}), (3, {"b": 2})]),
        ('{"a":1}{"b":2} {"c":3}\n', [(1, {"a": 1}), (1, {"b": 2}), (1, {"c": 3})]),
        ('{\n  "a": [\n    1\n  ]\n}\n{\n  "b": 2\n}\n', [(1, {"a": [1]}), (6, {"b": 2})]),
        ("[]\n[[]]", [("2, element 0", [])]),
        (
            "[1, 22,\n 333]\n[4]",
            [("1, element 0", 1), ("1, element 1", 22), ("2, element 2", 333), ("3, element 0", 4)],
        ),
        ('\ufeff{"a":1}\n\ufeff{"b":2}\ufeff[3]', [(1, {"a": 1}), (2, {"b": 2}), ("2, element 0", 3)]),
        ("12345678901234567890", [(1, 12345678901234567890)]),
        ('{"退": "💬"}\n[1.5, "é"]', [(1, {"退": "💬"}), ("2, element 0", 1.5), ("2, element 1", "é")]),
    ],
)
@pytest.mark.parametrize(
    ("encoding", "size"),
    [("utf-8", 1), ("utf-8", 7), ("utf-8", 10**6), ("utf-16", 1), ("utf-16-le", 7), ("utf-16-be", 7), ("utf-32", 7)],
)
def test_json_values_are_read_in_any_encoding_and_chunk_size(
    text: str, expected: list[tuple[object, object]], encoding: str, size: int
) -> None:
    assert values_found(text.encode(encoding), size) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"a": nul}', "not valid JSON: Expecting value at column 7"),
        (b'{"a": 1} tail', "not valid JSON: Extra data at column 10"),
        (b'{"a": "\xff"}', "not valid UTF-8 at column 8"),
        (b"\xff", "not valid UTF-8 at column 1"),
        (b'{"a": "b', "not valid JSON: Invalid control character at column 9"),
        (b'{"a": NaN}', "not usable JSON: NaN is not a JSON number"),
        (b'{"a": %s}' % (b"9" * 5000), "not usable JSON: a number has more than 4,300 digits"),
        (b'{"a":' * 100_000, "not usable JSON: nested too deeply"),
    ],
)
def test_an_unreadable_line_is_returned_and_the_next_one_is_read(line: bytes, message: str) -> None:
    first, bad, last = read(b'{"n": 1}\n' + line + b'\n{"n": 2}')

    assert (first.document, last.place, last.document) == ({"n": 1}, 3, {"n": 2})
    assert bad.error is not None
    assert (bad.place, bad.raw, bad.error.message) == (2, line + b"\n", message)


def test_a_line_that_was_cut_does_not_hide_the_next_one() -> None:
    data = b'{"n": 1}\n{"n": [2,\n{"n": 3}\n'
    assert [each for each in values_found(data) if isinstance(each[1], dict)] == [(1, {"n": 1}), (3, {"n": 3})]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n "a": 1\n "b": 2\n}', "line 1: not valid JSON: Expecting ',' delimiter at line 3, column 2"),
        ("[10:00] started\n", "line 1, element 0: not valid JSON: Expecting ',' delimiter at column 4"),
        ("[1234] started\n", "line 1, element 0: not valid JSON: Extra data at column 8"),
        ('[\n 1,\n {"a" 2}\n]', "line 3, element 1: not valid JSON: Expecting ':' delimiter at column 7"),
        ("[\n 1,\n 2\n", "line 3, element 1: not valid JSON: Expecting ',' delimiter at line 4, column 1; the input"),
    ],
)
def test_an_error_in_an_array_or_a_multi_line_value_ends_reading(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read(text.encode())
    assert raised.value.message.startswith(message)


def test_an_unusable_array_element_is_returned_and_the_others_are_read() -> None:
    assert values_found(b'[1, {"a": NaN}, {"a": 1, "a": 2}, 4]') == [
        ("1, element 0", 1),
        ("1, element 1", "not usable JSON: NaN is not a JSON number"),
        ("1, element 2", 'not usable JSON: the key "a" is given twice'),
        ("1, element 3", 4),
    ]


@pytest.mark.parametrize("around", [b"%s\n", b"[%s,\n%s]", b"[%s, %s]", b"{}\n%s"])
def test_long_values_are_read_whole(monkeypatch: pytest.MonkeyPatch, around: bytes) -> None:
    monkeypatch.setattr(json_values, "_SHORT_CHARS", 20)
    long = {"a": ["]}\\", '"[{', {}, "x" * 300, "\\" * 33], "b": {"c": "退" * 50}}
    data = around.replace(b"%s", json.dumps(long).encode())
    assert [each.document for each in read(data, 3)].count(long) == around.count(b"%s")


@pytest.mark.parametrize(
    ("first", "then", "message"),
    [
        (b'{"a": "', b"x" * 1000, "line 1: this value is longer than"),
        (b'[1, {"a": "', b"\\n" * 500, "line 1, element 1: this value is longer than"),
        (b'{"a": [', b'{"a":1},' * 100, "line 1: this array or object holds more than 50 values"),
        (
            b'["',
            b"x" * 1000,
            "line 1, element 0: a text or number longer than 1 MB outside any object cannot be read",
        ),
        (b"{ ", b" " * 1000, "line 1: this value is longer than"),
        (b"x", b"x" * 1000, "line 1: this line is longer than"),
        (b"[" * 10_000, b"[" * 1000, "line 1, element 0: this array or object holds more than 50 values"),
    ],
)
def test_a_value_without_end_is_refused_soon_after_the_limit(
    monkeypatch: pytest.MonkeyPatch, first: bytes, then: bytes, message: str
) -> None:
    monkeypatch.setattr(json_values, "_SHORT_CHARS", 1000)
    monkeypatch.setattr(json_values, "MAX_VALUE_BYTES", 100_000)
    monkeypatch.setattr(json_values, "MAX_VALUE_PARTS", 50)
    chunks = 0

    def endless() -> Iterator[bytes]:
        nonlocal chunks
        yield first
        while True:
            chunks += 1
            yield then

    with pytest.raises(InvalidInput) as raised:
        list(values(endless()))
    assert raised.value.message.startswith(message)
    assert chunks * len(then) < 2**21


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
layouts: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict, indent=st.none() | st.integers(0, 3), ensure_ascii=st.booleans()
)


@pytest.mark.slow
@given(st.lists(st.tuples(documents, layouts), max_size=5), st.integers(1, 30), st.sampled_from(["utf-8", "utf-16"]))
def test_random_values_are_read_in_any_layout(
    texts: list[tuple[object, dict[str, Any]]], size: int, encoding: str
) -> None:
    """Values follow one another in chunks that end anywhere. An array is read as its elements."""
    text = "\n".join(json.dumps(each, **layout) for each, layout in texts)
    expected = [part for each, _ in texts for part in (each if isinstance(each, list) else [each])]
    try:
        data = text.encode(encoding)
    except UnicodeEncodeError:
        return
    assert [each.document for each in read(data, size)] == expected
