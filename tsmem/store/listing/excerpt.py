"""Read a part of a conversation: the last messages, those around one message, or those that pass a test, each with the
messages next to it. `Messages.excerpt` uses it.

Only the messages that are needed are read, except when neighbours of messages that pass a test are wanted, or failed
tool calls: then the whole session is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tsmem.clock import Time
from tsmem.errors import InvalidInput
from tsmem.store.failures import is_failed
from tsmem.store.listing.requests import Window
from tsmem.store.model import Message


@dataclass(frozen=True)
class Selection:
    """The messages of a session to read: all of them, unless a value says otherwise."""

    last: int | None = None
    around: str | None = None
    """The id of one message. It excludes all conditions but `neighbours`."""
    neighbours: int = 0
    """Number of messages to read before and after each selected one."""
    role: str | None = None
    since: Time | None = None
    until: Time | None = None
    failed: bool = False
    """True for tool messages that report an error alone (`failures.py`)."""

    @property
    def has_condition(self) -> bool:
        return self.failed or any(each is not None for each in (self.role, self.since, self.until))

    def check(self) -> None:
        if self.last is not None and self.last < 1:
            raise InvalidInput(f"the number of last messages must be 1 or more, not {self.last}")
        if self.neighbours < 0:
            raise InvalidInput(f"the number of neighbours must be 0 or more, not {self.neighbours}")
        if self.around is not None and (self.last is not None or self.has_condition):
            raise InvalidInput("the messages around one cannot be restricted further")

    def test(self, window: Window) -> Callable[[Message], bool]:
        def passes(message: Message) -> bool:
            return (
                (self.role is None or message.role == self.role)
                and (window.since is None or message.create_time >= window.since)
                and (window.until is None or message.create_time <= window.until)
                and (not self.failed or is_failed(message))
            )

        return passes


@dataclass(frozen=True)
class Excerpt:
    messages: Sequence[Message]
    """In order of time."""
    left_out: dict[int, int | None] = field(default_factory=dict)
    """Gaps: how many messages are left out before the one at a position, or at the end; None if that is not known."""
    marked: Sequence[int] = ()
    """The positions of the messages that were asked for by name, or found by a search."""


def select(
    messages: Sequence[Message], passes: Callable[[Message], bool], neighbours: int, last: int | None
) -> Excerpt:
    """Return the messages of a whole session that pass a test (only the `last` of them), with their neighbours."""
    found = [position for position, message in enumerate(messages) if passes(message)]
    shown: list[Message] = []
    left_out: dict[int, int | None] = {}
    end = 0
    for position in found if last is None else found[-last:]:
        start = max(end, position - neighbours)
        if start > end:
            left_out[len(shown)] = start - end
        end = max(end, min(len(messages), position + neighbours + 1))
        shown += messages[start:end]
    if shown and end < len(messages):
        left_out[len(shown)] = len(messages) - end
    return Excerpt(shown, left_out)


def join_excerpts(hits: Sequence[Message], parts: Sequence[Excerpt], neighbours: int) -> Excerpt:
    """Return hits of one session and their neighbours, in order of time. Each part is one hit, which it marks, with one
    neighbour more on each side, to know what is left out. Parts can overlap. Without parts, only the hits are returned,
    and gaps are not known."""
    messages = {place(hit): hit for hit in hits}
    for part in parts:
        hit = part.marked[0]
        near = part.messages[max(0, hit - neighbours) : hit + neighbours + 1]
        messages |= {place(message): message for message in near}
    order = sorted(messages)
    pairs = {pair for part in parts for pair in pairwise(map(place, part.messages))}
    left_out: dict[int, int | None] = {}
    if parts:
        left_out = {at: None for at, pair in enumerate(pairwise(order), 1) if pair not in pairs}
        if any(after == order[0] for _, after in pairs):
            left_out[0] = None
        if any(before == order[-1] for before, _ in pairs):
            left_out[len(order)] = None
    marked = tuple(sorted(order.index(place(hit)) for hit in hits))
    return Excerpt([messages[each] for each in order], left_out, marked)


def place(message: Message) -> tuple[int, str]:
    return message.create_time, message.message_id
