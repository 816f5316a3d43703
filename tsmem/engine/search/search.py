"""One page of a search. See the room's own docstring for the way of a search through it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from tsmem.engine import messages
from tsmem.engine.cells import unpack, unpack_some
from tsmem.engine.connections import Session
from tsmem.engine.search import tokens
from tsmem.engine.search.conditions import TEXT_MATCHES, QueryReader
from tsmem.engine.search.index import SearchIndex
from tsmem.engine.search.order import Order, Position
from tsmem.engine.search.schemas import find_index
from tsmem.engine.search.scores import bm25
from tsmem.engine.search.sql import Sql, and_
from tsmem.engine.search.tokens import Place
from tsmem.limits import capacity_units
from tsmem.port import Cost
from tsmem.queries import Search, SearchPage
from tsmem.rows import Key, Row

MAX_LIMIT = 100
"""Rows of a page."""
MAX_INDEXED_LIMIT = 1000
"""Rows of a page without columns that are not in the index."""
MAX_REACH = 100_000
"""Offset and limit together. In the order of score a token has an offset, which counts too."""
MAX_SORTED = 4000
"""Candidates that are sorted at once. For more, a walk is tried first. Measured on 200,000 messages: sorting so many
and checking 50 takes about 10 ms."""
MAX_WALKED = 1000
"""Rows that a walk looks at before it is given up, if there are candidates to fall back on."""
MAX_COUNTED = 10_000
"""Candidates that are checked to count the matches. Of more only the candidates are counted, unless the exact count is
asked for."""


class SearchReply(NamedTuple):
    """Answers Search."""

    page: SearchPage
    cost: Cost


class Hit(NamedTuple):
    """A row that is found."""

    doc: int
    position: Position
    score: float | None = None

    @property
    def key(self) -> Key:
        """Its primary key."""
        return self.position[-1]  # type: ignore[return-value]


def search(session: Session, table: str, name: str, request: Search, *, exact_count: bool = False) -> SearchReply:
    """Return one page. Raises TableNotFound, InvalidInput."""
    index = find_index(session, table, name)
    _check(index, request)
    place = Place(request.sorts, None, request.offset)
    if request.token is not None:
        place = tokens.read(table, name, request.query, request.sorts, request.token)
    if place.offset + request.limit > MAX_REACH:
        raise messages.invalid(f"The offset and limit of a search exceed the limit: {MAX_REACH}.")
    run = _Run(session, index, request, place)
    found = run.hits(request.limit + 1) if request.limit else []
    hits, more = found[: request.limit], len(found) > request.limit
    total, is_exact = None, True
    if request.count:
        if request.limit and not more and place.position is None and (hits or not place.offset):
            total = place.offset + len(hits)
        else:
            total, is_exact = run.count(exact=exact_count)
    rows, size = _rows(session, index, hits, request.columns)
    token = None
    if more:
        by_score = run.order.score is not None
        end = Place(place.sorts, None, place.offset + len(hits)) if by_score else Place(place.sorts, hits[-1].position)
        token = tokens.write(table, name, request.query, end)
    page = SearchPage(rows, [hit.score for hit in hits], token, total, is_exact)
    return SearchReply(page, Cost(1, capacity_units(size), 0, max(run.checked, len(hits))))


def _check(index: SearchIndex, request: Search) -> None:
    columns = request.columns
    indexed = columns is not None and all(name in index.types or name in index.table.names for name in columns)
    most = MAX_INDEXED_LIMIT if indexed else MAX_LIMIT
    if not 0 <= request.limit <= most:
        raise messages.invalid(f"The limit of a search must be in range: [0, {most}].")
    if request.offset < 0:
        raise messages.invalid("The offset of a search cannot be less than 0.")
    if request.token is not None and request.offset:
        raise messages.invalid("A search cannot have both an offset and a token.")


class _Driver(NamedTuple):
    """The candidates that are looked at."""

    sql: Sql
    """Selects their doc."""
    rows: int
    """Their number; MAX_COUNTED + 1 stands for more."""


class _Run:
    """One search while it runs."""

    def __init__(self, session: Session, index: SearchIndex, request: Search, place: Place) -> None:
        self._execute = session.execute
        self._index = index
        reader = QueryReader(index, request.query)
        self._condition, self._tests, self._scored = reader.condition, reader.tests, reader.scored
        self.order = Order(index, place.sorts)
        self._place = place
        if request.token is not None and not self._fits(place):
            raise messages.invalid("The token is of another search.")
        self.checked = 0
        """The number of texts that were tested."""
        session.define(TEXT_MATCHES, 2, session.test_text)
        session.text_matches = self._text_matches

    def _fits(self, place: Place) -> bool:
        """True if a token's place, which anyone may have made up, is one of this order."""
        if self.order.score is not None:
            return place.position is None
        return place.position is not None and self.order.fits(place.position)

    def _text_matches(self, number: int, source: bytes | str | None) -> bool:
        self.checked += 1
        test = self._tests[number]
        text = test.text(source)
        return text is not None and test.count(text) > 0

    def hits(self, limit: int) -> list[Hit]:
        """Return so many rows behind the place, in order."""
        if self.order.score is not None:
            return self._by_score(limit)
        wanted = self._place.offset + limit
        found = None
        if self._driver is None or self._driver.rows > MAX_SORTED:
            found = self._walk(wanted)
        if found is None:
            after = self.order.after(self._place.position)
            found = self._checked(_docs(self._candidates(), after, self.order.sql), wanted)
        return found[self._place.offset :]

    @cached_property
    def _driver(self) -> _Driver | None:
        """The part of the query that proposes the fewest rows; None if no index narrows any part."""
        best: _Driver | None = None
        for each in self._condition.candidates:
            most = MAX_COUNTED + 1 if best is None else best.rows
            docs = self._execute(f"{each.sql.text} LIMIT {most}", each.sql.parameters).fetchall()
            if len(docs) > MAX_COUNTED:
                best = _Driver(each.sql, len(docs))
            elif best is None or len(docs) < best.rows:
                # They are not looked up again.
                listed = json.dumps([doc for (doc,) in docs])
                best = _Driver(Sql("SELECT value AS doc FROM json_each(?)", (listed,)), len(docs))
        return best

    def _walk(self, wanted: int) -> list[Hit] | None:
        """Check the rows in order until so many match; None if the walk was given up for the candidates."""
        first = self.order.units[0].columns[0]
        bounds = [each.condition for each in self._condition.candidates if each.column == first]
        hits: list[Hit] = []
        for stage in self.order.stages(self._place.position):
            rows = _docs(self._all_rows(), and_([stage.where, *bounds]), stage.order)
            most = -1 if self._driver is None else MAX_WALKED
            hits += self._checked(rows, wanted - len(hits), most)
            if len(hits) == wanted:
                break
            if most > 0 and self._rows_of(f"({rows.text} LIMIT {most + 1})", rows.parameters) > most:
                return None
        return hits

    def _checked(self, docs: Sql, wanted: int, most: int = -1) -> list[Hit]:
        """Check rows one by one in the order in which they are selected, until so many match; no more than `most` rows
        if that is not -1.

        Two things keep SQLite from another order of the rows: the LIMIT within, without which it drops the ORDER BY of
        a subquery, and CROSS JOIN, which makes the subquery the outer loop."""
        index, test = self._index, self._condition.sql
        source = f"({docs.text} LIMIT {most}) AS w"
        joins = f"CROSS JOIN {index.docs} AS d ON d.doc = w.doc CROSS JOIN {index.rows} AS r ON r.rowid = w.doc"
        sql = f"SELECT w.doc, {self.order.columns} FROM {source} {joins} WHERE {test.text} LIMIT ?"  # noqa: S608
        rows = self._execute(sql, (*docs.parameters, *test.parameters, wanted))
        return [Hit(doc, self.order.position(values)) for doc, *values in rows]

    def _all_rows(self) -> Sql:
        """Return the source of all rows, in the order of the first unit's SQL index."""
        index, column = self._index, self.order.units[0].columns[0]
        by = index.sql_indexes.get(column, f"{index.rows}_key")
        if column[0] == "r":
            return Sql(f"{index.rows} AS r INDEXED BY {by} CROSS JOIN {index.docs} AS d ON d.doc = r.rowid")
        return Sql(f"{index.docs} AS d INDEXED BY {by} CROSS JOIN {index.rows} AS r ON r.rowid = d.doc")

    def _candidates(self) -> Sql:
        """Return the source of the rows that the driver proposes, or of all rows if there is no driver."""
        index, driver = self._index, self._driver
        joined = f"CROSS JOIN {index.rows} AS r ON r.rowid = d.doc"
        if driver is None:
            return Sql(f"{index.docs} AS d {joined}")
        source = f"({driver.sql.text}) AS c CROSS JOIN {index.docs} AS d ON d.doc = c.doc {joined}"
        return Sql(source, driver.sql.parameters)

    def count(self, *, exact: bool) -> tuple[int, bool]:
        """Return how many rows match, and True; or how many may match, and False, where too many must be checked."""
        where, driver = self._condition.sql, self._driver
        all_match = where.text == "1"
        if not all_match and (exact or not self._tests or self._to_check() <= MAX_COUNTED):
            source = self._candidates()
            return self._rows_of(f"{source.text} WHERE {where.text}", (*source.parameters, *where.parameters)), True
        if driver is None:
            return self._rows_of(self._index.docs), all_match
        return self._rows_of(f"({driver.sql.text})", driver.sql.parameters), False

    def _to_check(self) -> int:
        """Count the rows that an exact count checks; MAX_COUNTED + 1 stands for more."""
        if self._driver is not None:
            return self._driver.rows
        return self._rows_of(f"(SELECT 1 FROM {self._index.docs} LIMIT {MAX_COUNTED + 1})")  # noqa: S608

    def _rows_of(self, source: str, parameters: Sequence[object] = ()) -> int:
        count: int = self._execute(f"SELECT count(*) FROM {source}", parameters).fetchone()[0]  # noqa: S608
        return count

    def _by_score(self, limit: int) -> list[Hit]:
        """Score all rows that match, and sort them."""
        source, where = self._candidates(), self._condition.sql
        texts = ", ".join(["d.doc", *(test.field.column for test in self._scored)])
        sql = f"SELECT {texts}, {self.order.columns} FROM {source.text} WHERE {where.text}"  # noqa: S608
        hits: list[Hit] = []
        counts: list[list[int]] = []
        lengths: list[int] = []
        for doc, *values in self._execute(sql, (*source.parameters, *where.parameters)):
            found = [test.text(value) or "" for test, value in zip(self._scored, values, strict=False)]
            counts.append([test.count(text) for test, text in zip(self._scored, found, strict=True)])
            lengths.append(sum(map(len, found)))
            hits.append(Hit(doc, self.order.position(values[len(found) :])))
        scores = bm25(counts, lengths, self._rows_of(self._index.docs)) if hits else []
        hits = [hit._replace(score=score) for hit, score in zip(hits, scores, strict=True)]
        self._sort(hits)
        return hits[self._place.offset :][:limit]

    def _sort(self, hits: list[Hit]) -> None:
        """Sort hits by the units of the order, and by score before the unit that the order says."""
        assert self.order.score is not None
        place, best_first = self.order.score
        for number, unit in reversed([*enumerate(self.order.units)]):
            there = [hit for hit in hits if hit.position[number][0] is not None]
            rest = [hit for hit in hits if hit.position[number][0] is None]
            there.sort(key=lambda hit: hit.position[number], reverse=unit.descending)
            hits[:] = there + rest
            if number == place:
                hits.sort(key=lambda hit: hit.score or 0.0, reverse=best_first)


def _docs(source: Sql, where: Sql, order: str) -> Sql:
    """Return the query for the docs of some rows, in order."""
    text = f"SELECT d.doc FROM {source.text} WHERE {where.text} ORDER BY {order}"  # noqa: S608 - names of ours
    return Sql(text, (*source.parameters, *where.parameters))


def _rows(
    session: Session, index: SearchIndex, hits: list[Hit], columns: Sequence[str] | None
) -> tuple[list[Row], int]:
    """Return the rows with the columns that are asked for, and the size of all that was read."""
    wanted = None if columns is None else frozenset(columns)
    if wanted is not None and wanted.issubset(index.table.names):
        return [Row(hit.key, {}) for hit in hits], sum(index.table.key_bytes(hit.key) for hit in hits)
    rows = []
    total = 0
    for hit in hits:
        cells = session.execute(f"SELECT cells FROM {index.rows} WHERE rowid = ?", (hit.doc,)).fetchone()[0]  # noqa: S608
        size, found = unpack(cells) if wanted is None else unpack_some(cells, wanted)
        rows.append(Row(hit.key, found))
        total += size
    return rows, total
