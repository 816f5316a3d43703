"""Text made safe to show."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.render.text import MAX_MARKS, visible


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
        ("👩‍👩‍👧‍👦 ❤️‍🔥 1️⃣ می‌خواهم", "👩‍👩‍👧‍👦 ❤️‍🔥 1️⃣ می‌خواهم"),
        ("x\ufe01\ufe02\U000e0100", "x\ufe01\\ufe02\\U000e0100"),
        ("[bold red]x[/] :smile:", "[bold red]x[/] :smile:"),
    ],
)
def test_text_on_one_line(text: str, shown: str) -> None:
    """What a terminal would obey, or hide, is spelled out; honest text is left alone."""
    assert visible(text) == shown


def test_newlines_can_be_kept() -> None:
    """In text to be read lines stay lines, whatever their ends, and tabs become spaces."""
    assert visible("a\r\nb\n\tc\rd", keep_newlines=True) == "a\nb\n    c\\rd"


def test_combining_marks_cannot_pile_up() -> None:
    """Four marks stay on their character; the others are spelled out."""
    assert visible("e" + "\u0301" * 6) == "e" + "\u0301" * 4 + "\\u0301" * 2
    assert visible("tiếng Việt, שָׁלוֹם, हिन्दी") == "tiếng Việt, שָׁלוֹם, हिन्दी"


@settings(deadline=None)
@given(st.text())
def test_nothing_unsafe_is_left(text: str) -> None:
    """No control, separator, override or surrogate survives, and no run of marks; and twice is as good as once."""
    shown = visible(text)

    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(shown) & set("\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
    marks = "".join("m" if unicodedata.category(c) in ("Mn", "Me") else " " for c in shown)
    assert max(map(len, marks.split(" "))) <= MAX_MARKS
    assert visible(shown) == shown
