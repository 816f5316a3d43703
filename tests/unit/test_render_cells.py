"""How wide text is: never wider on a terminal than it is taken for."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.render.cells import cut, fit, space_after, width, wrap
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
        ("a\u302e\u3248", 5),
    ],
)
def test_the_widest_terminal_is_believed(text: str, cells: int) -> None:
    """Marks that take room of their own, as in Hindi, and tints of emoji are cells, as many terminals show them."""
    assert cells == width(text)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cn", "Cs"])), st.integers(4, 40))
def test_no_piece_is_wider_than_asked_for(text: str, room: int) -> None:
    """By the width of East Asian text, of marks and of all else, each by itself: a line never runs over."""
    text = visible(text)

    assert _cells(text) <= width(text)
    assert _cells(cut(text, room)) <= room
    assert _cells(fit(text, room, "…")) <= room
    assert max(map(_cells, wrap(text, room)), default=0) <= room


def _cells(text: str) -> int:
    kinds = [(unicodedata.category(character), character) for character in text]
    return sum(
        0 if kind in ("Mn", "Me") or character in "\u200c\u200d" or _is_jamo(character)
        else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for kind, character in kinds
    )  # fmt: skip


def _is_jamo(character: str) -> bool:
    """A vowel or final of Hangul, which stands in its syllable's cells."""
    return "\u1161" <= character <= "\u11ff" or "\ud7b0" <= character <= "\ud7ff"


@pytest.mark.parametrize("cells", range(5))
def test_right_to_left_text_is_kept_from_what_follows(cells: int) -> None:
    """One of the cells behind it is of the other direction, so that no terminal takes it and the next text for one."""
    assert " " * cells == space_after("退款 abc", cells)
    for text in ("שלום", "مرحبا", "٣", "\U0001e900", "a שלום b"):
        space = space_after(text, cells)
        assert cells == width(space)
        assert cells == 0 or "L" in map(unicodedata.bidirectional, space)
