"""A conversation with every kind of message, for tests of how conversations are rendered."""

from __future__ import annotations

import json
from datetime import UTC

from tests.support import rendering
from tsmem.render import Options
from tsmem.render.result import Conversation
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Session

START_US = 1_767_139_195_000_000
"""5 s before midnight UTC, so that the day changes during the conversation."""
NOW_US = START_US + 3 * 3_600_000_000
_SECOND = 1_000_000
_ARGUMENTS = json.dumps(
    {
        "user_id": "mia_li_3668",
        "flights": [{"flight_number": f"HAT{n}", "date": "2026-05-20"} for n in (136, 39)],
        "passengers": [{"first_name": "Mia", "last_name": "Li", "dob": "1990-04-05"}],
        "note": "ein Platz am Fenster, bitte, 靠窗的座位",
    },
    ensure_ascii=False,
)
_CALLS = json.dumps(
    [
        {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        {"id": "c2", "type": "function", "function": {"name": "book", "arguments": _ARGUMENTS}},
    ]
)
_ANSWER = json.dumps(
    {"reservation_id": "HATHAT", "seats": [{"row": n, "free": n % 2 == 0, "price": 99.5} for n in range(30)]}
)
_SAID = """\
# Your booking

It is **done**: see [the *rules*](https://example.com/rules "all of them") or <https://example.com>.

1. JFK to ATL, 07:00 PM, and this is a long line of an item, to see where the rest of it goes on
   - a window seat
2. ATL to SEA

| leg | price |
|-----|-------|
| JFK-ATL | $152 |

```python
print("退款")
```
"""
SESSION = Session("mia", "trip-7", START_US, None, Metadata({"topic": "travel"}))
MESSAGES = [
    Message("trip-7", "000000", START_US, "system", "You book flights."),
    Message("trip-7", "000001", START_US + _SECOND, "user", "من يك مقعد أريد. 我要一个靠窗的座位。" * 4),
    Message("trip-7", "000002", START_US + 4 * _SECOND, "assistant", None, None,
            Metadata({"tool_calls": _CALLS, "_json": "tool_calls"})),
    Message("trip-7", "000003", START_US + 5 * _SECOND, "tool", _ANSWER, None, Metadata({"name": "book"})),
    Message("trip-7", "000004", START_US + 2 * 3_600 * _SECOND, "assistant", _SAID, None,
            Metadata({"logprobs": json.dumps([[n, -0.25] for n in range(9)]), "_json": "logprobs", "model": "m-1"})),
]  # fmt: skip


def conversation(*, full: bool = False, rendered: bool = False) -> Conversation:
    return Conversation(SESSION, MESSAGES, full=full, rendered=rendered)


def transcript_of(content: str, role: str = "user", *, rendered: bool = True) -> Conversation:
    return Conversation(None, [Message("s", "m", 0, role, content)], full=True, rendered=rendered)


def terminal(width: int = 80, **changes: object) -> Options:
    """Return the options for a terminal of this width, three hours after the conversation began."""
    return rendering.terminal(width, now_us=NOW_US, **changes)


PIPE = Options(now_us=NOW_US, timezone=UTC)
