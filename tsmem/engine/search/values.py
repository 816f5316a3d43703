"""Pieces of SQL, and the values of queries in them, compared in the type of the field.

As the service does, a LONG or DOUBLE field takes text that reads as a number, and a BOOLEAN field `true` and `false`.
Another value of the wrong type raises InvalidInput.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tsmem.engine.indexes.search_index import Field
from tsmem.engine.requests import invalid
from tsmem.limits import MAX_INTEGER, MIN_INTEGER, text_bytes
from tsmem.queries import Between
from tsmem.rows import Value

MAX_TERMS = 1024
MAX_PREFIX_BYTES = 1000
MAX_PATTERN = 256  # characters of a wildcard pattern. The service takes 32, and took less before.


class Sql(NamedTuple):
    text: str
    parameters: tuple[object, ...] = ()


def and_(parts: Sequence[Sql]) -> Sql:
    return join_sql(parts, " AND ") if parts else Sql("1")


def join_sql(parts: Sequence[Sql], joiner: str) -> Sql:
    """Join parts in a balanced tree, each in parentheses: SQLite takes expressions of a depth of 1,000 at most."""
    if len(parts) == 1:
        return Sql(f"({parts[0].text})", parts[0].parameters)
    left, right = join_sql(parts[: len(parts) // 2], joiner), join_sql(parts[len(parts) // 2 :], joiner)
    return Sql(f"({left.text}{joiner}{right.text})", left.parameters + right.parameters)


def query_text(field: Field, value: Value) -> str:
    """Return a value that must be text. Raises InvalidInput."""
    if type(value) is not str:
        raise not_comparable(field, value)
    text_bytes(value, f"the query of field '{field.name}'")
    return value


def typed(field: Field, value: Value) -> object:
    """Return a value as SQLite compares it with those of a field that is not TEXT. Raises InvalidInput."""
    kind = field.type.name
    if kind == "KEYWORD":
        return query_text(field, value)
    if kind == "BOOLEAN":
        if type(value) is bool or value in ("true", "false"):
            return value in (True, "true")
    elif type(value) in (int, float, str):
        number = _number(value)
        if number is not None:
            # Beyond 64 bits is beyond every integer of a row, and equal to none.
            beyond = kind == "LONG" and not MIN_INTEGER <= number <= MAX_INTEGER
            return math.copysign(math.inf, number) if beyond else number
    raise not_comparable(field, value)


def _number(value: Value) -> int | float | None:
    """Return a number; as a double if it does not fit in 64 bits."""
    number = value
    try:
        if isinstance(value, str):
            if not value.isascii() or "_" in value:
                return None
            try:
                number = int(value)
            except ValueError:
                number = float(value)
        if isinstance(number, int) and not MIN_INTEGER <= number <= MAX_INTEGER:
            number = float(number)
    except (ValueError, OverflowError):
        return None
    return None if isinstance(number, float) and math.isnan(number) else number  # type: ignore[return-value]


def between(field: Field, query: Between) -> Sql:
    parts = []
    values = []
    for value, inclusive, sign in ((query.start, query.start_inclusive, ">"), (query.end, query.end_inclusive, "<")):
        if value is not None:
            parts.append(f"{field.column} {sign}{'=' if inclusive else ''} ?")
            values.append(typed(field, value))
    return Sql(" AND ".join(parts) or f"{field.column} IS NOT NULL", tuple(values))


def starts_with(field: Field, prefix: str) -> Sql:
    """Return the condition that a field begins with a prefix: a range, for which SQLite can use an index."""
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return Sql(f"{field.column} >= ?", (prefix,))
    code = ord(kept[-1]) + 1
    after = kept[:-1] + chr(0xE000 if code == 0xD800 else code)
    return Sql(f"{field.column} >= ? AND {field.column} < ?", (prefix, after))


def check_terms(values: tuple[Value, ...]) -> tuple[Value, ...]:
    if not 0 < len(values) <= MAX_TERMS:
        raise invalid(f"The number of terms must be in range: [1, {MAX_TERMS}].")
    return values


def check_prefix(text: str) -> str:
    if text_bytes(text, "the prefix") > MAX_PREFIX_BYTES:
        raise invalid(f"The length of a prefix exceeds the limit: {MAX_PREFIX_BYTES}.")
    return text


def pattern_text(field: Field, pattern: Value) -> str:
    text = query_text(field, pattern)
    if len(text) > MAX_PATTERN:
        raise invalid(f"The length of a wildcard pattern exceeds the limit: {MAX_PATTERN}.")
    return text


def wildcard(pattern: str) -> Callable[[str], bool]:
    """Return the test of a pattern, in which `*` is any characters and `?` is one.

    Each piece between two `*` is matched where it is found first behind the piece before, without going back. That is
    enough, because a piece that matches further left leaves more room for the rest; and it takes time in proportion to
    the text.
    """
    first, *rest = ("".join("." if each == "?" else re.escape(each) for each in part) for part in pattern.split("*"))
    if rest:
        *middle, last = rest
        size = len(pattern) - pattern.rindex("*") - 1
        first += "".join(f"(?>.*?{part})" for part in middle if part) + f".{{{size},}}+(?<={last})"
    whole = re.compile(first, re.DOTALL)
    return lambda text: whole.fullmatch(text) is not None


def literal_parts(pattern: str) -> list[str]:
    return [part for part in re.split(r"[*?]", pattern) if part]


def not_comparable(field: Field, value: Value) -> Exception:
    return invalid(f"field: {field.name} is of type {field.type.name} and cannot be compared with {value!r}")
