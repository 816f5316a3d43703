"""Words for messages: a count with its noun, and a similar name for one that does not exist."""

from __future__ import annotations

from collections.abc import Iterable

_MIN_NAME = 3
"""Shorter names are similar to everything."""


def quantity(count: int, noun: str) -> str:
    ending = "es" if noun.endswith("ch") else "s"
    return f"{count:,} {noun}{'' if count == 1 else ending}"


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """Return the most similar of the names that begin with this one. If there are none, return a similar name, or None.
    Case is ignored."""
    folded, known = name.casefold(), {each.casefold(): each for each in names}
    if folded in known:
        return known[folded]
    if len(name) < _MIN_NAME:
        return None
    from difflib import get_close_matches  # only mistakes need it

    begun = [each for each in known if each.startswith(folded)]
    near = get_close_matches(folded, begun or known, n=1, cutoff=0 if begun else 0.75)
    return known[near[0]] if near else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    near = nearest_name(name, (each for each in names if each != name))
    return "" if near is None else f"; did you mean '{near}'?"
