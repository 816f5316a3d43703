"""Search on the embedded engine beside plain Python, over random texts of many scripts.

Rows are put, updated and deleted between the queries. Nothing may be found that lacks the text, and nothing missed. The
store is larger than every limit inside the search, so that each of its ways is taken.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.clocks import ManualClock
from tsmem.adapters.local import LocalClient
from tsmem.folding import fold
from tsmem.port import FieldType, SearchIndexSchema, TableSchema
from tsmem.queries import Bool, Contains, FieldSort, KeySort, Query, Search, Sorter, Term
from tsmem.rows import ColumnType, Delete, Key, Put, Update, Value, Write

pytestmark = pytest.mark.slow

TABLE = TableSchema("t", (("k", ColumnType.STRING), ("i", ColumnType.INTEGER)))
FIELDS = (
    ("k", FieldType("KEYWORD")),
    ("i", FieldType("LONG")),
    ("tag", FieldType("KEYWORD")),
    ("n", FieldType("LONG")),
    ("text", FieldType("TEXT", "max_word")),
    ("more", FieldType("TEXT", "fuzzy", 1, 7)),
)
ROWS = 6_000
QUERIES = int(os.environ.get("TSMEM_TEST_QUERIES", "300"))
"""More of them for a long run."""
ALPHABETS = (
    "abcdefgh iI", "0123456789.,-", "?!@#'\"*()%_", "退款我要谢航班", "きゃんせるテスト", "환불취소요청", "สวัสดีครับ",
    "éàüñÉÀÜÑ", "iıİI", "sSßẞ", "ﬁﬂﬀ", "e\u0301o\u0308\u0345", "🎉😀👩\u200d💻", "a\0b", "\x01\x02\x03退",
)  # fmt: skip
"""Letters, digits, marks, Chinese, Japanese, Korean, Thai, accents, Turkish i, sharp s, ligatures, combining marks,
emoji, NUL, and the characters that the index pads with."""
ORDERS: tuple[tuple[Sorter, ...], ...] = (
    (), (KeySort(True),), (FieldSort("n", True),), (FieldSort("n"),), (FieldSort("i", True), FieldSort("tag")),
)  # fmt: skip


class Model:
    """The rows in plain Python, and the same rows in the engine."""

    def __init__(self, client: LocalClient, draw: random.Random) -> None:
        self.client = client
        self.draw = draw
        self.rows: dict[Key, dict[str, Value]] = {}

    def text(self) -> str:
        """Return a random text, mostly of one or two alphabets; now and then a long line."""
        letters = "".join(self.draw.sample(ALPHABETS, self.draw.choice((1, 1, 2, 3))))
        size = self.draw.choice((1, 3, 8, 20, 60))
        text = "".join(self.draw.choices(letters, k=size))
        long = self.draw.random() < 0.0003
        return (text * 30_000).encode()[:1_900_000].decode(errors="ignore") if long else text

    def columns(self) -> dict[str, Value]:
        """Return random columns: some missing, some of another type than their field."""
        found: dict[str, Value] = {}
        if self.draw.random() < 0.9:
            found["text"] = self.text()
        if self.draw.random() < 0.3:
            found["more"] = found.get("text", self.text()) if self.draw.random() < 0.5 else self.text()
        if self.draw.random() < 0.9:
            found["n"] = self.draw.choice((self.draw.randrange(5), self.draw.randrange(10_000), "no number"))
        found["tag"] = self.draw.choice("abc")
        return found

    def write(self, writes: list[Write]) -> None:
        """Apply writes of different keys to both."""
        for start in range(0, len(writes), 200):
            assert not any(self.client.write_rows(writes[start : start + 200]))
        for write in writes:
            if isinstance(write, Put):
                self.rows[write.key] = dict(write.columns)
            elif isinstance(write, Update):
                self.rows[write.key].update(write.columns)
                for name in write.delete:
                    self.rows[write.key].pop(name, None)
            else:
                del self.rows[write.key]

    def change(self) -> None:
        """Put, update and delete some rows."""
        keys = self.draw.sample(sorted(self.rows), 30)
        writes: list[Write] = [Put(TABLE.ref, key, self.columns()) for key in keys[:10]]
        writes += [Update(TABLE.ref, key, {"text": self.text()}, ("more",)) for key in keys[10:20]]
        writes += [Delete(TABLE.ref, key) for key in keys[20:]]
        writes += [Put(TABLE.ref, ("new", self.draw.randrange(2**40)), self.columns()) for _ in range(10)]
        self.write(writes)

    def part(self) -> str:
        """Return a part of some row's text, in some case; or a text that perhaps no row has."""
        texts = [text for row in self.draw.choices(list(self.rows.values()), k=5) if (text := _text(row, "text"))]
        if self.draw.random() < 0.2 or not texts:
            return "".join(self.draw.choices(self.draw.choice(ALPHABETS), k=self.draw.randrange(1, 5)))
        text = self.draw.choice(texts)[:2_000]
        at = self.draw.randrange(len(text))
        part = text[at : at + self.draw.choice((1, 2, 3, 3, 4, 6, 12, 100))]
        change: Callable[[str], str] = self.draw.choice((str, str.upper, str.lower, fold))
        return change(part)

    def expected(self, part: str, tag: str | None, sorts: tuple[Sorter, ...]) -> list[Key]:
        """Return the keys of the rows that have the part, in order."""
        folded = fold(part)
        found = [
            key
            for key, row in sorted(self.rows.items())
            if tag in (None, row["tag"]) and any(folded in fold(_text(row, name) or "") for name in ("text", "more"))
        ]
        for sort in reversed(sorts):
            if isinstance(sort, KeySort):
                found.sort(reverse=sort.descending)
            elif isinstance(sort, FieldSort):
                there = {key: value for key in found if (value := self._sorted_by(key, sort.field)) is not None}
                rest = [key for key in found if key not in there]
                found = [*sorted(there, key=lambda key: there[key], reverse=sort.descending), *rest]
        return found

    def _sorted_by(self, key: Key, field: str) -> Any:
        value = {"k": key[0], "i": key[1], **self.rows[key]}.get(field)
        return value if type(value) is (str if field == "tag" else int) else None


def _text(row: dict[str, Value], name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) else None


@pytest.mark.parametrize("seed", [1, 2])
def test_contains_finds_what_plain_python_finds(seed: int) -> None:
    """The first two pages, in order, and the exact count."""
    draw = random.Random(seed)
    with closing(LocalClient(None, ManualClock())) as client:
        client.create_table(TABLE)
        client.create_search_index(SearchIndexSchema("t", "search", FIELDS))
        model = Model(client, draw)
        model.write([Put(TABLE.ref, (draw.choice("abc"), number), model.columns()) for number in range(ROWS)])
        for number in range(QUERIES // 2):
            if number % 5 == 0:
                model.change()
            part, tag, sorts = model.part(), draw.choice((None, None, "a")), draw.choice(ORDERS)
            texts = Bool(should=(Contains("text", part), Contains("more", part)))
            query: Query = texts if tag is None else Bool(must=(texts,), filter=(Term("tag", tag),))
            expected = model.expected(part, tag, sorts)
            limit = draw.choice((1, 20, 100))
            page = client.search(TABLE.ref, "search", Search(query, sorts, limit, count=True, columns=()))
            found = [row.key for row in page.rows]
            if page.token is not None:
                second = client.search(TABLE.ref, "search", Search(query, sorts, limit, token=page.token, columns=()))
                found += [row.key for row in second.rows]

            assert found == expected[: 2 * limit], (part, tag, sorts, limit)
            assert (page.total == len(expected)) if page.total_is_exact else (page.total or 0) >= len(expected)
            assert (page.token is None) == (len(expected) <= limit)
