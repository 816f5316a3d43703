"""The filter language: parsing, and errors."""

from __future__ import annotations

import random
import warnings
from contextlib import suppress

import pytest

from tsmem.errors import InvalidInput
from tsmem.store.filters.row_filter import RowFilter
from tsmem.store.filters.syntax import MAX_COMPARISONS, MAX_DEPTH

VALID = [
    'role == "tool" and exists(name)',
    'role in ["user", "assistant"] and not exists(tool_calls)',
    'topic == "billing" and not (score < 3 or vip)',
    "1 < score <= 5 or n not in (1, 2.5, b'x', \"é\", True)",
    'metadata["from"] != b"\\x00\\xff" and x >= -9223372036854775808',
    "5 < score",
    "not not vip",
    '  (a == "北京"\n or b == -1.5e3)\n',
    'contains(content, "Refund") and not startswith(metadata["from"], "a")',
]
SAME = [
    ("metadata.topic == 1", "topic == 1"),
    ("metadata.topic == 1", 'metadata["topic"] == 1'),
    ("exists(metadata . vip) or metadata.vip", 'exists(vip) or metadata["vip"]'),
    ('contains(metadata.true, "x")', 'contains(metadata["true"], "x")'),
    ("vip == true and done != false", "vip == True and done != False"),
    ("true == vip", "vip"),
    ("vip in [true, false, 1]", "vip in [True, False, 1]"),
]
"""Pairs of filters that are written differently and mean the same."""


REFUSED = [
    ("a == 1 && b", 8, "write 'and' instead of '&&'"),
    ("a || b", 3, "write 'or' instead of '||'"),
    ("!a", 1, "write 'not' instead of '!'"),
    ('"北京" == a and b = 1', 17, "write '==' instead of '='"),
    ("a == 1 and (b = 2)", 15, "write '==' instead of '='"),
    ("a <> 1", 3, "write '!=' instead of '<>'"),
    ("a AND b", 3, "write 'and' instead of 'AND'"),
    ("NOT a", 1, "write 'not' instead of 'NOT'"),
    ("a == TRUE", 6, "write True instead of TRUE"),
    ("true", 1, 'write a column of that name as metadata["true"]'),
    ("true == false", 9, "compare a column with a value"),
    ("a == billing", 6, 'put quotes around a text: "billing"'),
    ("a == None", 6, "write exists(column) or not exists(column) instead of None"),
    ("1 < a < b", 9, 'put quotes around a text: "b"'),
    ("a > 1 and < 5", 11, "compare a column with a value"),
    ("a == 1 or 'b'", 11, "compare a column with a value"),
    ('class == "x"', 1, 'metadata["class"]'),
    ("metadata[a] == 1", 1, 'metadata["name"]'),
    ("metadata.ﬁle == 1", 1, 'such letters as metadata["name"]'),
    ("metadata.class == 1", 10, 'metadata["class"]'),
    ("metadata.a.b == 1", 1, 'write a metadata column as metadata.name or metadata["name"]'),
    ("other.a == 1", 1, 'write a metadata column as metadata.name or metadata["name"]'),
    ("a == metadata.b", 6, "write a value here"),
    ("len(a) == 1", 1, "there is no function 'len'; the functions are exists, contains, startswith"),
    ('starts_with(a, "x")', 1, "there is no function 'starts_with'; did you mean 'startswith'?"),
    ('a == __import__("os").system("id")', 6, "write a function alone, as exists(column), "),
    ("True == exists(a)", 9, "write a function alone, as exists(column), "),
    ('a.startswith("x")', 1, 'or startswith(column, "text")'),
    ("contains(a)", 1, 'contains(column, "text")'),
    ('contains(a, text="x")', 1, 'contains(column, "text")'),
    ('contains("x", a)', 10, "write a column here, without quotes"),
    ("contains(a, 5)", 13, "write a text in quotes here"),
    ("startswith(a, true)", 15, "write a text in quotes here"),
    ("startswith(a, x)", 15, 'put quotes around a text: "x"'),
    ('"x" in content', 1, 'write contains(column, "text") to look for a text in a column'),
    ("score + 1 > 2", 1, "a filter does not calculate"),
    ("ﬁle == 1", 1, 'such letters as metadata["name"]'),
    ("a in []", 6, "write values behind in"),
    ("x == -9223372036854775809", 6, "64-bit integer"),
    ('x == "\\ud800"', 6, "lone surrogate"),
    ("a == 1 # and not b", 8, "comments are not allowed"),
    ("  a == 1 && b ", 10, "write 'and' instead of '&&'"),
    ('a in ["x" "y"]', 11, "write a comma between two texts"),
    ("a == 1 and", 11, "the filter ends too early"),
    ("a and (lambda: 1)", 8, "not in the filter language"),
    ("a b", 3, "not in the filter language"),
    ("(a == b) in ['x']", 2, "not in the filter language"),
    ("a == " + "9" * 5000, 1, "not in the filter language"),
    ("a == '\x00'", 1, "not in the filter language"),
    ("-" * 9000 + "1 == a", 1, "nested too deeply"),
    ("a == 'x", 6, "unterminated string literal"),
    ("(a == 'x'", 1, "'(' was never closed"),
]


@pytest.mark.parametrize("text", VALID)
def test_identity_of_a_filter_does_not_depend_on_spacing(text: str) -> None:
    assert RowFilter(text).identity == RowFilter(f"( {text.strip()} )").identity


@pytest.mark.parametrize(("text", "same"), SAME)
def test_filters_that_mean_the_same_have_the_same_identity_and_columns(text: str, same: str) -> None:
    assert RowFilter(text).identity == RowFilter(same).identity
    assert RowFilter(text).columns == RowFilter(same).columns


def test_identity_of_a_filter_includes_its_functions() -> None:
    texts = ('contains(a, "x")', 'startswith(a, "x")', 'contains(a, "y")', 'contains(b, "x")', 'a == "x"')
    assert len(texts) == len({RowFilter(text).identity for text in texts})


@pytest.mark.parametrize(("text", "column", "reason"), REFUSED, ids=[text[:30] for text, _, _ in REFUSED])
def test_a_mistake_in_a_filter_is_refused_with_its_column(text: str, column: int, reason: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        RowFilter(text)

    assert refused.value.message.endswith(f" (column {column})")
    assert reason in refused.value.message
    assert "\n" not in refused.value.message
    assert refused.value.hint == "see: tsmem help filters"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("(a == 1 # and not b\n)", "line 1, column 9"),
        ("a == 1 and (\r\n  b = 2)", "line 2, column 5"),
        ("\n\n  a && b\n", "line 3, column 5"),
        ("\n (a == 1 or\n b == x)", "line 3, column 7"),
        ("a && b\n", "column 3"),
    ],
)
def test_a_mistake_in_a_filter_of_several_lines_is_refused_with_its_line(text: str, place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        RowFilter(text)

    assert refused.value.message.endswith(f" ({place})")
    assert "parentheses" not in refused.value.message


@pytest.mark.parametrize("text", ["a and\n b", "a\nand b", "exists(a)\n  and b", "a\n && b"])
def test_a_filter_of_several_lines_needs_parentheses(text: str) -> None:
    RowFilter(f"({text.replace('&&', 'and')})")
    with pytest.raises(InvalidInput, match="put parentheses around a filter of several lines"):
        RowFilter(text)


@pytest.mark.parametrize("text", ["\n", "()", "(" * 500 + "a" + ")" * 500])
def test_an_empty_or_too_long_filter_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="filter"):
        RowFilter(text)


def test_depth_and_number_of_comparisons_are_limited() -> None:
    RowFilter("not " * (MAX_DEPTH - 1) + "a")
    with pytest.raises(InvalidInput, match=f"deeper than {MAX_DEPTH}"):
        RowFilter("not " * MAX_DEPTH + "a")
    RowFilter(" or ".join(["a"] * MAX_COMPARISONS))
    with pytest.raises(InvalidInput, match=f"more than {MAX_COMPARISONS} comparisons"):
        RowFilter(f"a in {list(range(MAX_COMPARISONS + 1))}")
    with pytest.raises(InvalidInput, match=f"more than {MAX_COMPARISONS} comparisons"):
        RowFilter(" or ".join(['contains(a, "x")'] * (MAX_COMPARISONS + 1)))


@pytest.mark.parametrize("text", ['a == "\\d"', "a == 1 or b == 1and c", "1 == 1", 'a is "x"'])
def test_a_filter_causes_no_python_warning(text: str) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with suppress(InvalidInput):
            RowFilter(text)

    assert [] == warned


def test_random_text_is_read_or_refused() -> None:
    source = random.Random(4)
    signs = [chr(n) for n in range(128)] + list("é北\ud800\u2028😀\x85")
    words = [*"<()[]\"':", "==", "and", "or", "not", "in", "exists", "contains", "metadata", "lambda", "f'{"]
    texts = ["".join(source.choices(signs, k=source.randrange(40))) for _ in range(400)]
    texts += [" ".join(source.choices([*words, *signs], k=source.randrange(30))) for _ in range(400)]
    for _ in range(800):
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
