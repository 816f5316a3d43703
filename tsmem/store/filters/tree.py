"""The tree of a parsed filter. `syntax.py` builds it; `row_filter.py` and `search/query.py` evaluate it."""

from __future__ import annotations

from typing import NamedTuple

from tsmem.rows import Op, Value


class Compared(NamedTuple):
    """A comparison of a column with a value. It is false if the column is missing or has another type."""

    column: str
    op: Op
    value: Value


class Exists(NamedTuple):
    column: str


class ContainsText(NamedTuple):
    """True if the column holds a text that contains this one, ignoring case."""

    column: str
    text: str


class StartsWith(NamedTuple):
    """True if the column holds a text that begins with this one, in the same case."""

    column: str
    text: str


class Negation(NamedTuple):
    part: Tree


class Every(NamedTuple):
    """Two or more parts joined by `and`."""

    parts: tuple[Tree, ...]


class Either(NamedTuple):
    """Two or more parts joined by `or`."""

    parts: tuple[Tree, ...]


Tree = Compared | Exists | ContainsText | StartsWith | Negation | Every | Either
