"""Queries as conditions on a row, and the candidates that each part of a query proposes.

A query is read whole before any row is, so that an invalid one is refused whatever the index holds.
"""

from __future__ import annotations

from typing import NamedTuple

from tsmem.engine.indexes.search_index import Field, SearchIndex
from tsmem.engine.indexes.trigrams import MAX_ALTERNATIVES
from tsmem.engine.requests import invalid
from tsmem.engine.search import values
from tsmem.engine.search.text_queries import Pattern, TextQuery, TextTest, text_test
from tsmem.engine.search.values import Sql, and_, join_sql
from tsmem.queries import Between, Bool, Contains, HasField, Match, MatchAll, MatchPhrase, Prefix, Query, Term, Terms

MAX_DEPTH = 16  # depth of queries within queries
MAX_QUERIES = 1024  # queries of one search, with all that stand within others
MAX_PARAMETERS = 10_000  # values of one search. SQLite takes 32,766 in one statement, in which each may stand twice.
TEXT_SCORE = "text_score"
"""The SQL function that scores a text, 0 if it does not match. Its arguments: the number of the test, the row, and what
stands in the field's column."""

Leaf = TextQuery | Between


class Candidates(NamedTuple):
    """Rows that may match, by one index."""

    sql: Sql
    column: str | None = None
    """The column of the typed field; None for trigrams, and for several parts."""
    condition: Sql = Sql("1")
    """The condition on that column, for which SQLite uses its index. The form in the whole condition hides it."""


class RowCondition(NamedTuple):
    """A test that SQL makes of a row."""

    sql: Sql
    """1 or 0 for a row, never NULL. `d` is the row's typed fields, `r` the row in its table."""
    candidates: tuple[Candidates, ...] = ()
    """Each of them includes all rows that match. Empty: no index narrows the query."""


ALL_ROWS = RowCondition(Sql("1"))
NO_ROWS = RowCondition(Sql("0"), (Candidates(Sql("SELECT 0 AS doc WHERE 0")),))


def check_size(depth: int, count: int) -> None:
    """Raise InvalidInput for queries that are nested too deep, or too many in one search."""
    if depth > MAX_DEPTH:
        raise invalid(f"The depth of the query exceeds the limit: {MAX_DEPTH}.")
    if count > MAX_QUERIES:
        raise invalid(f"The number of sub-queries exceeds the limit: {MAX_QUERIES}.")


class QueryReader:
    def __init__(self, index: SearchIndex, query: Query) -> None:
        self._index = index
        self.tests: list[TextTest] = []
        """The tests of texts. SQL names each by its place here."""
        self.scored: list[tuple[str, TextTest]] = []
        """The tests that count for a score, with the SQL of each: those of TEXT fields that stand under neither
        `filter` nor `must_not`."""
        self._queries = 0
        self.condition = self._condition(query, 0, scored=True)
        if len(self.condition.sql.parameters) > MAX_PARAMETERS:
            raise invalid(f"The number of values of a search exceeds the limit: {MAX_PARAMETERS}.")

    def _condition(self, query: Query, depth: int, *, scored: bool) -> RowCondition:
        self._queries += 1
        check_size(depth, self._queries)
        if isinstance(query, MatchAll):
            return ALL_ROWS
        if isinstance(query, Bool):
            return self._bool(query, depth + 1, scored=scored)
        field = self._index.find_field(query.field)
        if field.type.name != "TEXT":
            return self._typed(field, query)
        if isinstance(query, Between):
            raise _cannot_answer(field, query)
        return self._text(field, query, scored=scored)

    def _bool(self, query: Bool, depth: int, *, scored: bool) -> RowCondition:
        parts = [self._condition(part, depth, scored=scored) for part in query.must]
        parts += [self._condition(part, depth, scored=False) for part in query.filter]
        parts += [_not(self._condition(part, depth, scored=False)) for part in query.must_not]
        should = [self._condition(part, depth, scored=scored) for part in query.should]
        least = query.minimum_should_match
        if least is None:
            least = 1 if should and not query.must and not query.filter else 0
        if least > 0:
            parts.append(_at_least(should, least))
        return _all(parts)

    def _typed(self, field: Field, query: Leaf) -> RowCondition:
        column = field.column
        if isinstance(query, HasField):
            return self._on_column(column, Sql(f"{column} IS NOT NULL"))
        if isinstance(query, Match | MatchPhrase | Term):
            value = query.value if isinstance(query, Term) else query.text
            return self._on_column(column, Sql(f"{column} = ?", (values.typed(field, value),)))
        if isinstance(query, Terms):
            terms = tuple(values.typed(field, value) for value in values.check_terms(query.values))
            return self._on_column(column, Sql(f"{column} IN ({', '.join('?' * len(terms))})", terms))
        if isinstance(query, Between):
            return self._on_column(column, values.between(field, query))
        if field.type.name != "KEYWORD" or isinstance(query, Contains):
            raise _cannot_answer(field, query)
        if isinstance(query, Prefix):
            return self._on_column(column, values.starts_with(field, values.check_prefix(query.text)))
        pattern = values.pattern_text(field, query.pattern)
        begin = pattern.replace("?", "*").partition("*")[0]
        matches = values.wildcard(pattern)
        fits = RowCondition(self._tested(TextTest(field, [Pattern(lambda text: matches(text.text))])))
        return _all([self._on_column(column, values.starts_with(field, begin)), fits])

    def _on_column(self, column: str, condition: Sql) -> RowCondition:
        index = self._index
        source = f"d.doc FROM {index.docs} AS d" if column[0] == "d" else f"r.rowid AS doc FROM {index.rows} AS r"
        select = Sql(f"SELECT {source} WHERE {condition.text}", condition.parameters)
        whole = Sql(f"({condition.text}) IS TRUE", condition.parameters)
        return RowCondition(whole, (Candidates(select, column, condition),))

    def _text(self, field: Field, query: TextQuery, *, scored: bool) -> RowCondition:
        test = text_test(field, query)
        if test is None:
            return NO_ROWS
        sql = self._tested(test, scored=scored)
        if test.proposed is None:
            return RowCondition(sql)
        name = self._index.trigrams
        select = f"SELECT rowid AS doc FROM {name} WHERE {name} MATCH ?"  # noqa: S608 - a name of ours
        return RowCondition(sql, (Candidates(Sql(select, (test.proposed,))),))

    def _tested(self, test: TextTest, *, scored: bool = False) -> Sql:
        column = test.field.column
        sql = f"{TEXT_SCORE}({len(self.tests)}, r.rowid, {column})"
        self.tests.append(test)
        if scored:
            self.scored.append((sql, test))
        if test.literal is None or test.field.key_place is not None:
            return Sql(f"{sql} > 0")
        # Bytes are looked for by SQLite itself, ten times faster: a single 退 or 🎉 may be looked for in every row.
        return Sql(f"(instr({column}, ?) AND {sql} > 0)", (test.literal.encode(),))


def _all(parts: list[RowCondition]) -> RowCondition:
    if len(parts) == 1:
        return parts[0]
    return RowCondition(and_([part.sql for part in parts]), tuple(each for part in parts for each in part.candidates))


def _at_least(parts: list[RowCondition], least: int) -> RowCondition:
    """Return the condition that at least so many parts hold."""
    if least > len(parts):
        return NO_ROWS
    if least == len(parts):
        return _all(parts)
    sql = join_sql([part.sql for part in parts], " OR " if least == 1 else " + ")
    if least > 1:
        sql = Sql(f"{sql.text} >= {least}", sql.parameters)
    if len(parts) > MAX_ALTERNATIVES or not all(part.candidates for part in parts):
        return RowCondition(sql)
    first = list(dict.fromkeys(part.candidates[0].sql for part in parts))  # texts of two fields propose the same
    union = " UNION ".join(f"SELECT doc FROM ({each.text})" for each in first)  # noqa: S608 - made above
    return RowCondition(sql, (Candidates(Sql(union, tuple(value for each in first for value in each.parameters))),))


def _not(part: RowCondition) -> RowCondition:
    return RowCondition(Sql(f"NOT ({part.sql.text})", part.sql.parameters))


def _cannot_answer(field: Field, query: object) -> Exception:
    kind = type(query).__name__
    return invalid(f"field: {field.name} of type {field.type.name} cannot answer a query of kind {kind}")
