"""One page of a search. The docstring of the package says how a search is answered."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from tsmem.engine.file.connections import Transaction
from tsmem.engine.indexes.search_index import SearchIndex
from tsmem.engine.requests import invalid
from tsmem.engine.rows.reads import MakeReader, Reader
from tsmem.engine.search.conditions import ALL_ROWS, TEXT_SCORE, Candidates, QueryReader
from tsmem.engine.search.order import Order, PageStart, Position, read_token, write_token
from tsmem.engine.search.text_queries import weight
from tsmem.engine.search.values import Sql, and_, join_sql
from tsmem.limits import capacity_units
from tsmem.port import Cost
from tsmem.queries import Search

R = TypeVar("R")

MAX_LIMIT = 100  # rows of a page
MAX_INDEXED_LIMIT = 1000  # rows of a page for which only indexed columns are read
MAX_REACH = 100_000
"""The largest sum of offset and limit. In the order of score a token has an offset, which counts too."""
WALKED_PER_SORTED = 16
"""Rows that are walked over in the time in which one candidate is fetched and sorted. Measured on 200,000 messages:
0.2 us and 3 us."""
MAX_COUNTED = 10_000
"""Candidates whose texts are checked to count the matches. Where there are more, the total is the number of candidates,
unless the exact count is asked for."""
MAX_LISTED = 500  # candidates that are kept when they are counted


class SearchReply(NamedTuple, Generic[R]):
    rows: list[R]
    scores: list[float | None]
    token: bytes | None
    total: int | None
    total_is_exact: bool
    cost: Cost


class Hit(NamedTuple):
    doc: int
    position: Position
    score: float | None = None


def search_page(
    transaction: Transaction, index: SearchIndex, request: Search, make_reader: MakeReader[R], *, exact_count: bool
) -> SearchReply[R]:
    """Return one page of at most `request.limit` rows, which the caller has checked. Raises InvalidInput."""
    if request.offset < 0:
        raise invalid("The offset of a search cannot be less than 0.")
    if request.token is not None and request.offset:
        raise invalid("A search cannot have both an offset and a token.")
    table, name = index.table.schema.name, index.description.schema.name
    place = PageStart(request.sorts, None, request.offset)
    if request.token is not None:
        place = read_token(table, name, request.query, request.sorts, request.token)
    if place.offset + request.limit > MAX_REACH:
        raise invalid(f"The offset and limit of a search exceed the limit: {MAX_REACH}.")
    run = _Run(transaction, index, request, place)
    found = run.hits(request.limit + 1) if request.limit else []
    hits, more = found[: request.limit], len(found) > request.limit
    scanned = run.checked
    total, is_exact = None, True
    if request.count:
        is_numbered = place.position is None and (hits or not place.offset)
        if request.limit and not more and is_numbered:
            total = place.offset + len(hits)
        else:
            total, is_exact = run.count(exact=exact_count)
            scanned = max(scanned, run.checked - scanned)
    # With a key column among those that are read, a row that has none of the others is read all the same.
    wanted = None if request.columns is None else (*request.columns, index.table.key_names[0])
    rows, size = _read(transaction, index, hits, make_reader(index.table, wanted, None))
    token = None
    if more:
        end = PageStart(place.sorts, hits[-1].position)
        if run.order.by_score:
            end = PageStart(place.sorts, None, place.offset + len(hits))
        token = write_token(table, name, request.query, end)
    cost = Cost(1, capacity_units(size), 0, max(scanned, len(hits)))
    return SearchReply(rows, [hit.score for hit in hits], token, total, is_exact, cost)


def check_limit(index: SearchIndex, request: Search) -> None:
    """Raise InvalidInput for a page that is too long. It may be longer if only indexed columns are read."""
    columns = request.columns
    indexed = columns is not None and all(name in index.types or name in index.table.key_names for name in columns)
    most = MAX_INDEXED_LIMIT if indexed else MAX_LIMIT
    if not 0 <= request.limit <= most:
        raise invalid(f"The limit of a search must be in range: [0, {most}].")


class _Run:
    def __init__(self, transaction: Transaction, index: SearchIndex, request: Search, place: PageStart) -> None:
        self._execute = transaction.execute
        self._index = index
        reader = QueryReader(index, request.query)
        self._condition, self._tests, self._scored = reader.condition, reader.tests, reader.scored
        self.order = Order(index, place.sorts)
        self._place = place
        if request.token is not None:  # which anyone may have made up
            position = place.position
            if self.order.by_score != (position is None) or (position is not None and not self.order.fits(position)):
                raise invalid("The token is of another search.")
        self.checked = 0
        """Rows of which a text was read."""
        self._checked_doc = 0
        transaction.define(TEXT_SCORE, 3, self._text_score)
        self._driver: Candidates | None = None
        """The candidates of the part of the query that proposes the fewest rows; None if no index narrows any part."""
        self._sorts_driver = False
        """True if it is faster to sort those candidates than to walk over all rows in order."""
        if self._condition.candidates:
            self._choose_driver(*self._condition.candidates)

    def _text_score(self, number: int, doc: int, source: bytes | str | None) -> float:
        self.checked += doc != self._checked_doc
        self._checked_doc = doc
        return self._tests[number].score(source)

    def hits(self, limit: int) -> list[Hit]:
        """Return the first rows that match from the place on, in order."""
        if self.order.by_score:
            return self._by_score(limit)
        wanted = self._place.offset + limit
        hits: list[Hit] = []
        for docs in self._sources():
            hits += self._checked(docs, wanted - len(hits))
            if len(hits) == wanted:
                break
        return hits[self._place.offset :]

    def _choose_driver(self, first: Candidates, *rest: Candidates) -> None:
        last = self._execute(f"SELECT max(doc) FROM {self._index.docs}").fetchone()[0]  # noqa: S608 - a name of ours
        most = (last or 0) // WALKED_PER_SORTED + 1
        for limit in (most, -1):  # all are counted where each part proposes many
            count, self._driver = self._listed(first, limit)
            for each in rest:
                count, self._driver = min((count, self._driver), self._listed(each, count), key=itemgetter(0))
            self._sorts_driver = count < most
            if self._sorts_driver or not rest:
                break

    def _listed(self, candidates: Candidates, most: int) -> tuple[int, Candidates]:
        """Count candidates, up to `most` if that is not -1. If they are few, return a list of them in place of their
        query, so that it need not run again."""
        found = self._execute(f"SELECT doc FROM {_docs_of(candidates, MAX_LISTED).text}", candidates.sql.parameters)  # noqa: S608
        docs = [doc for (doc,) in found]
        if len(docs) == MAX_LISTED or len(docs) >= most >= 0:
            return self._count(_docs_of(candidates, most)), candidates
        return len(docs), candidates._replace(sql=Sql("SELECT value AS doc FROM json_each(?)", (json.dumps(docs),)))

    def _sources(self) -> list[Sql]:
        """Return the queries for the rows that are checked, one after the other, in order: few candidates, sorted; or
        the rows of an SQL index that has the order, without those that are no candidates."""
        position = self._place.position
        if self._sorts_driver:
            return [_docs(self._candidates(), self.order.after(position), self.order.sql)]
        first = self.order.units[0].columns[0]
        conditions = [each.condition for each in self._condition.candidates if each.column == first]
        if self._driver is not None and self._driver.column != first:
            doc, (text, parameters) = "r.rowid" if first[0] == "r" else "d.doc", self._driver.sql
            conditions.append(Sql(f"{doc} IN ({text})", parameters))
        index, by = self._index, self._index.sql_indexes.get(first, f"{self._index.rows}_key")
        if first[0] == "r":
            rows = Sql(f"{index.rows} AS r INDEXED BY {by} CROSS JOIN {index.docs} AS d ON d.doc = r.rowid")
        else:
            rows = Sql(f"{index.docs} AS d INDEXED BY {by} CROSS JOIN {index.rows} AS r ON r.rowid = d.doc")
        return [_docs(rows, and_([where, *conditions]), order) for where, order in self.order.stages(position)]

    def _checked(self, docs: Sql, wanted: int) -> list[Hit]:
        """Check rows one by one in the order in which they are selected, until so many match.

        The inner LIMIT makes SQLite keep the ORDER BY of the subquery, and CROSS JOIN makes the subquery the outer
        loop."""
        rows, test = f"({docs.text} LIMIT -1) {self._index.joins}", self._condition.sql
        sql = f"SELECT c.doc, {self.order.columns} FROM {rows} WHERE {test.text} LIMIT ?"  # noqa: S608
        found = self._execute(sql, (*docs.parameters, *test.parameters, wanted))
        return [Hit(doc, tuple(position)) for doc, *position in found]

    def _by_score(self, limit: int) -> list[Hit]:
        """Score all rows that match, and return those of the page."""
        source, where = self._candidates(), self._condition.sql
        rows = self._count(Sql(self._index.docs))
        scores = []
        for sql, test in self._scored:
            proposed = rows // 2
            if test.proposed is not None:
                trigrams = self._index.trigrams
                proposed = self._count(Sql(f"{trigrams} WHERE {trigrams} MATCH ?", (test.proposed,)))
            scores.append(Sql(f"? * {sql}", (weight(rows, proposed),)))
        score = join_sql(scores, " + ") if scores else Sql("0.0")
        selected = f"SELECT d.doc, {score.text} AS score, {self.order.columns} FROM {source.text}"  # noqa: S608
        sql = f"{selected} WHERE {where.text} ORDER BY {self.order.sql} LIMIT ? OFFSET ?"
        parameters = (*score.parameters, *source.parameters, *where.parameters, limit, self._place.offset)
        found = self._execute(sql, parameters)
        return [Hit(doc, tuple(position), score) for doc, score, *position in found]

    def _proposed(self) -> Sql:
        """Return the source of the docs that the driver proposes, or of all."""
        return Sql(self._index.docs) if self._driver is None else _docs_of(self._driver)

    def _candidates(self) -> Sql:
        """Return the source of the rows that the driver proposes, or of all."""
        text, parameters = self._proposed()
        return Sql(f"{text} {self._index.joins}", parameters)

    def count(self, *, exact: bool) -> tuple[int, bool]:
        """Return the number of rows that match, and True; or of those that may match, and False, if too many would have
        to be checked."""
        if self._condition == ALL_ROWS:
            return self._count(Sql(self._index.docs)), True
        if self._tests and not exact and (proposed := self._count(self._proposed())) > MAX_COUNTED:
            return proposed, False
        source, where = self._candidates(), self._condition.sql
        return self._count(Sql(f"{source.text} WHERE {where.text}", (*source.parameters, *where.parameters))), True

    def _count(self, source: Sql) -> int:
        count: int = self._execute(f"SELECT count(*) FROM {source.text}", source.parameters).fetchone()[0]  # noqa: S608
        return count


def _docs_of(candidates: Candidates, most: int = -1) -> Sql:
    """Return the source of candidates, up to `most` if that is not -1."""
    return Sql(f"({candidates.sql.text} LIMIT {most})", candidates.sql.parameters)


def _docs(source: Sql, where: Sql, order: str) -> Sql:
    text = f"SELECT d.doc FROM {source.text} WHERE {where.text} ORDER BY {order}"  # noqa: S608 - names of ours
    return Sql(text, (*source.parameters, *where.parameters))


def _read(transaction: Transaction, index: SearchIndex, hits: list[Hit], reader: Reader[R]) -> tuple[list[R], int]:
    """Return the rows, and the size of all that was read."""
    rows = []
    total = 0
    for hit in hits:
        key: Any = hit.position[-len(index.keys) :]
        cells = b""
        if not reader.reads_key_only:
            cells = transaction.execute(f"SELECT cells FROM {index.rows} WHERE rowid = ?", (hit.doc,)).fetchone()[0]  # noqa: S608
        size, row = reader.read(key, cells)
        total += size
        if row is not None:
            rows.append(row)
    return rows, total
