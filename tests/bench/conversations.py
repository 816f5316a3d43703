"""Generates an export of agents' conversations from a fixed seed, with the rows in the order of a real export."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MESSAGES = 10
"""Messages in a session."""
USERS = 10
START_US = 1_760_000_000_000_000

_WORDS = """
    the a to of and in is it for on with that flight hotel order refund ticket invoice account please could you check
    again tomorrow morning before after booked changed cancelled confirmed paid because customer number address 明天早上
""".split()  # noqa: SIM905 - it is text
_ROLES = ("user", "assistant", "tool", "assistant")


def row_count(rows: int, *, sessions: bool) -> int:
    """Return how many rows `write` generates when asked for `rows`: sessions and messages, or only messages."""
    return rows // (MESSAGES + 1) * (MESSAGES + sessions)


def write(path: Path, rows: int) -> None:
    """Write an export of about `rows` rows."""
    count = rows // (MESSAGES + 1)
    with path.open("w", encoding="utf-8") as file:
        for document in _documents(count):
            file.write(json.dumps(document, ensure_ascii=False) + "\n")


def _documents(count: int) -> Iterator[dict[str, Any]]:
    source = random.Random(5)
    yield {"kind": "tsmem", "version": 1}
    for user in range(USERS):
        for number in range(user, count, USERS):
            key = {"user_id": f"user-{user:02d}", "session_id": _id(number)}
            metadata = {"topic": "travel", "rating": number % 50 / 10}
            yield {"kind": "session", **key, "update_time": _time_us(number, MESSAGES), "metadata": metadata}
    for number in range(count):
        for place in range(MESSAGES):
            yield {
                "kind": "message",
                "session_id": _id(number),
                "message_id": f"{place:06d}",
                "create_time": _time_us(number, place),
                "role": _ROLES[place % 4],
                "content": " ".join(source.choices(_WORDS, k=32)),
                "metadata": {"model": "m-1", "tokens": number % 90, "cached": place % 5 == 0},
            }
    yield {"kind": "end", "sessions": count, "messages": count * MESSAGES}


def _id(number: int) -> str:
    return f"conversation-{number:08d}"


def _time_us(number: int, place: int) -> int:
    return START_US + number * 60_000_000 + place * 1_000_000
