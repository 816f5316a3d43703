"""Stored text made safe to show."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.render.text import MAX_MARKS, visible, visible_id


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, é, 退款, \\n", "plain text, é, 退款, \\n"),
        ("a\nb\tc\rd\r\ne", "a\\nb\\tc\\rd\\r\\ne"),
        ("\x1b[31mred\x1b]52;c;AAAA\x07", "\\x1b[31mred\\x1b]52;c;AAAA\\x07"),
        ("\0\x7f\x9b2J", "\\x00\\x7f\\x9b2J"),
        ("abc\u202edcba", "abc\\u202edcba"),
        ("\u2066x\u2069\u200f\u061c", "\\u2066x\\u2069\\u200f\\u061c"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("ad\u200bmin \u2060 \ufeff \xad", "ad\\u200bmin \\u2060 \\ufeff \\xad"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("ad\u200dmin", "ad\\u200dmin"),
        ("\u200d👩", "\\u200d👩"),
        ("漢\u200d 漢\u200dx", "漢\\u200d 漢\\u200dx"),
        ("👩‍👩‍👧‍👦 ❤️‍🔥 1️⃣ می‌خواهم", "👩‍👩‍👧‍👦 ❤️‍🔥 1️⃣ می‌خواهم"),
        ("漢\ufe01\ufe02\U000e0100", "漢\ufe01\\ufe02\\U000e0100"),
        ("x\ufe01 é\ufe0f 1\ufe0f", "x\\ufe01 é\\ufe0f 1\\ufe0f"),
        ("\U00016fe4 \U0001bc9d \U0001107f", "\\U00016fe4 \\U0001bc9d \\U0001107f"),
        ("[bold red]x[/] :smile:", "[bold red]x[/] :smile:"),
        (
            "pass\u034fword \u17b4 \ufff0 \U0001bca0 \U00013430",
            "pass\\u034fword \\u17b4 \\ufff0 \\U0001bca0 \\U00013430",
        ),
        ("\U000e0080 \U000e01f0", "\\U000e0080 \\U000e01f0"),
        ("ᠠ\u180b \u180b", "ᠠ\u180b \\u180b"),
        ("လျှော့ ကျွန်ုပ် हिन्दी က்ষ", "လျှော့ ကျွန်ုပ် हिन्दी က்ষ"),
    ],
)
def test_visible_escapes_what_a_terminal_obeys_or_hides(text: str, shown: str) -> None:
    """Other text does not change."""
    assert visible(text) == shown


@pytest.mark.parametrize(
    ("id_", "shown"),
    [
        ("s-1", "s-1"),
        ("Ada Lovelace, 退款 é שלום", "Ada Lovelace, 退款 é שלום"),
        (" a   b ", "\\x20a \\x20\\x20b\\x20"),
        ("a\xa0b\u3000c\u2003d", "a\\xa0b\\u3000c\\u2003d"),
        ("a\u2800\U0001d159", "a\\u2800\\U0001d159"),
        ("漢\ufe00 ❤\ufe0f 漢\U000e0100 ᠠ\u180b", "漢\\ufe00 ❤\\ufe0f 漢\\U000e0100 ᠠ\\u180b"),
        ("می\u200cخواهم", "می\\u200cخواهم"),
        ("a\u0378\ue000", "a\\u0378\\ue000"),
        ("a\u200b\x1b\n", "a\\u200b\\x1b\\n"),
    ],
)
def test_visible_id_shows_every_character(id_: str, shown: str) -> None:
    """Two ids that differ in an invisible character would look the same."""
    assert shown == visible_id(id_)


def test_keep_newlines_keeps_lines_and_expands_tabs() -> None:
    assert visible("a\r\nb\n\tc\rd", keep_newlines=True) == "a\nb\n    c\\rd"


def test_more_than_four_combining_marks_are_escaped() -> None:
    assert visible("e" + "\u0301" * 6) == "e" + "\u0301" * 4 + "\\u0301" * 2
    assert visible("e" + "\u0897" * 6) == "e" + "\u0897" * 4 + "\\u0897" * 2
    assert visible("\u0915" + "\u093e" * 6) == "\u0915" + "\u093e" * 4 + "\\u093e" * 2
    assert visible("\u1100" + "\u1161" * 6) == "\u1100" + "\u1161" * 4 + "\\u1161" * 2
    assert visible("tiếng Việt, שָׁלוֹם, हिन्दी") == "tiếng Việt, שָׁלוֹם, हिन्दी"


@pytest.mark.parametrize("between", ["\u200d", "\u200c", "\u0903", "\ufe0f", "\u1161", "\u034f", ""])
def test_no_invisible_character_between_marks_allows_more_marks(between: str) -> None:
    """A character that combines with the one before it, or shows nothing, does not start a new cell."""
    shown = visible("e" + ("\u0301" * 4 + between) * 200)

    assert shown.count("\u0301") <= MAX_MARKS or between == "\u034f"
    assert re.search(f"[^\\x00-\\x7f]{{{3 * MAX_MARKS}}}", shown) is None
    assert visible(shown) == shown


@settings(max_examples=40)
@given(st.text() | st.text("e\u0301\u0302\u200d\u200c\u0903\ufe0f\u1161\u0897\u034f \u093e\\"))
def test_visible_leaves_nothing_unsafe_and_is_idempotent(text: str) -> None:
    shown = visible(text)

    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(shown) & set("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
    marks = "".join("m" if unicodedata.category(c) in ("Mn", "Me") else " " for c in shown)
    assert max(map(len, marks.split(" "))) <= MAX_MARKS
    assert visible(shown) == shown
