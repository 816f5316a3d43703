"""Checks the values of queries, and builds the pieces of SQL that compare fields with them.

As in the service, text that reads as a number can be compared with a LONG or DOUBLE field, and the texts `true` and
`false` with a BOOLEAN field. Any other value of the wrong type raises InvalidInput.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tsmem.engine.indexes.search_index import Field
from tsmem.errors import invalid
from tsmem.limits import MAX_INTEGER, MAX_PREFIX_BYTES, MIN_INTEGER, text_bytes
from tsmem.queries import Between
from tsmem.rows import Value

MAX_TERMS = 1024
MAX_PATTERN_CHARS = 256  # of a wildcard pattern. The service takes 32, and took fewer before.


class Sql(NamedTuple):
    """A piece of SQL, with the values of its `?`."""

    text: str
    parameters: tuple[object, ...] = ()


def all_sql(parts: Sequence[Sql]) -> Sql:
    return join_sql(parts, " AND ") if parts else Sql("1")


def join_sql(parts: Sequence[Sql], joiner: str) -> Sql:
    """Join parts by an operator, as a balanced tree: SQLite allows expressions of a depth of 1,000 at most."""
    if len(parts) == 1:
        return Sql(f"({parts[0].text})", parts[0].parameters)
    left, right = join_sql(parts[: len(parts) // 2], joiner), join_sql(parts[len(parts) // 2 :], joiner)
    return Sql(f"({left.text}{joiner}{right.text})", left.parameters + right.parameters)


def query_text(field: Field, value: Value) -> str:
    if type(value) is not str:
        raise _not_comparable(field, value)
    text_bytes(value, f"the query of field '{field.name}'")
    return value


def comparable(field: Field, value: Value) -> object:
    """Return a value in the form in which SQLite compares it with a field that is not TEXT."""
    kind = field.type.name
    if kind == "KEYWORD":
        return query_text(field, value)
    if kind == "BOOLEAN":
        if type(value) is bool or value in ("true", "false"):
            return value in (True, "true")
    elif type(value) in (int, float, str) and (number := _number(value)) is not None:
        return number
    raise _not_comparable(field, value)


def _number(value: Any) -> int | float | None:
    """Return None if a value, or its text, is not a number. An integer beyond 64 bits becomes a double, which SQLite
    compares exactly with every integer of a row."""
    try:
        if isinstance(value, str):
            if not value.isascii() or "_" in value:
                return None
            try:
                value = int(value)
            except ValueError:
                value = float(value)
        number = value if MIN_INTEGER <= value <= MAX_INTEGER else float(value)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


def between(field: Field, query: Between) -> Sql:
    parts = []
    values = []
    for value, inclusive, sign in ((query.start, query.start_inclusive, ">"), (query.end, query.end_inclusive, "<")):
        if value is not None:
            parts.append(f"{field.column} {sign}{'=' if inclusive else ''} ?")
            values.append(comparable(field, value))
    return Sql(" AND ".join(parts) or f"{field.column} IS NOT NULL", tuple(values))


def starts_with(field: Field, prefix: str) -> Sql:
    """Return a range, because SQLite can use an index for it."""
    start = prefix.rstrip("\U0010ffff")
    if not start:
        return Sql(f"{field.column} >= ?", (prefix,))
    next_code = ord(start[-1]) + 1
    end = start[:-1] + chr(0xE000 if next_code == 0xD800 else next_code)  # skip the surrogates
    return Sql(f"{field.column} >= ? AND {field.column} < ?", (prefix, end))


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
    if len(text) > MAX_PATTERN_CHARS:
        raise invalid(f"The length of a wildcard pattern exceeds the limit: {MAX_PATTERN_CHARS}.")
    return text


def wildcard(pattern: str) -> Callable[[str], bool]:
    """Return a function that tests whether a text matches a pattern with `*` and `?`.

    The regular expression matches each part between two `*` at its first place after the previous part, and never goes
    back. No match is lost, because an earlier place leaves more room for the rest. This takes time in proportion to the
    length of the text."""
    first, *rest = ("".join("." if each == "?" else re.escape(each) for each in part) for part in pattern.split("*"))
    if rest:
        *middle, last = rest
        last_length = len(pattern) - pattern.rindex("*") - 1
        first += "".join(f"(?>.*?{part})" for part in middle if part) + f".{{{last_length},}}+(?<={last})"
    expression = re.compile(first, re.DOTALL)
    return lambda text: expression.fullmatch(text) is not None


def _not_comparable(field: Field, value: Value) -> Exception:
    return invalid(f"field: {field.name} is of type {field.type.name} and cannot be compared with {value!r}")
