"""Write counts with their nouns, for messages."""

from __future__ import annotations


def quantity(count: int, noun: str) -> str:
    ending = "es" if noun.endswith("ch") else "s"
    return f"{count:,} {noun}{'' if count == 1 else ending}"
