"""The width of text is never less than on a terminal."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.render.terminal import cut, fit, space_after, width, wrap
from tsmem.render.text import visible


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("abc", 3),
        ("退款", 4),
        ("e\u0301", 1),
        ("का", 2),
        ("नमस्ते", 4),
        ("👍\U0001f3fd", 4),
        ("👩\u200d👧", 4),
        ("\u1100\u1161", 2),
        ("a\u302e\u3248\u4dc0\U00016ff0\U0001f3fb", 11),
    ],
)
def test_width_is_that_of_the_widest_terminal(text: str, cells: int) -> None:
    assert cells == width(text)


@settings(max_examples=40)
@given(st.text(st.characters(exclude_categories=["Cn", "Cs"])), st.integers(4, 40))
def test_cut_fit_and_wrap_keep_to_the_width(text: str, room: int) -> None:
    text = visible(text)

    assert _cells(text) <= width(text)
    assert _cells(cut(text, room)) <= room
    assert _cells(fit(text, room, "…")) <= room
    assert max(map(_cells, wrap(text, room)), default=0) <= room


def _cells(text: str) -> int:
    """Return the least width that Unicode states: vowels and finals of Hangul share the cells of their syllable."""
    hangul = re.compile("[\u1161-\u11ff\ud7b0-\ud7ff]")
    return sum(
        0 if unicodedata.category(character) in ("Mn", "Me") or character in "\u200c\u200d" or hangul.match(character)
        else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )  # fmt: skip


@pytest.mark.parametrize("cells", range(5))
def test_padding_after_right_to_left_text_is_left_to_right(cells: int) -> None:
    assert " " * cells == space_after("退款 abc", cells)
    for text in ("שלום", "مرحبا", "٣", "\U0001e900", "a שלום b"):
        space = space_after(text, cells)
        assert cells == width(space)
        assert cells == 0 or "L" in map(unicodedata.bidirectional, space)
