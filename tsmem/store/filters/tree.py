"""The tree of a filter: `syntax.py` builds it, and `row_filter.py` evaluates it."""

from __future__ import annotations

from typing import NamedTuple

from tsmem.rows import Op, Value


class Compared(NamedTuple):
    """A comparison of a column with a value. False if the column is missing or has another type."""

    column: str
    op: Op
    value: Value


class Exists(NamedTuple):
    """True if the row has the column."""

    column: str


class Negation(NamedTuple):
    """True if its part is false."""

    part: Tree


class Every(NamedTuple):
    """True if all of its two or more parts are."""

    parts: tuple[Tree, ...]


class Either(NamedTuple):
    """True if one of its two or more parts is."""

    parts: tuple[Tree, ...]


Tree = Compared | Exists | Negation | Every | Either
