"""Search: one page of what a search index finds.

Its one rule: SQLite does the work, and no more of it than the hits need. Where an index nominates rows, those are
tested and sorted. Where none does, or so many that sorting them for each page would cost more, rows are walked in the
order that is asked for, until the page is full; a walk that finds too little is given up for the nominated rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tsmem.engine import messages, search_tokens
from tsmem.engine.cells import unpack, unpack_some
from tsmem.engine.connections import Session
from tsmem.engine.search_defs import find_tables
from tsmem.engine.search_order import Order
from tsmem.engine.search_query import Reading
from tsmem.engine.search_tables import SearchTables
from tsmem.engine.search_terms import FEW, HOLDS, MANY, ColumnTest, holds
from tsmem.engine.search_tokens import Place
from tsmem.engine.search_tree import Emitter, Lead, Node, choose
from tsmem.engine.search_walk import Hit, Walk
from tsmem.errors import StorageFailure
from tsmem.limits import capacity_units
from tsmem.port import Cost
from tsmem.queries import Search, SearchPage
from tsmem.rows import Row

MAX_LIMIT = 100
"""Rows of a page."""
MAX_INDEXED_LIMIT = 1000
"""Of a page without columns that are not in the index."""
MAX_REACH = 100_000
"""Of offset and limit together, also where a token says the offset: that is in the order of score alone."""
WALKED_AT_MOST = 2000
"""Rows of a walk that many nominated rows compete with."""


class SearchReply(NamedTuple):
    """Answers Search."""

    page: SearchPage
    cost: Cost


def search(session: Session, table: str, index: str, request: Search) -> SearchReply:
    """One page. Raises TableNotFound, InvalidInput."""
    tables = find_tables(session, table, index)
    if session.opened.refusal is not None:
        why = f"the file must be brought to a newer format before it is searched: {session.opened.refusal.message}"
        raise StorageFailure(why, hint=session.opened.refusal.hint)
    _check(tables, request)
    place = Place(request.sorts, None, request.offset)
    if request.token is not None:
        place = search_tokens.read(table, index, request.query, request.sorts, request.token)
    if place.offset + request.limit > MAX_REACH:
        raise messages.invalid(f"The offset and limit of a search exceed the limit: {MAX_REACH}.")
    found = _Searched(session, tables, request, place)
    hits, more = found.page() if request.limit else ([], False)
    total = None
    if request.count:
        known = request.limit > 0 and not more and place.position is None and (hits or not place.offset)
        total = place.offset + len(hits) if known else found.total()
    rows, size = _rows(session, tables, hits, request.columns)
    token = None
    if more:
        last = Place(place.sorts, None, place.offset + len(hits)) if found.order.score is not None else None
        last = last or Place(place.sorts, hits[-1].position)
        token = search_tokens.write(table, index, request.query, last)
    page = SearchPage(rows, [hit.score for hit in hits], token, total)
    return SearchReply(page, Cost(1, capacity_units(size), 0, found.scanned))


def _check(tables: SearchTables, request: Search) -> None:
    columns = request.columns
    indexed = columns is not None and all(name in tables.types or name in tables.table.names for name in columns)
    most = MAX_INDEXED_LIMIT if indexed else MAX_LIMIT
    if not 0 <= request.limit <= most:
        raise messages.invalid(f"The limit of a search must be in range: [0, {most}].")
    if request.offset < 0:
        raise messages.invalid("The offset of a search cannot be less than 0.")
    if request.token is not None and request.offset:
        raise messages.invalid("A search cannot have both an offset and a token.")


class _Searched:
    """One search while it runs."""

    def __init__(self, session: Session, tables: SearchTables, request: Search, place: Place) -> None:
        session.define(HOLDS, 3, holds)
        self._execute = session.execute
        self._tables = tables
        self._limit = request.limit
        self._place = place
        self._reading = Reading(tables, session.connection)
        self._node: Node = self._reading.node(request.query)
        self.order = Order(tables, place.sorts)
        if request.token is not None and not self._fits(place):
            raise messages.invalid("The token is of another search.")
        self._lead: Lead | None = choose(session.connection, self._node)
        self.scanned = 0

    def _fits(self, place: Place) -> bool:
        """Whether a token's place, which anyone may have made up, is one of this order."""
        if self.order.score is not None:
            return place.position is None
        return place.position is not None and self.order.fits(place.position)

    def page(self) -> tuple[list[Hit], bool]:
        """The page's rows, and whether more follow."""
        found = None
        if self.order.score is None and (self._lead is None or self._lead.is_long):
            found = self._walked()
        if found is None:
            found = self._sorted()
        return found[: self._limit], len(found) > self._limit

    def total(self) -> int:
        """How many rows match."""
        if self._lead is not None and self._lead.covered is self._node:
            return self._nominated()
        source, parameters = self._source()
        test, values = self._emitter().sql(self._node)
        return self._count(f"FROM {source} WHERE {test}", *parameters, *values)

    def _nominated(self) -> int:
        """How many rows may match."""
        if self._lead is None:
            return self._count(f"FROM {self._tables.docs}")
        if not self._lead.is_long:
            return self._lead.rows
        return self._count(f"FROM ({self._lead.sql})", *self._lead.parameters)

    def _count(self, what: str, *parameters: object) -> int:
        count: int = self._execute(f"SELECT count(*) {what}", parameters).fetchone()[0]
        return count

    def _emitter(self) -> Emitter:
        """Of rows that a column nominates many are tested one by one: others have as many of the words, or more. What
        words nominate is not much less than all that have them."""
        lead = self._lead
        if lead is None:
            return Emitter(None, None)
        few = lead.rows <= (FEW if not isinstance(lead.covered, ColumnTest) else MANY)
        return Emitter(lead.covered, lead.rows if few and not lead.is_long else None)

    def _source(self) -> tuple[str, tuple[object, ...]]:
        """All rows that may match."""
        if self._lead is None:
            return f"{self._tables.docs} AS d", ()
        return f"({self._lead.sql}) AS n CROSS JOIN {self._tables.docs} AS d ON d.doc = n.doc", self._lead.parameters

    def _walked(self) -> list[Hit] | None:
        """In order, until the page is full; None where that was given up."""
        budget = None if self._lead is None else WALKED_AT_MOST
        walk = Walk(self._execute, self._tables, self.order, self._node, budget)
        found = walk.rows(self._place, self._limit + 1)
        self.scanned += walk.scanned
        return found

    def _sorted(self) -> list[Hit]:
        """In order, from all rows that may match."""
        scores, (joined, with_scores) = (
            self._reading.score(self._lead) if self.order.score is not None else (("NULL", ()), ("", ()))
        )
        head = with_scores[:1]
        source, of_source = self._source()
        test, of_test = self._emitter().sql(self._node)
        behind = self.order.stages(self._place.position) if self._place.position is not None else []
        where = " OR ".join(f"({stage.where})" for stage in behind) or "1"
        of_where = tuple(value for stage in behind for value in stage.parameters)
        sql = (
            f"{''.join(map(str, head))} SELECT d.doc, {scores[0]} AS score, {self.order.columns} "  # noqa: S608
            f"FROM {source}{joined} WHERE ({where}) AND ({test}) ORDER BY {self.order.sql} LIMIT ? OFFSET ?"
        ).format("d")
        reach = (self._limit + 1, self._place.offset)
        rows = self._execute(sql, (*with_scores[1:], *scores[1], *of_source, *of_where, *of_test, *reach)).fetchall()
        self.scanned += self._nominated()
        return [Hit.of(self.order, row) for row in rows]


def _rows(
    session: Session, tables: SearchTables, hits: list[Hit], columns: Sequence[str] | None
) -> tuple[list[Row], int]:
    """The rows with the columns that are asked for, and the size of all that was read."""
    table = tables.table
    wanted = None if columns is None else frozenset(columns)
    if wanted is not None and wanted.issubset(table.names):
        return [Row(hit.key, {}) for hit in hits], sum(table.key_bytes(hit.key) for hit in hits)
    rows = []
    total = 0
    for hit in hits:
        sql = f"SELECT cells FROM t{table.id} WHERE rowid = ?"  # noqa: S608 - an id only
        blob = session.execute(sql, (hit.doc,)).fetchone()[0]
        size, found = unpack(blob) if wanted is None else unpack_some(blob, wanted)
        rows.append(Row(hit.key, found))
        total += size
    return rows, total
