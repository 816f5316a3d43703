"""Which name was meant by one that there is not. Loaded when a mistake was made."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

_ALIKE = 0.75
"""How much of two names must be the same for one to be meant by the other."""
_MIN_NAME = 3
"""To shorter names everything is near."""


def nearest_names(name: str, names: Iterable[str], most: int = 1) -> list[str]:
    """Those that go on where this name stops, else those that are nearly it, the nearest first; none where none is
    really near."""
    if len(name) < _MIN_NAME:
        return []
    rated = sorted(((SequenceMatcher(None, name, each).ratio(), each) for each in names), reverse=True)
    begun = [each for _, each in rated if each.startswith(name)]
    return (begun or [each for alike, each in rated if alike >= _ALIKE])[:most]
