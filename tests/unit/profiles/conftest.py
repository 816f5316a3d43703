"""A profile file in a private folder, and an environment that names it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The path of a profile file in a folder that only the user can write."""
    folder = tmp_path / "config"
    folder.mkdir(mode=0o700)
    return folder / "config.toml"


@pytest.fixture
def env(tmp_path: Path, config: Path) -> dict[str, str]:
    """An environment whose profile file is `config`."""
    return {"HOME": str(tmp_path), "TSMEM_CONFIG": str(config), "PATH": os.environ["PATH"]}
