"""Pieces of SQL with their parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Sql(NamedTuple):
    """A piece of SQL and its parameters."""

    text: str
    parameters: tuple[object, ...] = ()


def and_(parts: Sequence[Sql]) -> Sql:
    """Return the condition that all parts hold."""
    return join_sql(parts, " AND ") if parts else Sql("1")


def join_sql(parts: Sequence[Sql], joiner: str) -> Sql:
    """Join parts in a balanced tree, each in parentheses: SQLite takes expressions of a depth of 1,000 at most."""
    if len(parts) == 1:
        return Sql(f"({parts[0].text})", parts[0].parameters)
    left, right = join_sql(parts[: len(parts) // 2], joiner), join_sql(parts[len(parts) // 2 :], joiner)
    return Sql(f"({left.text}{joiner}{right.text})", left.parameters + right.parameters)
