"""Servers for the tests of the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import Served, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server without a key, on an empty instance."""
    with serving(tmp_path / "memory.db") as served:
        yield served
