"""Conversations of agents, made from a seed: an export of them, in the order in which an export has its rows.

A row depends on its number alone, so that any size is the beginning of a larger one, and memory does not grow with it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MESSAGES = 10
"""Of each session."""
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


def amount(rows: int, *, sessions: bool) -> int:
    """Return how many rows `write` makes for about so many; of messages alone where sessions are not counted."""
    return rows // (MESSAGES + 1) * (MESSAGES + sessions)


def write(path: Path, rows: int) -> None:
    """Write an export of about so many rows."""
    count = rows // (MESSAGES + 1)
    with path.open("w", encoding="utf-8") as file:
        for document in _documents(count):
            file.write(json.dumps(document, ensure_ascii=False) + "\n")


def _documents(count: int) -> Iterator[dict[str, Any]]:
    yield {"kind": "tsmem", "version": 1}
    for user in range(USERS):
        yield from (_session(user, number) for number in range(user, count, USERS))
    for number in range(count):
        yield from (_message(number, place) for place in range(MESSAGES))
    yield {"kind": "end", "sessions": count, "messages": count * MESSAGES}


def _session(user: int, number: int) -> dict[str, Any]:
    return {
        "kind": "session",
        "user_id": f"user-{user:02d}",
        "session_id": f"conversation-{number:08d}",
        "update_time": START_US + number * 60_000_000 + MESSAGES * 1_000_000,
        "search_content": None,
        "metadata": {"topic": _TOPICS[number % 5], "rating": number % 50 / 10, "open": number % 3 == 0},
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
