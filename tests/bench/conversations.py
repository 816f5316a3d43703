"""Conversations of agents, made from a seed: an export of them, written in the order in which an export has its rows.

Its one rule: a row depends on its number alone, so that any size is the beginning of a larger one, and memory does not
grow with it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

MESSAGES = 10
"""Of a session, one with another: 6 to 14."""
USERS = 10
START_US = 1_760_000_000_000_000

_SOURCE = random.Random(5)
_WORDS = """
    the a to of and in is it for on with that flight hotel order refund ticket invoice account please could you check
    again tomorrow morning before after booked changed cancelled confirmed paid because customer number address found
    nothing three seats left would like another one thanks I have looked it up here is what the system says
""".split()  # noqa: SIM905 - it is text
_PHRASES = [" ".join(_SOURCE.choices(_WORDS, k=_SOURCE.randint(5, 12))) for _ in range(997)]
_PHRASES[7::120] = ["那家酒店明天早上还有房间吗"] * 9
_PHRASES[47::120] = ["Könnten Sie das bitte noch einmal prüfen? 👍"] * 8
_ROLES = ("user", "assistant", "tool", "assistant")
_TOPICS = ("travel", "billing", "support", "research", "smalltalk")


class Amount(NamedTuple):
    """How many rows there are."""

    sessions: int
    messages: int

    @property
    def rows(self) -> int:
        """All of them."""
        return self.sessions + self.messages


def lengths(rows: int) -> Iterator[int]:
    """How many messages each session has; about so many rows in all."""
    left, number = rows, 0
    while left > 0:
        count = max(0, min(left - 1, MESSAGES + number % 9 - 4))
        yield count
        left -= count + 1
        number += 1


def amount(rows: int, user: int | None = None) -> Amount:
    """How many rows there are, of a user where one is named."""
    counts = list(lengths(rows))[slice(None) if user is None else slice(user, None, USERS)]
    return Amount(len(counts), sum(counts))


def write(path: Path, rows: int) -> None:
    """Write an export of so many rows."""
    counts = list(lengths(rows))
    with path.open("w", encoding="utf-8") as file:
        for document in _documents(counts):
            file.write(json.dumps(document, ensure_ascii=False) + "\n")


def _documents(counts: list[int]) -> Iterator[dict[str, Any]]:
    yield {"kind": "tsmem", "version": 1}
    for user in range(USERS):
        for number in range(user, len(counts), USERS):
            yield _session(user, number, counts[number])
    for number, count in enumerate(counts):
        yield from (_message(number, place) for place in range(count))
    yield {"kind": "end", "sessions": len(counts), "messages": sum(counts)}


def _session(user: int, number: int, count: int) -> dict[str, Any]:
    return {
        "kind": "session",
        "user_id": f"user-{user:02d}",
        "session_id": f"conversation-{number:08d}",
        "update_time": START_US + number * 60_000_000 + count * 1_000_000,
        "search_content": None,
        "metadata": {"topic": _TOPICS[number % 5], "turns": count, "rating": number % 50 / 10, "open": number % 3 == 0},
    }


def _message(number: int, place: int) -> dict[str, Any]:
    source = (number * 31 + place) * 4
    return {
        "kind": "message",
        "session_id": f"conversation-{number:08d}",
        "message_id": f"{place:06d}",
        "create_time": START_US + number * 60_000_000 + place * 1_000_000,
        "role": _ROLES[place % 4],
        "content": ". ".join(_PHRASES[(source + step * 389) % len(_PHRASES)] for step in range(4)),
        "search_content": None,
        "metadata": {"model": "m-1", "tokens": source % 90, "seconds": source % 700 / 100, "cached": place % 5 == 0},
    }
