"""What stands between words: an index has how it joins two, the marks before one, and its own parts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import product
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.clocks import ManualClock
from tsmem.adapters.local import LocalClient
from tsmem.engine import marks
from tsmem.folding import fold
from tsmem.port import FieldType, SearchIndexSchema
from tsmem.rows import Delete, Put
from tsmem.store import MemoryStore, Message
from tsmem.store.layout import DEFAULT, TEXT_FUZZY
from tsmem.store.model import Total
from tsmem.store.nomination import SORTS
from tsmem.store.records import Record
from tsmem.store.tally import Tally

ANALYZERS = {
    "single_word": FieldType("TEXT", "single_word"),
    "max_word": FieldType("TEXT", "max_word"),
    "split": FieldType("TEXT", "split", delimiter="?"),
    "case kept": FieldType("TEXT", "min_word", case_sensitive=True),
}
LETTERLESS = "?!-. \n_🎉Ⓐⓐ\u0301\u0345\0"
"""Marks, a symbol, symbols with case, combining marks of which one folds to a letter, and where SQLite ends a text."""

texts = st.none() | st.text(LETTERLESS + "aß退", max_size=12)
parts = st.text(LETTERLESS, min_size=1, max_size=5)
rows = st.dictionaries(st.sampled_from("abcdef"), st.tuples(texts, texts), max_size=6)


@contextmanager
def indexed(kind: FieldType) -> Iterator[MemoryStore]:
    """An empty store in memory whose index has contents of a kind."""
    with closing(LocalClient(None, ManualClock())) as client:
        client.create_table(DEFAULT.message.schema)
        fields = (("create_time", FieldType("LONG")), ("content", kind), ("search_content", TEXT_FUZZY))
        client.create_search_index(SearchIndexSchema("message", DEFAULT.message.search.name, fields))
        yield MemoryStore(client, target="test")


@pytest.mark.slow
@pytest.mark.parametrize("name", ANALYZERS)
@settings(max_examples=60, deadline=None)
@given(first=rows, then=rows, gone=st.sampled_from("abcdef"), asked=st.lists(parts, min_size=1, max_size=6))
def test_text_without_letters_is_found_wherever_it_stands(
    name: str,
    first: dict[str, tuple[str | None, str | None]],
    then: dict[str, tuple[str | None, str | None]],
    gone: str,
    asked: list[str],
) -> None:
    """After writes, changes and a deletion a search finds what plain Python finds, newest first."""
    with indexed(ANALYZERS[name]) as store:
        for batch in (first, then):
            for time, (called, (content, search)) in enumerate(sorted(batch.items())):
                store.messages.put(Message("s", called, time, content=content, search_content=search))
        there = {(m.create_time, m.message_id): m for m in store.messages.iterate("s")}
        for key, message in list(there.items()):
            if message.message_id == gone:
                store.messages.delete("s", gone, create_time=message.create_time)
                del there[key]
        for part in asked:
            expected = [
                key
                for key, message in sorted(there.items(), key=lambda item: (-item[0][0], item[0][1]))
                if any(text and fold(part) in fold(text) for text in (message.content, message.search_content))
            ]
            assert expected == [(m.create_time, m.message_id) for m in store.messages.search(part)]


@pytest.mark.parametrize("name", ANALYZERS)
@pytest.mark.parametrize(
    ("text", "asked"),
    [("\u0149, so", "\u02bcN, SO"), ("\u1e9a so", "a\u02be so"), ("\u01f05 退 so", "\u030c5 退"), ("İ5", "\u03075")],
)
def test_what_folding_makes_of_a_character_is_found_in_it(name: str, text: str, asked: str) -> None:
    """A letter's own apostrophe, or its mark above, is a part of it where folding takes it apart."""
    with indexed(ANALYZERS[name]) as store:
        store.messages.put(Message("s", "m", 1, content=text))
        assert ["m"] == [message.message_id for message in store.messages.search(asked)]


@pytest.mark.parametrize("delimiter", ["e", "E", "1"])
def test_a_delimiter_may_be_a_letter_or_a_digit(delimiter: str) -> None:
    """What divides words and what is between two of them is found, whatever the case it is asked for in."""
    with indexed(FieldType("TEXT", "split", delimiter=delimiter)) as store:
        store.messages.put(Message("s", "m", 1, content="Tea 1 SEA"))
        for asked in ("e", "E", "1", "a 1 s", "tea 1 sea", "EA", "ea"):
            for sort in SORTS:
                assert ["m"] == [message.message_id for message in store.messages.search(asked, sort=sort)]


def shown(text: str) -> list[str] | None:
    """What FTS5 is given of the marks of a text; the same where other words are kept of it."""
    found = marks.indexed(*marks.kept(text, apart=False))
    assert found == marks.indexed(None, marks.kept(text, apart=True)[1])
    return None if found is None else found.split(marks.DIVIDER)


def test_what_is_given_of_marks() -> None:
    """Each word with what stands behind it and the next word, the last mark or two before a word, and what goes on from
    each character of three and more; what would divide, and what SQLite ends at, are hidden in it."""
    assert [None, None, None] == [shown(""), shown("word"), shown(" word")]
    assert ["two words"] == shown("Two WORDS")
    assert ["a, b", "b_c", ", b", "_c"] == shown("a, B_c")
    assert ["退款", "款。'🎉", "🎉 !", "。'🎉", "'🎉"] == shown("退款。'🎉 !")
    assert {'k": "v', ' "v', '"v', '": "', ': "'} == set(shown('k": "v') or [])
    assert ["a\U0010ff00", "a \n"] == shown("a\0") + shown("a \n")  # type: ignore[operator]
    assert ["a\U0010ff1fb", "\U0010ff1fb"] == shown("a\x1fb")
    assert ["!" + "a" * 64] == shown("!" + "a" * 99)
    assert ["a" * 64 + "!" + "b" * 64, "!" + "b" * 64] == shown("a" * 99 + "!" + "b" * 99)
    assert ["-" * length for length in (8, 7, 6, 5, 4, 3)] == shown("-" * 9)
    assert ["a" + "-" * 8, "--b", "-b"] == [each for each in shown("a---------b") or [] if each.strip("-")]


ANY = st.text("abß退\u0e31🎉_-,. \n\0\u0301\x1f'\"", max_size=20)


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(text=ANY, begin=st.integers(0, 19), length=st.integers(1, 12))
@example("退退退退", 1, 2)
@example("a - 🎉🎉!", 0, 9)
@example("b, abb", 0, 6)
def test_a_text_has_the_marks_of_its_parts(text: str, begin: int, length: int) -> None:
    """Whatever a part with whole words is asked for by is kept of the text; the end of its last may be missing."""
    text = fold(text)
    part = text[begin : begin + length]
    before = text[:begin][-1:]
    assume(not (before.isalnum() and part[:1].isalnum()))
    there = shown(text) or []

    for asked, goes_on in marks.asked(part):
        assert any(each.startswith(asked) if goes_on else each == asked for each in there)


def test_a_search_for_marks_reads_those_rows_alone() -> None:
    """Of a thousand messages those with the text are read, wherever they stand."""
    with indexed(ANALYZERS["max_word"]) as store:
        contents = ["why?!? - so" if number in (3, 500) else "so - so" for number in range(1000)]
        said = [Message("s", f"m{number:04d}", number, content=content) for number, content in enumerate(contents)]
        store.transfer.load((Record(n, item) for n, item in enumerate(said)), tally=Tally())
        scanned = []
        for part, limit, count in (("?!?", 10, 2), ("?!?!", 10, 0)):
            before = store.cost
            assert count == len(list(store.messages.search(part, limit=limit)))
            scanned.append(store.cost.rows_scanned - before.rows_scanned)
    assert [2, 0] == scanned


MARKED = (
    "so so", "so  so", "so\nso", "so nono",
    "so?!?", "so@", "@so", "so - @so", "so (", "so\n", "...so", "....", "so... so", '"so": "so"', "so@so", "so' so",
)  # fmt: skip
"""What two of a thousand messages say, where all of them say the word, and other marks beside it."""


@pytest.mark.parametrize("asked", MARKED)
@pytest.mark.parametrize("name", ["single_word", "max_word"])
def test_marks_beside_a_common_word_nominate(name: str, asked: str) -> None:
    """A word that all messages have does not make all of them be read where what stands beside it is rare."""
    with indexed(ANALYZERS[name]) as store:
        texts = [f"no, {asked} no" if number in (3, 500) else "so, so: ... no (no)" for number in range(1000)]
        said = [Message("s", f"m{number:04d}", number, content=content) for number, content in enumerate(texts)]
        store.transfer.load((Record(n, item) for n, item in enumerate(said)), tally=Tally())
        before = store.cost
        assert ["m0500", "m0003"] == [message.message_id for message in store.messages.search(asked.upper())]
    assert 2 == store.cost.rows_scanned - before.rows_scanned


RULES = (
    "You are a helpful assistant of an airline; be kind, and before you act list what is to be done, and have a yes. "
)
SIMILAR = {
    "symbols in another order": ("👍👎👍", "👍 👎, 👎👍", "👍👎👍"),
    "more marks between words": ("so?!?so", "so?!??so", "so?!?so"),
    "the end of a long text": (f"{RULES * 3}1024, (yes)", f"{RULES * 3}2048, (no)", f"{RULES * 3}1024, (yes)"),
    "a word in a long text": (f"{RULES * 3}this time", f"{RULES * 3}that time", f"{RULES * 3}this"),
    "a mark in a part": (RULES.replace("; b", ", b"), RULES, RULES[:45].replace("; b", ", b")),
}
"""What two of a thousand messages say, what the others say, and what is looked for."""


@pytest.mark.parametrize("name", SIMILAR)
def test_texts_that_are_like_it_are_not_read(name: str) -> None:
    """Where all messages have nearly the text, those with the text itself are read, in both of their texts."""
    said, others, asked = SIMILAR[name]
    with indexed(ANALYZERS["max_word"]) as store:
        texts = [said if number in (3, 500) else others for number in range(1000)]
        said_all = [Message("s", f"m{n:04d}", n, content=text, search_content=text) for n, text in enumerate(texts)]
        store.transfer.load((Record(n, item) for n, item in enumerate(said_all)), tally=Tally())
        before = store.cost
        assert ["m0500", "m0003"] == [message.message_id for message in store.messages.search(asked)]
    cost = store.cost
    assert (2, 2) == (cost.rows_scanned - before.rows_scanned, cost.requests - before.requests)


def test_a_mark_that_folds_to_a_letter_may_stand_behind_one() -> None:
    """What begins with a combining mark that folding makes a letter is found where that is a part of a word."""
    with indexed(ANALYZERS["single_word"]) as store:
        store.messages.put(Message("s", "m", 1, content="\u03b1\u0345 \n."))

        assert ["m"] == [message.message_id for message in store.messages.search("\u0345 \n")]


def test_words_that_stand_together_otherwise_are_not_read() -> None:
    """What has the words and other characters between them is told apart before a row is read: behind the index's
    description one request finds all, and their number."""
    with indexed(ANALYZERS["single_word"]) as store:
        texts = ["so it" if number in (3, 500) else "so_it" for number in range(1000)]
        said = [Message("s", f"m{number:04d}", number, content=content) for number, content in enumerate(texts)]
        store.transfer.load((Record(n, item) for n, item in enumerate(said)), tally=Tally())
        before = store.cost
        found = store.messages.search("so it")
        assert ["m0500", "m0003"] == [message.message_id for message in found]
        assert Total(2, 2) == found.total
    assert 2 == store.cost.requests - before.requests


def test_many_texts_of_two_words_are_counted_without_a_look_at_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """How two words are joined is in the index as it stands: what it finds has the text, and no row is tested."""
    looked_into: list[str] = []
    monkeypatch.setattr("tsmem.engine.search.holds", lambda kept, name, part: looked_into.append(name))
    with indexed(ANALYZERS["max_word"]) as store:
        said = [Message("s", f"m{n:04d}", n, content="so, it is" if n % 2 else "so_it is") for n in range(2400)]
        store.transfer.load((Record(n, item) for n, item in enumerate(said)), tally=Tally())
        found = store.messages.search("so, it", limit=1)
        assert ["m2399"] == [message.message_id for message in found]
        assert 1200 == found.total.at_most
    assert [] == looked_into


@pytest.mark.parametrize(("said", "asked"), [("a\x01b", "a\U0010ff01b"), ("a\U0010ff01b", "a\x01b")])
def test_what_hides_a_character_is_not_taken_for_it(said: str, asked: str) -> None:
    """A text with a control character and one with the character that stands for it in the index are two: the index
    alone does not say which a row has."""
    assert [False] == [marks.says(mark, asked) for mark, _ in marks.asked(asked)]
    with indexed(ANALYZERS["max_word"]) as store:
        store.messages.put(Message("s", "m", 1, content=said))
        assert [[], ["m"]] == [[each.message_id for each in store.messages.search(text)] for text in (asked, said)]


def test_long_blanks_are_found_by_parts() -> None:
    """What of a long text is asked for is never nothing, also where it is blank."""
    with closing(LocalClient(None, ManualClock())) as client:
        client.create_table(DEFAULT.message.schema)
        fields = (("create_time", FieldType("LONG")), ("search_content", TEXT_FUZZY))
        client.create_search_index(SearchIndexSchema("message", DEFAULT.message.search.name, fields))
        store = MemoryStore(client, target="test")
        for number, blanks in enumerate((300, 2, 2, 2)):
            store.messages.put(Message("s", str(number), number, search_content="x" + " " * blanks))
        before = store.cost
        assert ["0"] == [message.message_id for message in store.messages.search(" " * 300)]
    assert 1 == store.cost.rows_scanned - before.rows_scanned


TEXTS = (None, "", "a", "?!?", "a?!?b c", "C 退款" * 40)


def changed_often(path: Path) -> None:
    """A file with an index over texts of each kind, which came, changed and went."""
    with closing(LocalClient(path, ManualClock())) as client:
        client.create_table(DEFAULT.message.schema)
        kinds = {"content": ANALYZERS["max_word"], "other": ANALYZERS["split"], "search_content": TEXT_FUZZY}
        client.create_search_index(
            SearchIndexSchema("message", "all", (*kinds.items(), ("role", FieldType("KEYWORD"))))
        )
        for at, (first, then) in enumerate(product(TEXTS, repeat=2)):
            for name in kinds:
                for value in (first, then):
                    columns = {} if value is None else {name: value}
                    client.write_rows([Put(DEFAULT.message.ref, ("s", at, name), columns)])
                if at % 5 == 0:
                    client.write_rows([Delete(DEFAULT.message.ref, ("s", at, name))])


def test_fts5_has_what_is_kept_of_texts_and_no_more(tmp_path: Path) -> None:
    """After texts came, changed and went, each FTS5 table has the words, parts and marks of the texts that are there,
    and its own check of itself passes."""
    path = tmp_path / "memory.db"
    changed_often(path)
    with closing(sqlite3.connect(path)) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%USING fts5(%'")]
        assert ["s1_words", "s1_grams", "s1_marks"] == names
        there: dict[str, set[tuple[object, ...]]] = {}
        for name in names:
            raw.execute(f"INSERT INTO {name} ({name}, rank) VALUES ('integrity-check', 1)")
            raw.execute(f"CREATE VIRTUAL TABLE temp.v_{name} USING fts5vocab(main, {name}, instance)")
            there[name] = set(raw.execute(f"SELECT doc, col, offset, term FROM v_{name}"))
        words, grams, beside = (set[tuple[object, ...]]() for _ in names)
        for doc, f0, f0_marks, f1, f1_marks, f2 in raw.execute("SELECT * FROM s1_texts"):
            for column, text in (("f0", f0), ("f1", f1)):
                words |= {(doc, column, place, word) for place, word in enumerate((text or "").split())}
            grams |= {(doc, None, None, (f2 or "")[at : at + 3]) for at in range(len(f2 or "") - 2)}
            for found in (marks.indexed(f0, f0_marks), marks.indexed(None, f1_marks)):
                beside |= {(doc, None, None, each) for each in (found or "").split(marks.DIVIDER) if each}
    assert [True] * 3 == [bool(each) for each in (words, grams, beside)]
    assert {"s1_words": words, "s1_grams": grams, "s1_marks": beside} == there


def test_fts5_is_not_made_to_write_out_each_row(tmp_path: Path) -> None:
    """What rows of one transaction tell an FTS5 table makes one segment of it: with each savepoint it makes one more,
    and SQLite begins one for triggers and for rows that are selected."""
    path = tmp_path / "memory.db"
    with closing(LocalClient(path, ManualClock())) as client:
        client.create_table(DEFAULT.message.schema)
        fields = (("content", ANALYZERS["max_word"]), ("search_content", TEXT_FUZZY), ("role", FieldType("KEYWORD")))
        client.create_search_index(SearchIndexSchema("message", "all", fields))
        for text in ("first, text", "other, text"):
            columns = {"content": text, "search_content": text, "role": "user"}
            client.write_rows([Put(DEFAULT.message.ref, ("s", at, "m"), columns) for at in range(100)])
    with closing(sqlite3.connect(path)) as raw:
        for name in ("s1_words", "s1_marks", "s1_grams"):
            ((segments,),) = raw.execute(f"SELECT count(DISTINCT segid) FROM {name}_idx")
            assert 1 <= segments <= 2, name
