"""The filter language: what it takes, what it refuses and how; and what is sent passes all that the whole passes."""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings

from tests.filters import KEY, READABLE, ROWS, TREES, as_row, holds, spelled
from tsmem.errors import InvalidInput
from tsmem.rows import And, Comparison, Filter, Not, Op, Or, Value
from tsmem.store.filters.row_filter import MAX_SENT, Readable, RowFilter, condition_count
from tsmem.store.filters.syntax import MAX_CHARACTERS, MAX_COMPARISONS, MAX_DEPTH

VALID = [
    'role == "tool" and exists(name)',
    'role in ["user", "assistant"] and not exists(tool_calls)',
    'topic == "billing" and not (score < 3 or vip)',
    "1 < score <= 5 or n not in (1, 2.5, b'x', \"é\", True)",
    'metadata["from"] != b"\\x00\\xff" and x >= -9223372036854775808',
    "5 < score",
    "not not vip",
    '  (a == "北京"\n or b == -1.5e3)\n',
]

REFUSED = [
    ('__import__("os")', 1, "exists(column) is the only call"),
    ('a == __import__("os").system("id")', 6, "exists(column) is the only call"),
    ("exists(a)(b)", 1, "exists(column) is the only call"),
    ("a.__class__ == 1", 1, 'metadata["name"]'),
    ("lambda: a", 1, "not in the language"),
    ("a and (lambda: 1)", 8, "not in the language"),
    ("[a for a in b]", 1, "not in the language"),
    ("a in [b for b in c]", 6, "in wants values"),
    ("{a for a in b}", 1, "not in the language"),
    ('f"{a}"', 1, "without f"),
    ('a == f"{b}"', 6, "without f"),
    ("(a := 1)", 2, "equality is =="),
    ("a in [*b]", 7, "starred"),
    ("a if b else c", 1, "not in the language"),
    ("await a", 1, "not in the language"),
    ("a, b", 1, "not in the language"),
    ("a == 1 + 1", 6, "nothing is computed"),
    ("a == {}", 6, "a value stands here"),
    ("a == 1j", 6, "a value is text"),
    ("a == ...", 6, "a value is text"),
    ("a == -'x'", 6, "before a number"),
    ("a == --5", 6, "a value stands here"),
    ("-a", 1, "not in the language"),
    ("a is True", 6, "equality is =="),
    ("a == None", 6, "exists(column)"),
    ("a in [None]", 7, "exists(column)"),
    ("a in []", 6, "in wants values"),
    ('a in "abc"', 6, "in wants values"),
    ('"a" in [1]', 1, "without quotes"),
    ("a == b", 6, "compared with a value"),
    ("a == true", 6, "true is written True"),
    ("1 == 1", 6, "compared with a column"),
    ("1 < a < b", 9, "compared with a value"),
    ("True", 1, "a value alone"),
    ('"a"', 1, "a value alone"),
    ('topic = "x"', 7, "equality is =="),
    ("a && b", 4, "both is and"),
    ("a || b", 4, "one of two is or"),
    ("!a", 1, "negation is not"),
    ('class == "x"', 1, 'metadata["class"]'),
    ("x == 9223372036854775808", 6, "64 bits"),
    ("x == -9223372036854775809", 6, "64 bits"),
    ("x == 0x" + "f" * 9000, 6, "64 bits"),
    ("x == 1e999", 6, "too large"),
    ('x == "\\ud800"', 6, "lone surrogate"),
    ('x == "\ud800"', 7, "lone surrogate"),
    ('exists("a")', 1, "without quotes"),
    ("exists(a, b)", 1, "one column"),
    ("exists(a=b)", 1, "one column"),
    ("a[0] == 1", 1, 'metadata["name"]'),
    ("metadata[a] == 1", 1, 'metadata["name"]'),
    ('metadata["#b"] == 1', 1, "does not begin with #"),
    ("ﬁeld == 1", 1, 'metadata["name"]'),
    ("a == 1 # and b", 8, "no comments"),
    ("(a == 1 # and not b\n)", 9, "no comments"),
    ('a in ["x" "y"]', 11, "two texts stand side by side"),
    ('a == "x" "y"', 10, "two texts stand side by side"),
    ('(a == "x"\n"y")', 1, "two texts stand side by side"),
    ('"北京" == a and b = 1', 17, "equality is =="),
    ("a == 1\nor b", 1, "in parentheses"),
    ("a AND b", 3, "AND is written and"),
    ("NOT a", 5, "NOT is written not"),
    ("or a", 1, "or stands between two tests"),
    ("a and or b", 7, "or stands between two tests"),
    ("'x' in a", 1, "a part of a text is for search"),
    ('a contains "x"', 3, "a part of a text is for search"),
    ("a between 1 and 2", 3, "a range is 1 <= column <= 5"),
    ("exists(a) == True", 1, "exists(column) is a test by itself"),
    ("True == exists(a)", 1, "exists(column) is a test by itself"),
    ("exists a", 8, "exists(column) has parentheses"),
    ("print a", 1, "is missing here"),
    ("a b", 3, "and, or, or a comparison such as == is missing here"),
    ("(a == 1\n or b = 2)", 7, "equality is =="),
]


@pytest.mark.parametrize("text", VALID)
def test_what_is_in_the_language_is_read(text: str) -> None:
    """Each form of the language, and its identity does not depend on how it is spaced."""
    assert RowFilter(text).identity == RowFilter(f"( {text.strip()} )").identity


@pytest.mark.parametrize(("text", "column", "reason"), REFUSED, ids=[text[:30] for text, _, _ in REFUSED])
def test_what_is_not_is_refused_with_its_place(text: str, column: int, reason: str) -> None:
    """One sentence with the reason and the column, the text with a caret under it, and what is allowed."""
    with pytest.raises(InvalidInput) as refused:
        RowFilter(text)

    sentence, shown, caret = refused.value.message.split("\n")
    assert sentence.startswith("the filter cannot be used: ")
    assert sentence.endswith(f", at column {column}")
    assert reason in sentence
    assert caret.strip() == "^"
    assert len(shown) <= 80
    assert "exists(column)" in str(refused.value.hint)


def test_the_caret_stands_under_the_place() -> None:
    """Also behind characters that are two cells wide or none, and in the part that is shown of a long text."""
    for text, shown in (('topic = "x"', 'topic = "x"'), ('"北京" == a and b = 1', '"北京" == a and b = 1')):
        with pytest.raises(InvalidInput) as refused:
            RowFilter(text)
        assert f"  {shown}" == refused.value.message.split("\n")[1]
    assert len('  "北京" == a and b ') + 2 == refused.value.message.split("\n")[2].index("^")

    with pytest.raises(InvalidInput) as refused:
        RowFilter('"cafe\u0301 \u2764\ufe0f" == a and b = 1')
    assert len('  "cafe \u2764" == a and b ') == refused.value.message.split("\n")[2].index("^")

    with pytest.raises(InvalidInput) as refused:
        RowFilter("a == 1 and " * 100 + "b = 2")
    _, line, caret = refused.value.message.split("\n")
    assert "=" == line[caret.index("^")]


@pytest.mark.parametrize("text", ["", "  ", "\n", "()", "a" * (MAX_CHARACTERS + 1), "(" * 500 + "a" + ")" * 500, "a\0"])
def test_no_text_and_too_much_text_are_refused(text: str) -> None:
    """Nothing, nothing but brackets, and what Python itself cannot read."""
    with pytest.raises(InvalidInput, match="filter"):
        RowFilter(text)


def test_depth_and_number_are_bounded() -> None:
    """As deep and as many as the limits say, and not one more."""
    RowFilter("not " * (MAX_DEPTH - 1) + "a")
    with pytest.raises(InvalidInput, match=f"deeper than {MAX_DEPTH}"):
        RowFilter("not " * MAX_DEPTH + "a")
    RowFilter(" or ".join(["a"] * MAX_COMPARISONS))
    for more in (" or ".join(["a"] * (MAX_COMPARISONS + 1)), f"a in {list(range(MAX_COMPARISONS + 1))}"):
        with pytest.raises(InvalidInput, match=f"more than {MAX_COMPARISONS} comparisons"):
            RowFilter(more)


@pytest.mark.parametrize("text", ['a == "\\d"', "a == 1 or b == 1and c", "1 == 1", 'a is "x"'])
def test_python_warns_of_nothing(text: str) -> None:
    """Warnings of Python's parser are not for who types a filter, also where warnings are errors."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with suppress(InvalidInput):
            RowFilter(text)

    assert [] == warned


def test_random_text_is_read_or_refused() -> None:
    """10,000 random strings and 10,000 mutations of filters give a filter or InvalidInput, and nothing else."""
    source = random.Random(4)
    signs = [chr(n) for n in range(128)] + list("é北\ud800\u2028😀\x85")
    words = [
        "and",
        "or",
        "not",
        "in",
        "exists",
        "metadata",
        "==",
        "<",
        "(",
        ")",
        "[",
        "]",
        '"',
        "'",
        "lambda",
        ":",
        "f'{",
    ]
    texts = ["".join(source.choices(signs, k=source.randrange(40))) for _ in range(1000)]
    texts += [" ".join(source.choices([*words, *signs], k=source.randrange(30))) for _ in range(1000)]
    for _ in range(2_000):
        mutant = list(source.choice(VALID))
        for _ in range(source.randrange(1, 5)):
            place = source.randrange(len(mutant) + 1)
            mutant[place : place + source.randrange(3)] = source.choice([*words, *signs]) * source.choice((0, 1, 1, 50))
        texts.append("".join(mutant))

    read = 0
    for text in texts:
        try:
            RowFilter(text)
            read += 1
        except InvalidInput:
            continue

    assert 0 < read < len(texts)


# Meaning

ROW: dict[str, Value] = {"n": 5, "f": 5.0, "t": "5", "y": True, "b": b"5", "big": 2**53 + 1, "e": "", "z": 0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n == 5 and n == 5.0 and f == 5 and 5 == f", True),
        ('n == "5"', False),
        ('n != "5"', False),
        ("t != 5 or t == b'5' or b == \"5\"", False),
        ("y == 1 or y != 1 or y != 2 or n == True", False),
        ("y and y == True and y != False and y > False and False < y", True),
        ("n or t or e or missing", False),
        ("not missing and not n", True),
        ("missing == 1 or missing != 1 or missing in [1] or missing not in [1]", False),
        ('not (missing == "x") and not (missing != "x")', True),
        ("big == 9007199254740993 and big != 9007199254740992.0 and big > 9007199254740992.0", True),
        ("f < 9007199254740993 and 4.5 < n < 5.5", True),
        ("n in ['5', 5] and n not in [6, '5'] and t not in [5, '6']", True),
        ("n not in ['5'] or n not in [True]", False),
        ("exists(n) and exists(e) and exists(z) and not exists(missing) and exists(k)", True),
        ('e == "" and z == 0 and z == -0.0', True),
        ('t < "50" and t >= "5" and b < b"\\xff"', True),
        ('k == "key" and metadata["k"] == "key" and metadata["n"] == 5', True),
    ],
)
def test_what_a_filter_means(text: str, expected: bool) -> None:
    """Two values, no match across types, numbers exact, a missing column false for every operator."""
    readable = Readable({"k": str})
    row = as_row({"k": "key", **ROW}, readable)

    assert expected is RowFilter(text).test(readable.key)(row)


@settings(max_examples=150, deadline=None)
@given(TREES, ROWS)
def test_a_filter_means_what_plain_python_says(tree: object, row: Mapping[str, Value]) -> None:
    """The compiled filter and a dozen lines of Python agree on every row."""
    assert holds(tree, row) is RowFilter(spelled(tree)).test(KEY)(as_row(row))


# Sending


def passes(test: Filter, row: Mapping[str, Value]) -> bool:
    """What the service says: never a match across types."""
    if isinstance(test, Not):
        return not passes(test.part, row)
    if isinstance(test, And | Or):
        return (all if isinstance(test, And) else any)(passes(part, row) for part in test.parts)
    value = row.get(test.column)
    if value is None:
        return test.pass_if_missing
    if type(value) is not type(test.value):
        return False
    less, same = value < test.value, value == test.value  # type: ignore[operator]
    return {Op.EQ: same, Op.NE: not same, Op.LT: less, Op.LE: less or same, Op.GT: not (less or same)}.get(
        test.op, not less
    )


@settings(max_examples=200, deadline=None)
@given(TREES, ROWS)
def test_what_is_sent_passes_all_that_the_whole_passes(tree: object, row: Mapping[str, Value]) -> None:
    """On a table and on an index of keys alone; in ten conditions, in few, and with room for all, where it is exact."""
    wanted = RowFilter(spelled(tree))
    index = Readable({**KEY}, columns=False)
    for readable, room in ((READABLE, MAX_SENT), (READABLE, 3), (READABLE, 0), (index, MAX_SENT)):
        sent = wanted.sent(readable, room).filter
        assert condition_count(sent) <= room
        if sent is not None and holds(tree, row):
            assert passes(sent, row)
        if sent is not None and readable is index:
            assert columns(sent) <= set(KEY)


def columns(test: Filter) -> set[str]:
    """The columns that a filter looks at."""
    if isinstance(test, Comparison):
        return {test.column}
    return columns(test.part) if isinstance(test, Not) else {name for part in test.parts for name in columns(part)}


NUMBERS: list[int | float] = [
    0, -0.0, 1, 1.0, 0.5, -0.5, 2**53, 2.0**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2.0**63, -(2**63), -(2.0**63),
    1e19, -1e19, 1e300, -1e300, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, 9007199254740993,
]  # fmt: skip


@pytest.mark.parametrize("literal", [n for n in NUMBERS if type(n) is float or -(2**63) <= n < 2**63])
@pytest.mark.parametrize("op", ["==", "!=", "<", "<=", ">", ">="])
def test_a_number_is_sent_exactly(literal: float, op: str) -> None:
    """An integer and a double each have the bound that gives what Python's exact comparison gives."""
    wanted = RowFilter(f"n {op} {literal!r}")
    sent = wanted.sent(READABLE).filter
    assert sent is not None

    for value in NUMBERS:
        if type(value) is float or -(2**63) <= value < 2**63:
            row: Mapping[str, Value] = {"n": value}
            assert (value, wanted.test(KEY)(as_row(row))) == (value, passes(sent, row))


def test_of_what_is_joined_by_and_the_cheapest_that_fit_are_sent() -> None:
    """An `or` goes whole or not at all; a filter past ten conditions still sends a part."""
    many = " or ".join(f'a == "{n}"' for n in range(12))
    sent = RowFilter(f'({many}) and role == "tool"').sent(READABLE).filter

    assert Comparison("role", Op.EQ, "tool") == sent
    assert RowFilter(many).sent(READABLE).filter is None
    ten = RowFilter(" and ".join(f'a != "{n}"' for n in range(12))).sent(READABLE).filter
    assert 10 == condition_count(ten)


def test_exists_is_sent_as_two_comparisons() -> None:
    """Whatever is there is equal or not equal; both pass where nothing is."""
    both = And((Comparison("x", Op.EQ, 0, True), Comparison("x", Op.NE, 0, True)))

    assert Not(both) == RowFilter("exists(x)").sent(READABLE).filter
    assert both == RowFilter("not exists(x)").sent(READABLE).filter
    assert RowFilter("exists(k)").sent(READABLE).filter is None


@pytest.mark.parametrize(("text", "column"), [("score <", 8), ("a == 1 and", 11), ("not ", 4), ("1 <\t", 4)])
def test_a_filter_that_ends_too_early_is_pointed_at_where_it_ends(text: str, column: int) -> None:
    """The caret stands behind the last word."""
    with pytest.raises(InvalidInput, match=f"it ends too early, at column {column}"):
        RowFilter(text)
