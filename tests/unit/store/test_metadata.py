"""Metadata: typed getters, and equality that distinguishes types."""

from __future__ import annotations

import pytest

from tsmem.errors import InvalidInput
from tsmem.rows import Value
from tsmem.store import Metadata

GETTERS = ("get_str", "get_int", "get_float", "get_bool", "get_bytes")

CONVERTED: list[tuple[Value, dict[str, object]]] = [
    ("text", {"get_str": "text", "get_bytes": b"text"}),
    ("5", {"get_str": "5", "get_int": 5, "get_float": 5.0, "get_bytes": b"5"}),
    ("5.5", {"get_str": "5.5", "get_float": 5.5, "get_bytes": b"5.5"}),
    ("nan", {"get_str": "nan", "get_bytes": b"nan"}),
    (" 5", {"get_str": " 5", "get_bytes": b" 5"}),
    ("-1.5e3", {"get_str": "-1.5e3", "get_float": -1500.0, "get_bytes": b"-1.5e3"}),
    ("TRUE", {"get_str": "TRUE", "get_bool": True, "get_bytes": b"TRUE"}),
    (5, {"get_str": "5", "get_int": 5, "get_float": 5.0}),
    (1, {"get_str": "1", "get_int": 1, "get_float": 1.0, "get_bool": True}),
    (2**63 - 1, {"get_str": "9223372036854775807", "get_int": 2**63 - 1}),
    (5.0, {"get_str": "5.0", "get_int": 5, "get_float": 5.0}),
    (1e308, {"get_str": "1e+308", "get_int": int(1e308), "get_float": 1e308}),
    (True, {"get_str": "true", "get_bool": True}),
    (b"raw", {"get_str": "raw", "get_bytes": b"raw"}),
    (b"\xff", {"get_bytes": b"\xff"}),
]


@pytest.mark.parametrize(("value", "converted"), CONVERTED, ids=[repr(value) for value, _ in CONVERTED])
def test_getters_convert_values_without_loss_or_raise(value: Value, converted: dict[str, object]) -> None:
    metadata = Metadata({"key": value})
    for getter in GETTERS:
        if getter in converted:
            found = getattr(metadata, getter)("key")
            assert (type(converted[getter]), converted[getter]) == (type(found), found)
        else:
            with pytest.raises(InvalidInput, match="metadata 'key' is"):
                getattr(metadata, getter)("key")


@pytest.mark.parametrize("getter", GETTERS)
def test_getters_return_the_default_for_a_missing_key(getter: str) -> None:
    assert getattr(Metadata(), getter)("key") is None
    default = {"get_str": "text", "get_int": 5, "get_float": 5.0, "get_bool": True, "get_bytes": b"bytes"}[getter]
    assert default == getattr(Metadata(), getter)("key", default)
    assert "" == Metadata({"key": ""}).get_str("key", "default")


def test_metadata_equality_tells_types_apart() -> None:
    values: list[Value] = [5, "5", 5.0, 1, True, 1.0, 0.0, -0.0, b"5", ""]
    for place, value in enumerate(values):
        for other, second in enumerate(values):
            assert (place == other) == (Metadata({"k": value}) == Metadata({"k": second}))
    assert Metadata({"a": 1, "b": 2}) == {"b": 2, "a": 1}
    assert hash(Metadata({"a": 1, "b": 2})) == hash(Metadata({"b": 2, "a": 1}))
    assert Metadata() != 5
