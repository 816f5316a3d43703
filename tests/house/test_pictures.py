"""The README's pictures show what the commands print today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.modules import README
from tests.pictures.drawing import COLUMNS, PICTURES, Picture, draw, shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.mark.parametrize("picture", PICTURES, ids=[picture.name for picture in PICTURES])
def test_readme_pictures_are_fresh_and_self_contained(picture: Picture, folder: Path) -> None:
    """Each text and style equals what a terminal is sent. `python -m tests.pictures` redraws the pictures."""
    drawing = picture.path.read_text(encoding="utf-8")
    lines = shown(drawing)

    assert f"](tests/pictures/{picture.name}.svg)" in README
    assert "url(http" not in drawing
    assert "<script" not in drawing
    assert len(lines) > 20
    assert max(len(text) for _, text in lines) <= COLUMNS
    assert lines == shown(draw(picture, folder))
