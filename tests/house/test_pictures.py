"""The README's pictures show what the commands print today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.test_readme import README
from tests.pictures.drawing import COLUMNS, PICTURES, Picture, draw, shown


@pytest.mark.parametrize("picture", PICTURES, ids=[picture.name for picture in PICTURES])
def test_a_picture_is_fresh(picture: Picture, tmp_path: Path) -> None:
    """Word for word and style for style what a terminal is sent; `python -m tests.pictures` draws it anew."""
    kept = shown(picture.path.read_text(encoding="utf-8"))

    assert len(kept) > 20
    assert kept == shown(draw(picture, tmp_path))


@pytest.mark.parametrize("picture", PICTURES, ids=[picture.name for picture in PICTURES])
def test_a_picture_is_in_the_readme_and_by_itself(picture: Picture) -> None:
    """The README shows it, it needs nothing from another host, and no line of it was too long for the terminal."""
    drawing = picture.path.read_text(encoding="utf-8")

    assert f"](tests/pictures/{picture.name}.svg)" in README
    assert "url(http" not in drawing
    assert "<script" not in drawing
    assert max(len(text) for _, text in shown(drawing)) <= COLUMNS
