"""Walks: rows of a search index in the order that is asked for, until a page is full.

Its one rule: what is read grows with the page. The index of the order's first field is walked on behind the page's
last row. Rows that share that field's value come first, by what follows in the order: they are looked up by the value
and sorted, unless so many share it that the order behind it fills a page sooner. The key's index is walked where the
order begins with the key, or for such a crowd; of the rows before, nothing is looked at again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tsmem.engine.search_order import Order, Position, Stage, Unit
from tsmem.engine.search_query import tests_of
from tsmem.engine.search_tables import SearchTables
from tsmem.engine.search_terms import ColumnTest, WordsTest, joined
from tsmem.engine.search_tokens import Place
from tsmem.engine.search_tree import Emitter, Node, bounds
from tsmem.rows import Key

RARE = 1000
"""Fewer rows than these have a rare word."""
SORTED_AT_MOST = 2000
"""Rows with one value that are sorted for a page."""


class Hit(NamedTuple):
    """A row that is found."""

    doc: int
    key: Key
    score: float | None
    position: Position

    @classmethod
    def of(cls, order: Order, row: Sequence[object]) -> Hit:
        """From a row's document, its score and the columns of an order."""
        doc, score, *values = row
        position = order.position(values)
        return cls(doc, position[-1], score, position)  # type: ignore[arg-type]


class Walk:
    """One walk."""

    def __init__(
        self, execute: Callable[..., sqlite3.Cursor], tables: SearchTables, order: Order, node: Node, budget: int | None
    ) -> None:
        """`budget`: how many rows of a stage are looked at before it is given up; None where nothing else would do."""
        self._execute = execute
        self._tables = tables
        self._order = order
        self._node = node
        self._budget = budget
        self._test = Emitter(None, rows=0, gathered=self._gathered() if budget is None else frozenset()).sql(node)
        self.scanned = 0
        """Rows that were looked at."""

    def _gathered(self) -> frozenset[Node]:
        """Tests of rare words: a walk may be long, and FTS5 takes a while to say whether a row has one."""
        rare = set()
        for test in tests_of(self._node):
            if isinstance(test, WordsTest):
                sql, values = test.nominate()
                found = self._execute(f"SELECT doc FROM ({sql}) LIMIT {RARE}", values).fetchall()  # noqa: S608 - ours
                if len(found) < RARE:
                    rare.add(test)
        return frozenset(rare)

    def rows(self, place: Place, limit: int) -> list[Hit] | None:
        """So many rows behind a place; None where the walk was given up."""
        wanted = place.offset + limit
        hits: list[Hit] = []
        for stage in self._order.stages(place.position):
            if any(bounds(self._node, column) for column in stage.same.without):
                continue  # a row without the field does not pass
            found, ended = self._tied(stage, wanted - len(hits)), True
            if found is None:
                found, ended = self._in_order(stage, wanted - len(hits))
            hits += found
            if len(hits) >= wanted:
                break
            if not ended:
                return None
        return hits[place.offset :]

    def _tied(self, stage: Stage, wanted: int) -> list[Hit] | None:
        """Of the rows that share a value with the last one, by that value's index; None where there is none, or where
        they are too many to be sorted."""
        if stage.same.tie is None:
            return None
        unit, value = stage.same.tie
        count = f"count(*) FROM (SELECT 1 FROM {self._source(unit)} WHERE {unit.compared('=')} LIMIT ?)"  # noqa: S608 - ours
        ((rows,),) = self._select(unit, count, value, SORTED_AT_MOST + 1)
        if rows > SORTED_AT_MOST:  # type: ignore[operator]
            return None
        self.scanned += rows  # type: ignore[operator]
        return self._found(unit, stage, stage.where, stage.parameters, wanted)

    def _in_order(self, stage: Stage, wanted: int) -> tuple[list[Hit], bool]:
        """Rows of a stage by the index of its first unit, and whether it was walked to its end."""
        first = stage.units[0]
        source = self._source(first)
        bound = self._bounds(first)
        span = joined([stage.behind, *(test.condition.format(first.first) for test in bound)], " AND ")
        values = (*stage.values, *(value for test in bound for value in test.parameters))
        ended = True
        if self._budget is not None:
            order = first.order(nullable=False)
            cut = f"{first.listed} FROM {source} WHERE {span} ORDER BY {order} LIMIT 1 OFFSET ?"
            if last := self._select(first, cut, *values, self._budget):
                span, values, ended = f"{span} AND {first.until}", (*values, *last[0]), False
        hits = self._found(first, stage, f"{stage.same.sql}{span}", (*stage.same.values, *values), wanted)
        if len(hits) == wanted:
            at = self._order.units.index(first)
            span, values = f"{span} AND {first.until}", (*values, *hits[-1].position[at])
        ((count,),) = self._select(first, f"count(*) FROM {source} WHERE {span}", *values)
        self.scanned += count  # type: ignore[operator]
        return hits, ended

    def _found(self, by: Unit, stage: Stage, where: str, values: tuple[object, ...], wanted: int) -> list[Hit]:
        """Rows that pass, in the order of a stage, by the index of a unit."""
        test, of_test = self._test
        tail = f"FROM {self._source(by)} WHERE {where} AND ({test}) ORDER BY {stage.order} LIMIT ?"
        columns = f"d.doc, NULL, {self._order.columns}"
        return [Hit.of(self._order, row) for row in self._select(by, f"{columns} {tail}", *values, *of_test, wanted)]

    def _bounds(self, unit: Unit) -> list[ColumnTest]:
        return bounds(self._node, unit.columns[0])

    def _source(self, unit: Unit) -> str:
        """The rows, by the index that has a unit's order. SQLite finds that of a field by itself; told of it, it fails
        where no row can pass, because then it forgets what a partial index needs."""
        docs, table = self._tables.docs, f"t{self._tables.table.id}"
        if unit.by_key:
            return f"{table} AS r INDEXED BY {table}_key CROSS JOIN {docs} AS d ON d.doc = r.rowid"
        return f"{docs} AS d"

    def _select(self, by: Unit, what: str, *values: object) -> list[tuple[object, ...]]:
        return self._execute(f"SELECT {what}".format("r" if by.by_key else "d"), values).fetchall()
