"""Metadata of sessions and messages. TableStore distinguishes 5, 5.0, "5" and true, and so does their comparison."""

from __future__ import annotations

import math
import re
from collections.abc import ItemsView, Iterator, Mapping

from tsmem.errors import InvalidInput
from tsmem.limits import COLUMN_NAME_RULE, is_column_name
from tsmem.rows import NO_COLUMNS, Value

_INTEGER = r"[+-]?[0-9]{1,4000}"
_NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"


def check_metadata_key(name: object) -> str:
    if isinstance(name, str) and is_column_name(name):
        return name
    text = str(name)
    shown = repr(text if len(text) <= 60 else text[:60] + "…")
    raise InvalidInput(f"{shown} cannot be a metadata key", hint=f"a key {COLUMN_NAME_RULE}")


class Metadata(Mapping[str, Value]):
    """An immutable mapping from names to values. Names are not checked until the item is written.

    Each `get_` method converts a value if that loses nothing, and raises InvalidInput if it cannot."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value] = NO_COLUMNS) -> None:
        self._values: dict[str, Value] = dict(values)

    def __getitem__(self, key: str) -> Value:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def items(self) -> ItemsView[str, Value]:
        return self._values.items()  # faster than the inherited method, which looks up each name; runs for every row

    def __repr__(self) -> str:
        return f"Metadata({self._values!r})"

    def _typed(self) -> frozenset[tuple[str, type, str]]:
        return frozenset((key, type(value), repr(value)) for key, value in self._values.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self._typed() == (other if isinstance(other, Metadata) else Metadata(other))._typed()

    def __hash__(self) -> int:
        return hash(self._typed())

    def get_str(self, key: str, default: str | None = None) -> str | None:
        """Convert numbers and booleans as in JSON, and bytes that are UTF-8."""
        value = self._values.get(key, default)
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, bytes):
            try:
                return value.decode()
            except UnicodeDecodeError as error:
                raise _conversion_error(key, value, "text") from error
        return repr(value)

    def get_int(self, key: str, default: int | None = None) -> int | None:
        """Convert a float that is a whole number, and the text of an integer."""
        value = self._values.get(key, default)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if isinstance(value, str) and re.fullmatch(_INTEGER, value):
            return int(value)
        raise _conversion_error(key, value, "an integer")

    def get_float(self, key: str, default: float | None = None) -> float | None:
        """Convert an integer that a float can represent exactly, and the text of a number."""
        value = self._values.get(key, default)
        if value is None or isinstance(value, float):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and int(float(value)) == value:
            return float(value)
        if isinstance(value, str) and re.fullmatch(_NUMBER, value) and math.isfinite(float(value)):
            return float(value)
        raise _conversion_error(key, value, "a number")

    def get_bool(self, key: str, default: bool | None = None) -> bool | None:
        """Convert 0, 1 and the texts true and false in any case."""
        value = self._values.get(key, default)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise _conversion_error(key, value, "a boolean")

    def get_bytes(self, key: str, default: bytes | None = None) -> bytes | None:
        """Encode text as UTF-8."""
        value = self._values.get(key, default)
        if value is None or isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return value.encode()
        raise _conversion_error(key, value, "bytes")


def _conversion_error(key: str, value: Value, wanted: str) -> InvalidInput:
    shown = repr(value if isinstance(value, int | float) else value[:80])
    return InvalidInput(f"metadata '{key}' is {shown} ({type(value).__name__}), which is not {wanted}")


EMPTY = Metadata()
