"""Finds, scores, counts and reads the rows of one page of a search. The docstring of the package explains how."""

from __future__ import annotations

import json
from collections.abc import Iterable
from operator import itemgetter
from typing import Any, Generic, NamedTuple

from tsmem.engine.file.connections import Transaction
from tsmem.engine.indexes.search_index import SearchIndex
from tsmem.engine.rows.reads import MakeReader, R, Reader
from tsmem.engine.search.conditions import ALL_ROWS, TEXT_SCORE, Candidates, QueryCompiler
from tsmem.engine.search.order import Order, PageStart, Position, read_token, write_token
from tsmem.engine.search.text_queries import bm25_weight
from tsmem.engine.search.values import Sql, all_sql, join_sql
from tsmem.errors import invalid
from tsmem.limits import capacity_units
from tsmem.port import Cost
from tsmem.queries import Search

MAX_LIMIT = 100  # rows of a page
MAX_INDEXED_LIMIT = 1000  # rows of a page for which only indexed columns are read
MAX_REACH = 100_000
"""The largest sum of offset and limit. The offset in a token counts, too."""
SCANNED_PER_SORTED = 16
"""Rows that a scan passes in the time that it takes to fetch and sort one candidate. Measured on 200,000 messages: 0.2
us and 3 us."""
MAX_COUNTED = 10_000
"""If more candidates would have to be checked, the total is their number unless it must be exact."""
MAX_LISTED = 500  # candidates that are kept when they are counted


class SearchReply(NamedTuple, Generic[R]):
    rows: list[R]
    scores: list[float | None]
    token: bytes | None
    total: int | None
    """None if it was not requested. An upper bound if `total_is_exact` is False."""
    total_is_exact: bool
    cost: Cost


class Hit(NamedTuple):
    doc: int
    position: Position
    score: float | None = None


def search_page(
    transaction: Transaction, index: SearchIndex, request: Search, make_reader: MakeReader[R], *, exact_count: bool
) -> SearchReply[R]:
    """Return one page. The caller has checked the limit."""
    if request.offset < 0:
        raise invalid("The offset of a search cannot be less than 0.")
    if request.token is not None and request.offset:
        raise invalid("A search cannot have both an offset and a token.")
    table, name = index.table.schema.name, index.description.schema.name
    start = PageStart(request.sorts, None, request.offset)
    if request.token is not None:
        start = read_token(table, name, request.query, request.sorts, request.token)
    if start.offset + request.limit > MAX_REACH:
        raise invalid(f"The offset and limit of a search exceed the limit: {MAX_REACH}.")
    run = _SearchRun(transaction, index, request, start)
    found = run.hits(request.limit + 1) if request.limit else []
    hits, more = found[: request.limit], len(found) > request.limit
    scanned = run.checked_count
    total, is_exact = None, True
    if request.count:
        knows_offset = start.position is None and (hits or not start.offset)
        if request.limit and not more and knows_offset:
            total = start.offset + len(hits)  # this is the last page
        else:
            total, is_exact = run.count(exact=exact_count)
            scanned = max(scanned, run.checked_count - scanned)  # counting checks the rows of the page again
    # A key column is read too, because otherwise a row without any of the requested columns would count as missing.
    wanted = None if request.columns is None else (*request.columns, index.table.key_names[0])
    rows, size = _read_hits(transaction, index, hits, make_reader(index.table, wanted, None))
    token = None
    if more:
        end = PageStart(start.sorts, hits[-1].position)
        if run.order.is_by_score:
            end = PageStart(start.sorts, None, start.offset + len(hits))
        token = write_token(table, name, request.query, end)
    cost = Cost(1, capacity_units(size), 0, max(scanned, len(hits)))
    return SearchReply(rows, [hit.score for hit in hits], token, total, is_exact, cost)


def check_limit(indexed: Iterable[str], request: Search) -> None:
    """A page can be longer if only indexed columns are read."""
    is_indexed = request.columns is not None and set(request.columns) <= {*indexed}
    max_limit = MAX_INDEXED_LIMIT if is_indexed else MAX_LIMIT
    if not 0 <= request.limit <= max_limit:
        raise invalid(f"The limit of a search must be in range: [0, {max_limit}].")


class _SearchRun:
    def __init__(self, transaction: Transaction, index: SearchIndex, request: Search, start: PageStart) -> None:
        self._execute = transaction.execute
        self._index = index
        compiled = QueryCompiler(index, request.query)
        self._row_condition, self._tests, self._scored = compiled.condition, compiled.tests, compiled.scored
        self.order = Order(index, start.sorts)
        self._start = start
        if request.token is not None and not self.order.accepts(start):
            raise invalid("The token is of another search.")
        self.checked_count = 0
        """Number of rows whose texts were read."""
        self._last_checked_doc = 0
        transaction.define(TEXT_SCORE, 3, self._text_score)
        self._driver: Candidates | None = None
        """The candidates of the part of the query that has the fewest; None if no index narrows any part."""
        self._sorts_driver = False
        """True if sorting the driver's candidates is faster than scanning all rows in order."""
        if self._row_condition.candidates:
            self._choose_driver(*self._row_condition.candidates)

    def _text_score(self, number: int, doc: int, source: bytes | str | None) -> float:
        self.checked_count += doc != self._last_checked_doc
        self._last_checked_doc = doc
        return self._tests[number].score(source)

    def hits(self, limit: int) -> list[Hit]:
        if self.order.is_by_score:
            return self._hits_by_score(limit)
        wanted = self._start.offset + limit
        hits: list[Hit] = []
        for docs in self._doc_queries():
            hits += self._first_matches(docs, wanted - len(hits))
            if len(hits) == wanted:
                break
        return hits[self._start.offset :]

    def _choose_driver(self, first: Candidates, *rest: Candidates) -> None:
        last = self._execute(f"SELECT max(doc) FROM {self._index.doc_table}").fetchone()[0]  # noqa: S608 - a name of ours
        sort_limit = (last or 0) // SCANNED_PER_SORTED + 1
        for limit in (sort_limit, -1):  # if every part reaches the limit, count all candidates
            count, self._driver = self._count_candidates(first, limit)
            for each in rest:
                count, self._driver = min((count, self._driver), self._count_candidates(each, count), key=itemgetter(0))
            self._sorts_driver = count < sort_limit
            if self._sorts_driver or not rest:
                break

    def _count_candidates(self, candidates: Candidates, limit: int) -> tuple[int, Candidates]:
        """Count candidates, up to `limit` unless it is -1. Return few as a list, so that their query need not run
        again."""
        found = self._execute(f"SELECT doc FROM {_docs_source(candidates, MAX_LISTED).text}", candidates.sql.parameters)  # noqa: S608
        docs = [doc for (doc,) in found]
        if len(docs) == MAX_LISTED or len(docs) >= limit >= 0:
            return self._count(_docs_source(candidates, limit)), candidates
        return len(docs), candidates._replace(sql=Sql("SELECT value AS doc FROM json_each(?)", (json.dumps(docs),)))

    def _doc_queries(self) -> list[Sql]:
        position = self._start.position
        if self._sorts_driver:
            return [_select_docs(self._candidate_rows(), self.order.after(position), self.order.sql)]
        first = self.order.units[0].columns[0]
        conditions = [each.condition for each in self._row_condition.candidates if each.column == first]
        index, sql_index = self._index, self._index.sql_indexes.get(first, f"{self._index.row_table}_key")
        if first[0] == "r":
            doc, by = "r.rowid", f"r INDEXED BY {sql_index}"
            rows = Sql(f"{index.row_table} AS {by} CROSS JOIN {index.doc_table} AS d ON d.doc = r.rowid")
        else:
            doc, by = "d.doc", f"d INDEXED BY {sql_index}"
            rows = Sql(f"{index.doc_table} AS {by} CROSS JOIN {index.row_table} AS r ON r.rowid = d.doc")
        if self._driver is not None and self._driver.column != first:
            text, parameters = self._driver.sql
            conditions.append(Sql(f"{doc} IN ({text})", parameters))
        return [_select_docs(rows, all_sql([where, *conditions]), order) for where, order in self.order.scans(position)]

    def _first_matches(self, docs: Sql, wanted: int) -> list[Hit]:
        """The inner LIMIT makes SQLite keep the ORDER BY of the subquery, and CROSS JOIN makes the subquery the outer
        loop."""
        rows, test = f"({docs.text} LIMIT -1) {self._index.row_joins}", self._row_condition.sql
        sql = f"SELECT c.doc, {self.order.columns} FROM {rows} WHERE {test.text} LIMIT ?"  # noqa: S608
        found = self._execute(sql, (*docs.parameters, *test.parameters, wanted))
        return [Hit(doc, tuple(position)) for doc, *position in found]

    def _hits_by_score(self, limit: int) -> list[Hit]:
        source, where = self._candidate_rows(), self._row_condition.sql
        row_count = self._count(Sql(self._index.doc_table))
        scores = []
        for sql, test in self._scored:
            candidate_count = row_count // 2
            if test.fts5_query is not None:
                fts5 = self._index.trigram_table
                candidate_count = self._count(Sql(f"{fts5} WHERE {fts5} MATCH ?", (test.fts5_query,)))
            scores.append(Sql(f"? * {sql}", (bm25_weight(row_count, candidate_count),)))
        score = join_sql(scores, " + ") if scores else Sql("0.0")
        selected = f"SELECT d.doc, {score.text} AS score, {self.order.columns} FROM {source.text}"  # noqa: S608
        sql = f"{selected} WHERE {where.text} ORDER BY {self.order.sql} LIMIT ? OFFSET ?"
        parameters = (*score.parameters, *source.parameters, *where.parameters, limit, self._start.offset)
        found = self._execute(sql, parameters)
        return [Hit(doc, tuple(position), score) for doc, score, *position in found]

    def _candidate_docs(self) -> Sql:
        return Sql(self._index.doc_table) if self._driver is None else _docs_source(self._driver)

    def _candidate_rows(self) -> Sql:
        """Return the driver's candidates, or all rows, as a FROM clause with the typed fields (d) and the row (r)."""
        text, parameters = self._candidate_docs()
        return Sql(f"{text} {self._index.row_joins}", parameters)

    def count(self, *, exact: bool) -> tuple[int, bool]:
        """Return the number of matches and True. Return the number of candidates and False if there are too many to
        check, unless `exact`."""
        if self._row_condition == ALL_ROWS:
            return self._count(Sql(self._index.doc_table)), True
        if self._tests and not exact and (proposed := self._count(self._candidate_docs())) > MAX_COUNTED:
            return proposed, False
        source, where = self._candidate_rows(), self._row_condition.sql
        return self._count(Sql(f"{source.text} WHERE {where.text}", (*source.parameters, *where.parameters))), True

    def _count(self, source: Sql) -> int:
        count: int = self._execute(f"SELECT count(*) FROM {source.text}", source.parameters).fetchone()[0]  # noqa: S608
        return count


def _docs_source(candidates: Candidates, limit: int = -1) -> Sql:
    return Sql(f"({candidates.sql.text} LIMIT {limit})", candidates.sql.parameters)


def _select_docs(source: Sql, where: Sql, order: str) -> Sql:
    text = f"SELECT d.doc FROM {source.text} WHERE {where.text} ORDER BY {order}"  # noqa: S608 - names of ours
    return Sql(text, (*source.parameters, *where.parameters))


def _read_hits(transaction: Transaction, index: SearchIndex, hits: list[Hit], reader: Reader[R]) -> tuple[list[R], int]:
    select = f"SELECT cells FROM {index.row_table} WHERE rowid = ?"  # noqa: S608 - a name of ours
    rows = []
    total_bytes = 0
    for hit in hits:
        key: Any = hit.position[-len(index.key_columns) :]
        cells = b"" if reader.reads_key_only else transaction.execute(select, (hit.doc,)).fetchone()[0]
        size, row = reader.read(key, cells)
        total_bytes += size
        if row is not None:
            rows.append(row)
    return rows, total_bytes
