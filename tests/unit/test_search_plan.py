"""What is asked of a search index, whatever its fields, and what the rows decide."""

from __future__ import annotations

import pytest

from tsmem.errors import InvalidInput
from tsmem.port import FieldType
from tsmem.queries import (
    Between,
    Bool,
    FieldSort,
    HasField,
    Match,
    MatchAll,
    MatchPhrase,
    MayHold,
    Operator,
    Prefix,
    Query,
    ScoreSort,
    Term,
    Wildcard,
)
from tsmem.rows import Row
from tsmem.store import Message, Session
from tsmem.store.cursor import Window
from tsmem.store.filters import RowFilter
from tsmem.store.layout import DEFAULT, KEYWORD, LONG, TEXT_FUZZY, TEXT_MAX_WORD
from tsmem.store.nomination import Sought, nominate, verifier

SESSION, MESSAGE = dict(DEFAULT.session.search.fields), dict(DEFAULT.message.search.fields)
PYTHON_LIBRARY = {"session_id": KEYWORD, "message_id": KEYWORD, "create_time": LONG, "content": TEXT_MAX_WORD}
"""Of the index over messages that the official Python library makes."""
SINGLE, SPLIT = FieldType("TEXT", "single_word"), FieldType("TEXT", "split")


def query(sought: Sought, fields: dict[str, FieldType] = MESSAGE) -> Query:
    """What is asked of an index over messages."""
    return nominate(DEFAULT.message, fields, sought).query


def content(kind: FieldType, text: str) -> Query:
    """What is asked of an index whose only text is the content, of this type."""
    return query(Sought(text), {"create_time": LONG, "content": kind})


def by_words(kind: FieldType, text: str) -> Query:
    """The same, without what only says that the words may stand together."""
    found = content(kind, text)
    if not isinstance(found, Bool) or not found.filter:
        return found
    assert all(isinstance(part, MayHold) for part in found.filter)
    return found.must[0]


def test_both_texts_of_a_message_nominate() -> None:
    """The content by its words, the search content by any part; a session has the latter alone."""
    words, by_part = Match("content", "红 tee 茶", Operator.AND), MatchPhrase("search_content", "红 tee 茶")
    together = Bool(must=(words,), filter=(MayHold("content", "红 tee 茶"),))

    assert Bool(should=(together, by_part)) == query(Sought("红 tee 茶"))
    assert by_part == nominate(DEFAULT.session, SESSION, Sought("红 tee 茶")).query


def test_an_index_of_another_library_nominates_by_what_it_has() -> None:
    """The Python library indexes no search content and no role: what it does not say is left to the rows."""
    plan = nominate(DEFAULT.message, PYTHON_LIBRARY, Sought("茶", {"session_id": "s", "role": "user"}))

    words = Bool(must=(Match("content", "茶", Operator.AND),), filter=(MayHold("content", "茶"),))

    assert Bool(must=(words,), filter=(Term("session_id", "s"),)) == plan.query


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (SINGLE, "to be", MatchPhrase("content", "to be")),
        (FieldType("TEXT"), "to be", MatchPhrase("content", "to be")),
        (TEXT_MAX_WORD, "退款", Match("content", "退款", Operator.AND)),
        (FieldType("TEXT", "min_word"), "a", Match("content", "a", Operator.AND)),
        (TEXT_FUZZY, "!", MatchPhrase("content", "!")),
        (FieldType("TEXT", "fuzzy", 2, 4), "T", Wildcard("content", "*t*")),
        (FieldType("TEXT", "fuzzy", 2, 4), "te", MatchPhrase("content", "te")),
        (TEXT_MAX_WORD, "!!", MayHold("content", "!!")),
        (TEXT_MAX_WORD, "a?!b ?!? a", Match("content", "a?!b ?!? a", Operator.AND)),
        (TEXT_MAX_WORD, "🎉", MayHold("content", "🎉")),
        (SINGLE, " ", MayHold("content", " ")),
        (SPLIT, " ", MayHold("content", " ")),
        (SINGLE, "!\u0301??Ⓐ!", MayHold("content", "!\u0301??Ⓐ!")),
        (SINGLE, "\u0301", MayHold("content", "\u0301")),
        (FieldType("TEXT", "single_word", case_sensitive=True), "Tea", HasField("content")),
        (FieldType("TEXT", "split", case_sensitive=True), "tea", HasField("content")),
        (FieldType("TEXT", "single_word", case_sensitive=True), "退款", MatchPhrase("content", "退款")),
    ],
)
def test_a_field_nominates_as_its_analyzer_can(kind: FieldType, text: str, expected: Query) -> None:
    """Parts of texts, words, or, for a text without words, what may hold its longest part that folding leaves as it is;
    every row that has the field where the index keeps case and the text has one."""
    assert expected == by_words(kind, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tea", ()),
        ("to be", (MayHold("content", "to be"),)),
        ("退款", (MayHold("content", "退款"),)),
        ("tea?", (MayHold("content", "tea?"),)),
        ("a?!b ?!? a", (MayHold("content", "a?!b ?!? a"),)),
    ],
)
def test_words_stand_together_in_a_text(text: str, expected: tuple[MayHold, ...]) -> None:
    """An index that knows it is asked for that too, and for what stands between them; of one word there is no more."""
    query = content(SINGLE, text)

    assert expected == (query.filter if isinstance(query, Bool) else ())


@pytest.mark.parametrize(
    ("text", "head", "last"),
    [("Tea", "", "tea"), ("red TEA", "red ", "tea"), ("!tea", "", "tea"), ("茶 tea4", "茶 ", "tea4")],
)
def test_the_last_word_may_go_on(text: str, head: str, last: str) -> None:
    """Before a text's end all is whole words; a word may begin with its end."""
    whole, begun = Match("content", text, Operator.AND), Prefix("content", last)
    second = Bool(must=(Match("content", head, Operator.AND), begun)) if head else begun

    assert Bool(should=(whole, second)) == by_words(TEXT_MAX_WORD, text)


@pytest.mark.parametrize("text", ["te", "tea ", "tea?", "茶tea", "tea茶"])
def test_a_word_that_is_short_or_ended_does_not_go_on(text: str) -> None:
    """Two letters begin too many words; what follows a word ends it; scripts without spaces are left to the index."""
    assert Match("content", text, Operator.AND) == by_words(TEXT_MAX_WORD, text)


def test_words_that_keep_their_punctuation_nominate_by_what_is_in_them() -> None:
    """For the analyzer split, `time` is a part of the word `time?`."""
    words = Bool(must=(Wildcard("content", "*on*"), Wildcard("content", "*time*")))

    assert Bool(should=(Match("content", "on Time", Operator.AND), words)) == content(SPLIT, "on Time")


def test_an_index_may_fold_or_lower_its_words() -> None:
    """Both forms are looked for where they differ; a fuzzy field's too, of a text shorter than what it holds."""
    both = Bool(should=(Wildcard("content", "*strasse*"), Wildcard("content", "*straße*")))
    short = Bool(should=(Wildcard("content", "*ss*"), Wildcard("content", "*ß*")))

    assert Bool(should=(Match("content", "Straße", Operator.AND), Bool(must=(both,)))) == content(SPLIT, "Straße")
    assert short == content(FieldType("TEXT", "fuzzy", 3, 7), "ß")


def test_a_field_is_cut_where_its_delimiter_stands() -> None:
    """Spaces are then characters as others are."""
    words = Bool(must=(Wildcard("content", "*on time*"), Wildcard("content", "*late*")))
    expected = Bool(should=(Match("content", "on time,late", Operator.AND), words))

    assert expected == content(FieldType("TEXT", "split", delimiter=","), "on time,late")


def test_a_long_text_is_asked_for_by_its_beginning() -> None:
    """By 200 characters at most, and whole words where it has some; the row decides on all."""
    assert MatchPhrase("content", "x" * 200) == by_words(TEXT_FUZZY, "x" * 2000)
    assert MatchPhrase("content", "é" * 150) == by_words(SINGLE, " ".join(["é" * 150] * 9))


@pytest.mark.parametrize("kind", [SINGLE, TEXT_MAX_WORD, TEXT_FUZZY])
@pytest.mark.parametrize(
    ("end", "held"),
    [
        ("tea", "tea"),
        ("te", ""),
        ("té", ""),
        ("t\u0345", ""),
        ("退款", ""),
        ("te?", "te?"),
        ("x" * 2000, ""),
        (" x" * 1000, " x" * 899 + " "),
    ],
)
def test_more_of_a_long_text_is_what_rows_may_hold(kind: FieldType, end: str, held: str) -> None:
    """Up to 2,000 characters of it, without an end that could be within a word; a row is found on every backend, so
    that it takes no more than the beginning does."""
    found = content(kind, "a " * 100 + end)

    assert isinstance(found, Bool)
    assert (MayHold("content", "a " * 100 + held),) == found.filter


@pytest.mark.parametrize("fields", [{"create_time": LONG}, {"create_time": LONG, "content": KEYWORD}])
def test_text_needs_a_text_field(fields: dict[str, FieldType]) -> None:
    """An index without one cannot nominate, and the error says what it lacks and what to do."""
    with pytest.raises(InvalidInput, match="no text field content or search_content") as caught:
        query(Sought("tea"), fields)
    assert "tables.message.search_index" in str(caught.value.hint)
    assert MatchAll() == query(Sought(), fields)


def test_newest_first_needs_the_time() -> None:
    """An index without it can still be searched in order of score."""
    fields = {"content": TEXT_MAX_WORD}
    with pytest.raises(InvalidInput, match="no field create_time of type LONG"):
        query(Sought("tea"), fields)
    assert (ScoreSort(),) == nominate(DEFAULT.message, fields, Sought("tea", sort="score")).sorts


def test_conditions_are_asked_of_fields() -> None:
    """Ids and the role are keywords, the time is a range with both ends."""
    plan = nominate(DEFAULT.message, MESSAGE, Sought(None, {"session_id": "s", "role": "tool"}, Window(1, None)))

    expected = (Term("session_id", "s"), Term("role", "tool"), Between("create_time", 1, None))
    assert Bool(filter=expected) == plan.query
    assert (FieldSort("create_time", descending=True),) == plan.sorts


def test_what_is_dated_has_a_time() -> None:
    """The latest sessions of everyone are those that have an update time; a search without a window finds all."""
    assert Bool(filter=(HasField("update_time"),)) == nominate(DEFAULT.session, SESSION, Sought(dated=True)).query
    assert MatchAll() == nominate(DEFAULT.session, SESSION, Sought()).query


FIELDS = {**MESSAGE, "topic": KEYWORD, "vip": FieldType("BOOLEAN"), "n": LONG, "score": FieldType("DOUBLE")}
TOPIC = Term("topic", "a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('topic == "a"', TOPIC),
        ("vip", Term("vip", True)),
        ('topic == "a" and unknown > 1', TOPIC),
        ('topic == "a" and (n < 1 or unknown)', TOPIC),
        ('topic == "a" or vip == False', Bool(should=(TOPIC, Term("vip", False)))),
        ('topic == "a" and vip', Bool(filter=(TOPIC, Term("vip", True)))),
        ('topic == "a" or unknown == 1', None),
        ('not topic == "a"', None),
        ('topic != "a"', None),
        ('topic > "a"', None),
        ('content == "tea"', None),
        ("exists(topic)", None),
        ("topic == 5", None),
        ("n > 2.5", None),
        ("score == 5", None),
    ],
)
def test_a_filter_nominates_by_what_is_indexed(text: str, expected: Query | None) -> None:
    """Equal keywords and booleans narrow; what an index cannot say for certain does not."""
    wanted = MatchAll() if expected is None else Bool(filter=(expected,))

    assert wanted == query(Sought(filter=RowFilter(text)), FIELDS)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("n > 2", Between("n", 2, None, start_inclusive=False)),
        ("score <= 0.5", Between("score", None, 0.5)),
        ("n == 7", Between("n", 7, 7)),
    ],
)
def test_numbers_of_the_other_type_are_nominated_too(text: str, inside: Between) -> None:
    """A field LONG has no 5.0, and a filter finds it all the same: rows without the field are nominated."""
    either = Bool(should=(inside, Bool(must_not=(HasField(inside.field),))))

    assert Bool(filter=(either,)) == query(Sought(filter=RowFilter(text)), FIELDS)


@pytest.mark.parametrize(
    ("sought", "certain", "narrow"),
    [
        (Sought(None, {"role": "user"}), True, True),
        (Sought("tea"), False, True),
        (Sought("!!"), False, False),
        (Sought(filter=RowFilter("vip")), False, False),
        (Sought(None, {"unknown": "x"}), False, True),
    ],
)
def test_a_plan_knows_how_far_it_can_be_trusted(sought: Sought, certain: bool, narrow: bool) -> None:
    """The index's count is the count only where nothing is left to the rows."""
    plan = nominate(DEFAULT.message, MESSAGE, sought)

    assert (certain, narrow) == (plan.certain, plan.narrow)


@pytest.mark.parametrize(
    ("text", "said", "found"),
    [
        ("TEA", "some tea", True),
        ("e t", "some tea", True),
        ("tea.", "some tea", False),
        ("strasse", "STRAẞE", True),
        ("款", "退款!", True),
        ("🎉", "done 🎉", True),
        (" ", "nothing", False),
        ("", "", True),
    ],
)
def test_text_is_found_as_a_part_whatever_its_case(text: str, said: str, found: bool) -> None:
    """In the content or in the search content of a message."""
    is_found = verifier(DEFAULT.message, Sought(text))
    row = Row(("s", 1, "m"), {})

    assert found == is_found(row, Message("s", "m", 1, content=said))
    assert found == is_found(row, Message("s", "m", 1, content="-", search_content=said))


def test_the_row_decides_on_everything_else() -> None:
    """Ids, role, window and filter hold on the row, whatever was nominated."""
    row = Row(("s", 5, "m"), {"role": "user", "n": 5})
    item = Message("s", "m", 5, "user")
    kept = [
        Sought(None, {"session_id": "s", "role": "user"}),
        Sought(window=Window(5, 5)),
        Sought(filter=RowFilter('n == 5.0 and session_id == "s"')),
    ]
    lost = [
        Sought(None, {"role": "tool"}),
        Sought(window=Window(6, None)),
        Sought(window=Window(None, 4)),
        Sought(filter=RowFilter("n == 6")),
        Sought("tea"),
    ]

    assert [True] * len(kept) == [verifier(DEFAULT.message, each)(row, item) for each in kept]
    assert [False] * len(lost) == [verifier(DEFAULT.message, each)(row, item) for each in lost]


def test_a_session_without_time_is_in_no_window() -> None:
    """It is found by everything else."""
    row, item = Row(("u", "s"), {}), Session("u", "s")
    wanted = [Sought(), Sought(dated=True), Sought(window=Window(None, 9))]

    assert [True, False, False] == [verifier(DEFAULT.session, each)(row, item) for each in wanted]
