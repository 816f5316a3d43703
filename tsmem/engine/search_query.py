"""A query as a tree of tests: what Bool means, and which parts of a query count for the score.

Its one rule: a query is read whole before any row is, so that what is wrong with it is said whatever the index holds.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from tsmem.engine import messages
from tsmem.engine.search_leaves import Leaves
from tsmem.engine.search_tables import SearchTables
from tsmem.engine.search_terms import HoldTest, JoinedTest, MarkedTest, Sql, Test, WordsTest, joined
from tsmem.engine.search_tree import EVERYTHING, Lead, Least, Node, Without, every
from tsmem.queries import Bool, MatchAll, Query

MAX_DEPTH = 16
"""Of queries in queries."""
MAX_QUERIES = 1024
"""Of one search."""


def check_size(depth: int, count: int) -> None:
    """Raises InvalidInput for a query so deep in others, or for so many of them in one search."""
    if depth > MAX_DEPTH:
        raise messages.invalid(f"The depth of the query exceeds the limit: {MAX_DEPTH}.")
    if count > MAX_QUERIES:
        raise messages.invalid(f"The number of sub-queries exceeds the limit: {MAX_QUERIES}.")


@dataclass
class Reading:
    """A query that is read."""

    tables: SearchTables
    connection: sqlite3.Connection
    scored: list[Test] = field(default_factory=list)
    """The tests that count for the score: those that stand under neither `filter` nor `must_not`."""
    _count: int = 0

    def __post_init__(self) -> None:
        self._leaves = Leaves(self.tables, self._asks)

    def node(self, query: Query, depth: int = 0, *, scored: bool = True) -> Node:
        """The tree. Raises InvalidInput."""
        self._count += 1
        check_size(depth, self._count)
        if isinstance(query, MatchAll):
            return EVERYTHING
        if isinstance(query, Bool):
            return self._bool(query, depth + 1, scored)
        node = self._leaves.node(query)
        if scored:
            self.scored += tests_of(node)
        return node

    def _bool(self, query: Bool, depth: int, scored: bool) -> Node:
        parts = [self.node(part, depth, scored=scored) for part in query.must]
        parts += [self.node(part, depth, scored=False) for part in query.filter]
        parts = _joined(parts, "AND")
        parts += [self._without(part, depth) for part in query.must_not]
        should = [self.node(part, depth, scored=scored) for part in query.should]
        least = query.minimum_should_match
        if least is None:
            least = 1 if should and not query.must and not query.filter else 0
        if least == 1:
            should = _joined(should, "OR")
        if least > 0:
            parts.append(Least(should, least))
        return every(parts) if parts else EVERYTHING

    def _without(self, query: Query, depth: int) -> Node:
        node = self.node(query, depth, scored=False)
        if any(isinstance(test, HoldTest | MarkedTest) for test in tests_of(node)):
            raise messages.invalid("What a row may hold cannot be what it must not.")
        return Without(node)

    def _asks(self, full: str, expression: str) -> bool:
        sql = f"SELECT 1 FROM {full} WHERE {full} MATCH ? LIMIT 1"  # noqa: S608 - ours
        return self.connection.execute(sql, (expression,)).fetchone() is not None

    def score(self, lead: Lead | None) -> tuple[Sql, Sql]:
        """The score of a row, and a table that it needs beside it: `w`, with the BM25 of all words of the query. Of few
        rows that a lead nominates, it has theirs alone: BM25 is slow."""
        words = list(dict.fromkeys(test.expression for test in self.scored if isinstance(test, WordsTest)))
        found = [test.score() for test in self.scored if not isinstance(test, WordsTest)]
        beside: Sql = ("", ())
        if words:
            full = self.tables.words
            scores = f"SELECT rowid AS doc, -bm25({full}) AS score FROM {full} WHERE {full} MATCH ?"  # noqa: S608
            values: tuple[object, ...] = (" OR ".join(words),)
            if lead is not None and not lead.is_long:
                scores, values = f"{scores} AND +rowid IN ({lead.sql})", (*values, *lead.parameters)
            beside = " LEFT JOIN w ON w.doc = d.doc", (f"WITH w AS MATERIALIZED ({scores})", *values)
            found.append(("coalesce(w.score, 0)", ()))
        terms = joined([f"({sql})" for sql, _ in found] or ["0"], " + ")
        return (f"{terms} + 0.0", tuple(value for _, values in found for value in values)), beside


def _joined(parts: list[Node], joiner: str) -> list[Node]:
    """FTS5 joins words better than SQL does what it found of each."""
    words = [part for part in parts if isinstance(part, WordsTest)]
    if len(words) < 2:
        return parts
    return [JoinedTest.of(words, joiner), *(part for part in parts if not isinstance(part, WordsTest))]


def tests_of(node: Node) -> list[Test]:
    """The tests that a tree has, without those that a row must not pass."""
    if isinstance(node, Test):
        return [node]
    return [] if isinstance(node, Without) else [test for part in node.parts for test in tests_of(part)]
