"""Search on the embedded engine, compared with plain Python: random rows, texts in many scripts, queries of every kind.

Rows are put, updated and deleted between the queries. Search must find every match and nothing else. The large store
exceeds every limit inside the search, so every code path is taken.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice
from typing import Any

import pytest

from tests.support.clocks import ManualClock
from tests.support.pages import search_pages
from tsmem import queries as q
from tsmem.adapters.local import LocalClient
from tsmem.folding import fold
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.rows import ColumnType, Delete, Key, Put, Update, Value, Write

pytestmark = pytest.mark.slow

TABLE = TableSchema("t", (("k", ColumnType.STRING), ("i", ColumnType.INTEGER)))
FIELDS = {
    "k": FieldType("KEYWORD"), "i": FieldType("LONG"), "tag": FieldType("KEYWORD"), "n": FieldType("LONG"),
    "words": FieldType("TEXT", "single_word"), "text": FieldType("TEXT", "fuzzy", 1, 7),
}  # fmt: skip
INDEX = SearchIndexSchema("t", "search", tuple(FIELDS.items()))
QUERIES = int(os.environ.get("TSMEM_TEST_QUERIES", "300"))
"""The number of queries; more for a long run."""
ALPHABETS = (
    "abcdefgh iI", "0123456789.,-", "?!@#'\"*()%_", "退款我要谢航班", "きゃんせるテスト", "환불취소요청", "สวัสดีครับ",
    "éàüñÉÀÜÑ", "iıİI", "sSßẞ", "ﬁﬂﬀ", "e\u0301o\u0308\u0345", "🎉😀👩\u200d💻", "a\0b", "\x01\x02\x03退",
)  # fmt: skip
"""Characters of the texts: letters, digits, marks, several scripts, special cases of folding, emoji, NUL, and the
characters with which the index pads texts."""
VOCABULARY = ("ab", "Abc", "b", "退款", "款", "ß", "SS", "!!", "😀", "a-b")
TAGS = ("a", "ab", "b", "B", "", "退", "\U0010ffff", "a[b")
PATTERNS = ("*", "a*", "?b", "*b*", "*退?", "退", "a?c", "*s", "*a*b")


@lru_cache(maxsize=100_000)
def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text: runs of letters, and each Chinese character and emoji."""
    return tuple(re.findall(r"[a-z]+|[一-鿿]|😀", text.casefold()))


folded = lru_cache(maxsize=100_000)(fold)


def value_of(row: Mapping[str, Value], field: str) -> Any:
    """Return the value of a field, or None if it is missing or of another type."""
    value = row.get(field)
    return value if type(value) is (int if field in ("n", "i") else str) else None


def passes(query: q.Query, row: Mapping[str, Value]) -> bool:
    if isinstance(query, q.MatchAll):
        return True
    if isinstance(query, q.Bool):
        least = query.minimum_should_match
        if least is None:
            least = 1 if query.should and not query.must and not query.filter else 0
        return (
            all(passes(part, row) for part in (*query.must, *query.filter))
            and not any(passes(part, row) for part in query.must_not)
            and sum(passes(part, row) for part in query.should) >= least
        )
    value = value_of(row, query.field)
    if value is None or isinstance(query, q.HasField):
        return value is not None
    if isinstance(query, q.Contains) or (query.field == "text" and isinstance(query, q.MatchPhrase)):
        return folded(query.text) in folded(value)
    if query.field == "text":
        assert isinstance(query, q.Wildcard)
        return fnmatchcase(folded(value), f"*{query.pattern}*")
    return has_words(query, words_of(value)) if query.field == "words" else is_equal(query, value)


def has_words(query: q.Query, found: tuple[str, ...]) -> bool:
    if isinstance(query, q.Match):
        wanted = set(words_of(query.text))
        least = len(wanted) if query.all_words else max(1, query.minimum_should_match or 1)
        return bool(wanted) and len(wanted & set(found)) >= least
    if isinstance(query, q.MatchPhrase):
        phrase = words_of(query.text)
        return bool(phrase) and any(phrase == found[at : at + len(phrase)] for at in range(len(found)))
    return any(is_equal(query, word) for word in found)


def is_equal(query: q.Query, value: Any) -> bool:
    if isinstance(query, q.Term | q.Terms):
        return value in (query.values if isinstance(query, q.Terms) else (query.value,))
    if isinstance(query, q.Match | q.MatchPhrase):
        return bool(value == query.text)
    if isinstance(query, q.Prefix):
        return bool(value.startswith(query.text))
    if isinstance(query, q.Wildcard):
        return fnmatchcase(value, query.pattern)
    assert isinstance(query, q.Between)
    low = query.start is None or query.start < value or (query.start_inclusive and query.start == value)
    high = query.end is None or value < query.end or (query.end_inclusive and query.end == value)
    return bool(low and high)


class Model:
    """Keeps the same rows in the engine and in a dict, and draws random rows, changes and queries."""

    def __init__(self, client: LocalClient, size: int) -> None:
        self.client = client
        self.draw = random.Random(size)
        self.keys: list[Key] = [(letter, number) for letter in "abcd" for number in range(size // 2)]
        """All possible keys. About half of them have a row."""
        self.rows: dict[Key, dict[str, Value]] = {}
        self.write([Put(TABLE.ref, key, self.columns()) for key in self.draw.sample(self.keys, size)])

    def said(self) -> str:
        """Return a text of random words. The first words of the vocabulary are rare, and the last are in most texts."""
        words = self.draw.choices(VOCABULARY, range(1, 11), k=self.draw.randrange(6))
        return self.draw.choice(("", " ")).join(words)

    def text(self) -> str:
        """Return a random text, mostly in one or two alphabets, and occasionally a line of 2 MB."""
        letters = "".join(self.draw.sample(ALPHABETS, self.draw.choice((1, 1, 2, 3))))
        text = "".join(self.draw.choices(letters, k=self.draw.choice((1, 3, 8, 20, 60))))
        is_long = self.draw.random() < 0.0002
        return (text * 30_000).encode()[:1_900_000].decode(errors="ignore") if is_long else text

    def columns(self) -> dict[str, Value]:
        """Return random columns: some missing, some of another type than their field."""
        pick = self.draw.choice
        found: dict[str, Value] = {
            "tag": pick((*TAGS, 7)),
            "n": pick((pick((0, 1, 2, -1)), self.draw.randrange(10_000), "a", True)),
            "words": self.said() if self.draw.random() < 0.9 else 5,
            "text": self.text() if self.draw.random() < 0.9 else b"ab",
        }
        for name in self.draw.sample(sorted(found), pick((0, 0, 1, 2))):
            del found[name]
        return found

    def change(self) -> None:
        """Put, update and delete some rows, and occasionally recreate the index of a small store."""
        writes: list[Write] = []
        for key in self.draw.sample(self.keys, min(30, len(self.keys) // 3)):
            kind = self.draw.choice((Put, Update, Delete))
            if kind is Put:
                writes.append(Put(TABLE.ref, key, self.columns()))
            elif kind is Delete:
                writes.append(Delete(TABLE.ref, key))
            elif key in self.rows:
                gone, columns = self.draw.choice(("tag", "n", "words", "text")), self.columns()
                columns.pop(gone, None)
                writes.append(Update(TABLE.ref, key, columns, (gone,)))
        self.write(writes)
        if len(self.rows) < 100 and self.draw.random() < 0.1:
            self.client.delete_search_index("t", "search")
            self.client.create_search_index(INDEX)

    def write(self, writes: list[Write]) -> None:
        for start in range(0, len(writes), 200):
            assert not any(self.client.write_rows(writes[start : start + 200]))
        for write in writes:
            if isinstance(write, Put):
                self.rows[write.key] = {"k": write.key[0], "i": write.key[1], **write.columns}
            elif isinstance(write, Update):
                self.rows[write.key].update(write.columns)
                for name in write.delete:
                    self.rows[write.key].pop(name, None)
            else:
                self.rows.pop(write.key, None)

    def part(self) -> str:
        """Return a part of some row's text in random case, or a random text."""
        rows = self.draw.choices(list(self.rows.values()) or [{}], k=5)
        texts = [text for row in rows for name in ("text", "words") if (text := value_of(row, name))]
        if self.draw.random() < 0.2 or not texts:
            return "".join(self.draw.choices(self.draw.choice(ALPHABETS), k=self.draw.randrange(1, 5)))
        whole: str = self.draw.choice(texts)[:2_000]
        at = self.draw.randrange(len(whole))
        part = whole[at : at + self.draw.choice((1, 2, 3, 3, 4, 6, 12, 100))]
        change: Callable[[str], str] = self.draw.choice((str, str.upper, str.lower, fold))
        return change(part)

    def query(self, depth: int = 0) -> q.Query:
        """Return a random query: a part of a text, queries within a query, or a query of one field."""
        if self.draw.random() < 0.3:
            part = self.part()
            texts = q.Bool(should=(q.Contains("words", part), q.Contains("text", part)))
            return self.draw.choice((texts, q.Bool(must=(texts, self.leaf()))))
        if depth == 3 or self.draw.random() < 0.6:
            return self.leaf()
        must, must_not, filters, should = (
            tuple(self.query(depth + 1) for _ in range(self.draw.choice((0, 1, 2)))) for _ in range(4)
        )
        return q.Bool(must, must_not, filters, should, self.draw.choice((None, None, 1, 2)))

    def leaf(self) -> q.Query:
        pick, yes = self.draw.choice, (True, False)
        name, tag, tag_2, said, word = pick(("k", "tag")), pick(TAGS), pick(TAGS), self.said(), pick("ab款退s")
        found: q.Query = pick((
            q.MatchAll(), q.HasField(pick(sorted(FIELDS))), q.Match(name, tag), q.Prefix(name, tag),
            q.Term("n", pick((0, 1, -1))), q.Term(name, tag), q.Terms(name, (tag, tag_2)),
            q.Between(pick(("n", "i")), pick((None, 0, 1, 2)), pick((None, 1, 2, 5000)), pick(yes), pick(yes)),
            q.Between(name, tag, tag_2, pick(yes), pick(yes)),
            q.Wildcard(pick((name, "words", "text")), pick(PATTERNS)), q.Term("words", word),
            q.Terms("words", (word, "ss")), q.Prefix("words", pick(("a", "ab", "退", "s"))),
            q.Match("words", said, pick(yes)), q.Match("words", said, minimum_should_match=pick((1, 2, 3))),
            q.MatchPhrase("words", said), q.MatchPhrase("text", self.part()),
        ))  # fmt: skip
        return found

    def sorts(self) -> tuple[q.Sorter, ...]:
        names = self.draw.choices(("", "k", "i", "tag", "n"), k=self.draw.choice((0, 1, 1, 2, 3)))
        descending = self.draw.random() < 0.5
        return tuple(q.FieldSort(name, descending ^ (name == "n")) if name else q.KeySort(descending) for name in names)

    def expected(self, query: q.Query, sorts: tuple[q.Sorter, ...]) -> list[Key]:
        """Return the keys of the rows that match, in order."""
        found = sorted(key for key, row in self.rows.items() if passes(query, row))
        for sort in reversed(sorts):
            if isinstance(sort, q.KeySort):
                found.sort(reverse=sort.descending)
            elif isinstance(sort, q.FieldSort):
                values = {key: value for key in found if (value := value_of(self.rows[key], sort.field)) is not None}
                there = sorted(values, key=values.__getitem__, reverse=sort.descending)
                found = there + [key for key in found if key not in values]
        return found


@pytest.mark.parametrize(("size", "queries"), [(12, 10 * QUERIES), (12_000, QUERIES)])
def test_search_finds_what_plain_python_finds(size: int, queries: int) -> None:
    """The first pages hold the rows in order. The total is exact up to 10,000 rows, and never too small."""
    with closing(LocalClient(None, ManualClock())) as client:
        client.create_table(TABLE)
        client.create_search_index(INDEX)
        model = Model(client, size)
        for number in range(queries):
            if number % 5 == 0:
                model.change()
            query, sorts, limit = model.query(), model.sorts(), model.draw.choice((1, 3, 20, 100))
            expected = model.expected(query, sorts)
            search, case, end = q.Search(query, sorts, limit, count=True, columns=()), (query, sorts, limit), 0
            for page in islice(search_pages(client, TABLE.ref, "search", search), 4):
                start, end = end, end + limit
                assert expected[start:end] == [row.key for row in page.rows], case
                assert (end >= len(expected)) is (page.token is None), case
                assert page.total is not None
                assert page.total_is_exact or len(model.rows) > 10_000, case
                assert page.total == len(expected) if page.total_is_exact else page.total >= len(expected), case
