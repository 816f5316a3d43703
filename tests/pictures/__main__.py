"""Redraws all pictures."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.pictures.drawing import PICTURES, draw

for picture in PICTURES:
    with TemporaryDirectory() as folder:
        picture.path.write_text(draw(picture, Path(folder)), encoding="utf-8")
