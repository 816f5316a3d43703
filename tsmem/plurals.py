"""Write counts with their nouns, for messages."""

from __future__ import annotations


def quantity(count: int, noun: str) -> str:
    """Return a count with its noun, in the singular or plural."""
    ending = "es" if noun.endswith("ch") else "s"
    return f"{count:,} {noun}{'' if count == 1 else ending}"
