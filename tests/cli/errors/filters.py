# ruff: noqa: E501 - sentences stand as they are told
"""Filters that cannot be read, and what they might have meant."""

from __future__ import annotations

from tests.cli.errors.case import Case
from tsmem.store.filters.syntax import ALLOWED as LANGUAGE

ALLOWED = "allowed: " + LANGUAGE

CASES = (
    Case(
        "An empty filter.",
        "session list --filter ''",
        "--filter: the filter is empty",
        hint=ALLOWED,
    ),
    Case(
        "A filter of blanks.",
        "session list --filter '  '",
        "--filter: the filter is empty",
        hint=ALLOWED,
    ),
    Case(
        "A filter that ends too early.",
        "session list --filter 'topic == '",
        "--filter: the filter cannot be used: it ends too early, at column 9",
        hint=ALLOWED,
    ),
    Case(
        "One equals sign.",
        "session list --filter 'topic = '\"'\"'x'\"'\"''",
        "--filter: the filter cannot be used: equality is ==, at column 7",
        hint=ALLOWED,
    ),
    Case(
        "SQL's and.",
        "session list --filter 'topic == '\"'\"'x'\"'\"' AND score > 3'",
        "--filter: the filter cannot be used: AND is written and, at column 14",
        hint=ALLOWED,
    ),
    Case(
        "A C programmer's and.",
        "session list --filter 'topic == '\"'\"'x'\"'\"' && score > 3'",
        "--filter: the filter cannot be used: both is and, at column 15",
        hint=ALLOWED,
    ),
    Case(
        "A text that does not end.",
        "session list --filter 'topic == '\"'\"'x'",
        "--filter: the filter cannot be used: unterminated string literal, at column 10",
        hint=ALLOWED,
    ),
    Case(
        "Brackets that do not match.",
        "session list --filter '(topic == '\"'\"'x'\"'\"''",
        "--filter: the filter cannot be used: '(' was never closed, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "A value alone.",
        "session list --filter ''\"'\"'x'\"'\"''",
        "--filter: the filter cannot be used: a value alone is no test, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "A call.",
        "session list --filter 'len(topic) > 3'",
        "--filter: the filter cannot be used: exists(column) is the only call, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "A sum.",
        "session list --filter 'score + 1 > 3'",
        "--filter: the filter cannot be used: nothing is computed, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "An attribute.",
        "session list --filter 'metadata.topic == '\"'\"'x'\"'\"''",
        '--filter: the filter cannot be used: a metadata column is its name alone, or metadata["name"], at column 1',
        hint=ALLOWED,
    ),
    Case(
        "A comment.",
        "session list --filter 'topic == '\"'\"'x'\"'\"' # why'",
        "--filter: the filter cannot be used: a filter has no comments, at column 14",
        hint=ALLOWED,
    ),
    Case(
        "Two texts side by side.",
        "session list --filter 'topic == '\"'\"'x'\"'\"' '\"'\"'y'\"'\"''",
        "--filter: the filter cannot be used: two texts stand side by side; a comma may be missing, at column 14",
        hint=ALLOWED,
    ),
    Case(
        "A filter of a depth that nobody writes.",
        "session list --filter 'not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not not vip'",
        "--filter: the filter cannot be used: it is nested deeper than 50, at column 201",
        hint=ALLOWED,
    ),
    Case(
        "More comparisons than are tested.",
        "session list --filter 'a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1 or a == 1'",
        "--filter: the filter cannot be used: it has more than 200 comparisons, at column 2001",
        hint=ALLOWED,
    ),
    Case(
        "More characters than are read.",
        "session list --filter 'a == '\"'\"'" + "x" * 20000 + "'\"'\"''",
        "--filter: the filter has 20,007 characters, and at most 10,000 are read",
    ),
    Case(
        "An identity.",
        "session list --filter 'topic is '\"'\"'x'\"'\"''",
        "--filter: the filter cannot be used: equality is ==, and exists(column) says whether there is one, at column 10",
        hint=ALLOWED,
    ),
    Case(
        "A test of existence that is compared.",
        "session list --filter 'exists(topic) == True'",
        "--filter: the filter cannot be used: exists(column) is a test by itself, and is compared with nothing, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "Two columns.",
        "session list --filter 'topic == other'",
        '--filter: the filter cannot be used: a column is compared with a value; a text has quotes: "other", at column 10',
        hint=ALLOWED,
    ),
    Case(
        "Two values.",
        "session list --filter '1 == 1'",
        "--filter: the filter cannot be used: a value is compared with a column, at column 6",
        hint=ALLOWED,
    ),
    Case(
        "A part of a text.",
        "session list --filter ''\"'\"'x'\"'\"' in topic'",
        '--filter: the filter cannot be used: a part of a text is for search; in is as in column in ["a", "b"], at column 1',
        hint=ALLOWED,
    ),
    Case(
        "A column in a column.",
        "session list --filter 'topic in other'",
        '--filter: the filter cannot be used: in wants values, as in ["a", "b"], at column 10',
        hint=ALLOWED,
    ),
    Case(
        "A test of the existence of a text.",
        "session list --filter 'exists('\"'\"'topic'\"'\"')'",
        "--filter: the filter cannot be used: exists(column) takes the name of one column, without quotes, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "A column in wrong brackets.",
        "session list --filter 'meta['\"'\"'x'\"'\"'] == 1'",
        '--filter: the filter cannot be used: a column in brackets is metadata["name"], at column 1',
        hint=ALLOWED,
    ),
    Case(
        "A column in quotes.",
        "session list --filter ''\"'\"'topic'\"'\"' == '\"'\"'x'\"'\"''",
        "--filter: the filter cannot be used: a value is compared with a column, at column 12",
        hint=ALLOWED,
    ),
    Case(
        "Metadata without a text.",
        "session list --filter 'metadata[1] == 2'",
        '--filter: the filter cannot be used: a column in brackets is metadata["name"], at column 1',
        hint=ALLOWED,
    ),
    Case(
        "A column whose name can be none.",
        "session list --filter 'metadata[\"#b\"] == 1'",
        "--filter: the filter cannot be used: a column's name is 1 to 255 bytes of UTF-8 without a null character, and does not begin with #, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "A value that is a list.",
        "session list --filter 'topic == [1]'",
        "--filter: the filter cannot be used: a value stands here: text, a number, True, False, bytes, at column 10",
        hint=ALLOWED,
    ),
    Case(
        "None as a value.",
        "session list --filter 'topic == None'",
        "--filter: the filter cannot be used: None is no value: exists(column) says whether there is one, at column 10",
        hint=ALLOWED,
    ),
    Case(
        "A complex number.",
        "session list --filter 'score == 1j'",
        "--filter: the filter cannot be used: a value is text, a number, True, False or bytes, at column 10",
        hint=ALLOWED,
    ),
    Case(
        "A sign before a text.",
        "session list --filter 'score == -'\"'\"'x'\"'\"''",
        "--filter: the filter cannot be used: - stands before a number, at column 10",
        hint=ALLOWED,
    ),
    Case(
        "An integer in a filter past 64 bits.",
        "session list --filter 'score == 9223372036854775808'",
        "--filter: the filter cannot be used: the integer does not fit in 64 bits, at column 10",
        hint=ALLOWED,
    ),
    Case(
        "A number in a filter past every float.",
        "session list --filter 'score == 1e999'",
        "--filter: the filter cannot be used: the number is too large, at column 10",
        hint=ALLOWED,
    ),
    Case(
        "A lone surrogate in a text.",
        "session list --filter 'topic == '\"'\"'\\ud800'\"'\"''",
        "--filter: the filter cannot be used: the text holds a lone surrogate, at column 10",
        hint=ALLOWED,
    ),
    Case(
        "A null byte.",
        "session list --filter 'topic == '\"'\"'\x00'\"'\"''",
        "--filter: the filter cannot be used: a null character is no text, at column 11",
        hint=ALLOWED,
    ),
    Case(
        "A lambda.",
        "session list --filter 'lambda: 1'",
        "--filter: the filter cannot be used: this is not in the language, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "A quantity of digits that no number has.",
        "session list --filter 'score == " + "9" * 5000 + "'",
        "--filter: the filter cannot be used: the number has thousands of digits, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "A test that is a call.",
        "session list --filter 'len(topic)'",
        "--filter: the filter cannot be used: exists(column) is the only call, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "A column in letters that look alike.",
        "session list --filter 'ｔopic == '\"'\"'x'\"'\"''",
        '--filter: the filter cannot be used: a name with letters that look alike is written metadata["name"], at column 1',
        hint=ALLOWED,
    ),
    Case(
        "A text where a column stands.",
        "session list --filter ''\"'\"'topic'\"'\"' in ['\"'\"'x'\"'\"']'",
        "--filter: the filter cannot be used: a column stands here, without quotes, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "A call where a column stands.",
        "session list --filter 'exists(topic) in ['\"'\"'x'\"'\"']'",
        "--filter: the filter cannot be used: exists(column) is the only call, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "A comparison where a column stands.",
        "session list --filter '(a == b) in ['\"'\"'x'\"'\"']'",
        "--filter: the filter cannot be used: a column stands here, at column 2",
        hint=ALLOWED,
    ),
    Case(
        "Signs without end.",
        "session list --filter '" + "-" * 9000 + "1 == a'",
        "--filter: the filter cannot be used: it is nested too deep, or is no text, at column 1",
        hint=ALLOWED,
    ),
    Case(
        "A line that goes on nowhere.",
        "session list --filter 'topic == '\"'\"'x'\"'\"'\\\n'",
        "--filter: the filter cannot be used: unexpected EOF while parsing, at column 14",
        hint=ALLOWED,
    ),
)
