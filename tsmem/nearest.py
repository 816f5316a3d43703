"""Suggest similar names for a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable

_MIN_NAME = 3
"""Shorter names are similar to everything."""


def nearest_names(name: str, names: Iterable[str], most: int = 1) -> list[str]:
    """Return up to `most` names that begin with this one, or if there are none, similar names. The most similar comes
    first. Case is ignored."""
    folded, known = name.casefold(), {each.casefold(): each for each in names}
    if folded in known:
        return [known[folded]]
    if len(name) < _MIN_NAME:
        return []
    from difflib import SequenceMatcher  # only mistakes need it

    rated = sorted(((SequenceMatcher(None, folded, each).ratio(), each) for each in known), reverse=True)
    begun = [each for _, each in rated if each.startswith(folded)]
    return [known[each] for each in (begun or [each for alike, each in rated if alike >= 0.75])[:most]]


def did_you_mean(name: str, names: Iterable[str]) -> str:
    others = (each for each in names if each != name)
    return "".join(f"; did you mean '{near}'?" for near in nearest_names(name, others))
