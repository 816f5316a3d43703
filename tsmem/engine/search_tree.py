"""A query as a tree of tests, and which of them leads: whose index nominates the rows that the others test.

Its one rule: the lead is the test with the fewest nominated rows, looked up no further than the best so far or
`ENOUGH`. So the time of a search grows with the hits of its rarest part, not with the table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tsmem.engine.search_terms import ColumnTest, HoldTest, MarkedTest, MarksTest, Sql, Test, joined, united

ENOUGH = 10_000
"""Nominated rows are looked up to here; fewer are kept, and not looked up again."""

FEW_ENOUGH = 500
"""What nominates fewer leads, and no more is looked up: FTS5 gathers all words that begin as one may, and looks at all
rows that have two words to find where they stand together."""


class Least:
    """So many of the parts at least."""

    def __init__(self, parts: list[Node], count: int) -> None:
        self.parts = parts
        self.count = count


class Without:
    """Not the part."""

    def __init__(self, part: Node) -> None:
        self.part = part


Node = Test | Least | Without

EVERYTHING = Least([], 0)
NOTHING = Least([], 1)


def every(parts: list[Node]) -> Node:
    """All of the parts."""
    return parts[0] if len(parts) == 1 else Least(parts, len(parts))


class Lead(NamedTuple):
    """Whose rows are tested."""

    sql: str
    parameters: tuple[object, ...]
    rows: int
    """How many; ENOUGH for that many or more."""
    is_long: bool
    """Whether there are ENOUGH."""
    covered: Node | None
    """The part of the query that needs no test any more."""


def choose(connection: sqlite3.Connection, node: Node, most: int | None = None) -> Lead | None:
    """The lead of a query, if one nominates less than `most` rows. A row that no lead nominates does not match."""
    most = ENOUGH + 1 if most is None else most
    if isinstance(node, Test):
        nominated = node.nominate()
        return None if nominated is None else _looked_up(connection, [nominated], node if node.is_exact else None, most)
    if isinstance(node, Without) or node.count < 1:
        return None
    if node.count < len(node.parts):
        nominators = _nominators(connection, node)
        covered = node if node.count == 1 and all(isinstance(p, Test) and p.is_exact for p in node.parts) else None
        if nominators is not None and any(isinstance(each, Lead) and each.is_long for each in nominators):
            return None if most <= ENOUGH else Lead(*_union(nominators), ENOUGH, True, covered)
        return None if nominators is None else _looked_up(connection, nominators, covered, most)
    if not node.parts:
        return Lead("SELECT 0 AS doc WHERE 0", (), 0, False, None)
    for part in node.parts:
        if isinstance(part, ColumnTest) and (few := choose(connection, part, min(most, FEW_ENOUGH))) is not None:
            return few
    best: Lead | None = None
    for part in sorted(node.parts, key=_speed):
        found = choose(connection, part, most)
        if found is not None:
            best, most = found, found.rows
        if best is not None and best.rows < FEW_ENOUGH:
            return best
    return best


def _speed(node: Node) -> int:
    """Parts that nominate few rows if any does are looked up first: then the others are not looked up so far."""
    parts = node.parts if isinstance(node, Least) else [node]
    return (
        0 if any(isinstance(part, MarksTest | MarkedTest) for part in parts) else 1 + (not isinstance(node, HoldTest))
    )


def _looked_up(
    connection: sqlite3.Connection, nominated: list[Lead | Sql], covered: Node | None, most: int
) -> Lead | None:
    """Of what several nominate each is looked up no further than all: SQLite makes a UNION whole."""
    limit = min(most, ENOUGH)
    sql, parameters = _union([(f"SELECT doc FROM ({sql}) LIMIT {limit}", values) for sql, values, *_ in nominated])  # noqa: S608 - ours
    found = connection.execute(f"SELECT doc FROM ({sql}) LIMIT {limit}", parameters).fetchall()  # noqa: S608 - ours
    if len(found) >= most:
        return None
    if len(found) >= ENOUGH:
        return Lead(*_union(nominated), ENOUGH, True, covered)
    docs = f"[{','.join(str(doc) for (doc,) in found)}]"
    return Lead("SELECT value AS doc FROM json_each(?)", (docs,), len(found), False, covered)


def bounds(node: Node, column: str) -> list[ColumnTest]:
    """The tests of a column that every row must pass: a walk in its order begins and ends with them."""
    if isinstance(node, ColumnTest):
        return [node] if node.column == column else []
    if isinstance(node, Least) and node.count == len(node.parts):
        return [test for part in node.parts for test in bounds(part, column)]
    return []


def _nominators(connection: sqlite3.Connection, node: Least) -> list[Lead | Sql] | None:
    """What each of the parts nominates, if each does. Of a part that is all of several, its own lead does."""
    found: list[Lead | Sql] = []
    for part in node.parts:
        several = isinstance(part, Least) and part.count == len(part.parts) > 1
        each = choose(connection, part) if several else nominated(connection, part)
        if each is None:
            return None
        found.append(each)
    return found


def _union(each: Sequence[Lead | Sql]) -> Sql:
    """What several nominate, without repetition."""
    return united([one[0] for one in each]), tuple(value for one in each for value in one[1])


def nominated(connection: sqlite3.Connection, node: Node) -> Sql | None:
    """The documents that may pass, by indexes, without a choice."""
    if isinstance(node, Test):
        return node.nominate()
    if isinstance(node, Without) or node.count < 1:
        return None
    if len(node.parts) < node.count:
        return "SELECT 0 AS doc WHERE 0", ()
    if node.count < len(node.parts):
        each = _nominators(connection, node)
        return None if each is None else _union(each)
    return next((found for part in node.parts if (found := nominated(connection, part)) is not None), None)


@dataclass(frozen=True)
class Emitter:
    """Writes the tests of a query that are left."""

    covered: Node | None
    rows: int | None
    """How many are tested, where those are not very many."""
    gathered: frozenset[Node] = frozenset()
    """Tests that few rows pass, which are gathered beforehand all the same."""

    def sql(self, node: Node) -> Sql:
        """A condition that is never NULL."""
        if node is self.covered:
            return "1", ()
        if isinstance(node, Test):
            few = self.rows is not None and self.rows <= node.singly_to
            sql, parameters = node.test(singly=few and node not in self.gathered)
            return f"({sql}) IS TRUE", parameters
        if isinstance(node, Without):
            sql, parameters = self.sql(node.part)
            return f"NOT ({sql})", parameters
        if node.count < 1 or len(node.parts) < node.count:
            return str(int(node.count < 1)), ()
        found = [self.sql(part) for part in node.parts]
        joiner = " AND " if node.count == len(found) else " OR " if node.count == 1 else " + "
        whole = joined([f"({sql})" for sql, _ in found], joiner)
        if joiner == " + ":
            whole = f"{whole} >= {node.count}"
        return whole, tuple(value for _, values in found for value in values)
