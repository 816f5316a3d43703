"""Values of queries as SQL compares them: numbers, texts, and the ranges that prefixes and patterns are.

Its one rule: values are compared in the field's type. Text that reads as a number or a boolean is one for a LONG,
DOUBLE or BOOLEAN field, as the service takes '900'; a value that cannot be is InvalidInput.
"""

from __future__ import annotations

import math

from tsmem.engine import messages
from tsmem.engine.analysis import kept_part
from tsmem.engine.search_tables import Field
from tsmem.limits import MAX_INTEGER, MIN_INTEGER, text_bytes
from tsmem.queries import Between
from tsmem.rows import Value

MAX_TERMS = 1024
MAX_PREFIX_BYTES = 1000
MAX_PATTERN = 256
"""Characters of a wildcard pattern. The service takes 32, and took less before; SQLite takes 50,000 bytes, slowly."""

Condition = tuple[str, tuple[object, ...]]
"""SQL with {0} for the column, and its parameters."""


def text_of(field: Field, value: Value) -> str:
    """A value that must be text. Raises InvalidInput."""
    if type(value) is not str:
        raise not_comparable(field, value)
    text_bytes(value, f"the query of field '{field.name}'")
    return value


def exact(field: Field, value: Value) -> object:
    """A value as SQLite compares it with those of a field that is no TEXT. Raises InvalidInput."""
    kind = field.type.name
    if kind == "KEYWORD":
        return text_of(field, value)
    if kind == "BOOLEAN":
        if type(value) is bool or value in ("true", "false"):
            return value in (True, "true")
    elif type(value) in (int, float, str):
        number = _number(value)
        if number is not None:
            return number
    raise not_comparable(field, value)


def _number(value: Value) -> int | float | None:
    """What fits in no 64 bits is compared as a double: no integer of a row is equal to it."""
    try:
        number = _read(value) if isinstance(value, str) else value
        if isinstance(number, int) and not MIN_INTEGER <= number <= MAX_INTEGER:
            number = float(number)
    except (ValueError, OverflowError):
        return None
    return None if isinstance(number, float) and math.isnan(number) else number  # type: ignore[return-value]


def _read(text: str) -> int | float:
    if not text.isascii() or "_" in text:
        raise ValueError
    try:
        return int(text)
    except ValueError:
        return float(text)


def checked_terms(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Raises InvalidInput for none, and for too many."""
    if not 0 < len(values) <= MAX_TERMS:
        raise messages.invalid(f"The number of terms must be in range: [1, {MAX_TERMS}].")
    return values


def between(field: Field, query: Between) -> Condition:
    """A range of values."""
    parts = []
    values = []
    for value, inclusive, sign in ((query.start, query.start_inclusive, ">"), (query.end, query.end_inclusive, "<")):
        if value is not None:
            parts.append(f"{{0}} {sign}{'=' if inclusive else ''} ?")
            values.append(exact(field, value))
    return " AND ".join(parts) or "{0} IS NOT NULL", tuple(values)


def prefixed(prefix: str) -> Condition:
    """Texts that begin with a prefix: a range, because SQLite orders texts by their bytes, which is by character."""
    after = _next(prefix)
    return ("{0} >= ?", (prefix,)) if after is None else ("{0} >= ? AND {0} < ?", (prefix, after))


def _next(prefix: str) -> str | None:
    """The least text above all that begin with a prefix; None where there is none."""
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return None
    code = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if code == 0xD800 else code)


def check_prefix(text: str) -> str:
    """Raises InvalidInput for one that is too long."""
    if text_bytes(text, "the prefix") > MAX_PREFIX_BYTES:
        raise messages.invalid(f"The length of a prefix exceeds the limit: {MAX_PREFIX_BYTES}.")
    return text


def check_pattern(pattern: str) -> str:
    """Raises InvalidInput for one that is too long."""
    if len(pattern) > MAX_PATTERN:
        raise messages.invalid(f"The length of a wildcard pattern exceeds the limit: {MAX_PATTERN}.")
    return pattern


def like(pattern: str) -> Condition:
    """Texts of rows that a wildcard pattern fits. SQLite's GLOB ends at NUL, which is hidden from it."""
    condition, bounds = prefixed(_start(pattern))
    hiding = f"CASE WHEN instr({{0}}, char(0)) THEN {_WITHOUT_NUL} ELSE {{0}} END"
    return f"{condition} AND {hiding} GLOB ?", (*bounds, glob(kept_part(pattern)))


def fits(pattern: str) -> Condition:
    """Words as FTS5 has them, none with NUL, that a wildcard pattern fits."""
    condition, bounds = prefixed(_start(pattern))
    return f"{condition} AND {{0}} GLOB ?", (*bounds, glob(pattern))


def _start(pattern: str) -> str:
    """What comes before a pattern's first wildcard: it narrows what can fit."""
    return pattern.replace("?", "*").partition("*")[0]


def glob(pattern: str) -> str:
    """A wildcard pattern as SQLite's."""
    return pattern.replace("[", "[[]")


_PIECE = "CAST(substr(rest, 1, instr(rest, x'00') - 1) AS TEXT)"
_WITHOUT_NUL = (
    "(WITH RECURSIVE piece (done, rest) AS (SELECT '', CAST({0} AS BLOB) UNION ALL "  # noqa: S608 - a column's name only
    f"SELECT done || {_PIECE} || '{kept_part(chr(0))}', substr(rest, instr(rest, x'00') + 1) FROM piece "
    "WHERE instr(rest, x'00')) SELECT done || CAST(rest AS TEXT) FROM piece WHERE NOT instr(rest, x'00'))"
)
"""A column's text as `kept_part` makes it: replace() takes no NUL."""


def not_comparable(field: Field, value: Value) -> Exception:
    """A value that the field's type cannot be."""
    return messages.invalid(f"field: {field.name} is of type {field.type.name} and cannot be compared with {value!r}")
