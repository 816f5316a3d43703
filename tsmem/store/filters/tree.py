"""A filter as a tree: what `syntax.py` reads and `row_filter.py` gives a meaning. Plain values, and no more."""

from __future__ import annotations

from typing import NamedTuple

from tsmem.rows import Op, Value


class Compared(NamedTuple):
    """A column against a value. False where the column is missing or of another type, whatever the operator."""

    column: str
    op: Op
    value: Value


class Exists(NamedTuple):
    """Whether there is such a column."""

    column: str


class Negation(NamedTuple):
    """Holds where its part does not."""

    part: Tree


class Every(NamedTuple):
    """Holds where all parts do; two at least."""

    parts: tuple[Tree, ...]


class Either(NamedTuple):
    """Holds where one part does; two at least."""

    parts: tuple[Tree, ...]


Tree = Compared | Exists | Negation | Every | Either
