"""Case folding, and where a part of a folded text is in the original."""

from __future__ import annotations

import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from tsmem.folding import fold, is_case_invariant, spans

LETTERS = st.text("aAsSßẞİiıſKǰΐͅ\u0301!Ⓐⓐ退🎉", max_size=8)


def test_spans_ignore_case() -> None:
    for text, part, expected in (
        ("Tea, TEA", "tea", ["Tea", "TEA"]), ("Die STRASSE", "straße", ["STRASSE"]),
        ("Die Straße", "STRASSE", ["Straße"]), ("aßb", "s", ["ß"]), ("İstanbul ist", "ist", ["ist"]),
        ("ΟΔΌΣ", "οδός", ["ΟΔΌΣ"]), ("aaa", "aa", ["aa"]), ("tea", "", []), ("tea", "x", []),
    ):  # fmt: skip
        assert expected == [text[begin:end] for begin, end in spans(text, part)]


@settings(max_examples=40)
@given(LETTERS, LETTERS)
def test_spans_are_found_if_and_only_if_the_folded_text_contains_the_part(text: str, part: str) -> None:
    found = list(spans(text, part))

    assert bool(found) is (part != "" and fold(part) in fold(text))
    assert all(fold(part) in fold(text[begin:end]) for begin, end in found)


@settings(max_examples=40)
@given(LETTERS, st.characters())
def test_a_case_invariant_character_is_found_without_folding(text: str, character: str) -> None:
    if is_case_invariant(character):
        for whole in (text, text + character):
            assert (character in whole) is (character in fold(whole))


def test_characters_that_fold_have_case() -> None:
    """This checks every character. For example, Cherokee's small letters fold to the capital ones."""
    folding = [(one, fold(one)) for one in map(chr, range(sys.maxunicode + 1)) if fold(one) != one]

    assert [] == [one for one, _ in folding if is_case_invariant(one)]
    assert [] == [part for _, folded in folding for part in folded if is_case_invariant(part)]
