"""Sessions, messages and pages of them. They are plain immutable values, which callers of the library create and get.

None always means that a value is absent. Empty content is content, and 0 is a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from tsmem.store.metadata import EMPTY, Metadata


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation of one user."""

    user_id: str
    session_id: str
    update_time: int | None = None
    """Microseconds since 1970 UTC."""
    search_content: str | None = None
    """Text for searches to find the item by. In a message, they also look in `content`."""
    metadata: Metadata = EMPTY


@dataclass(frozen=True, slots=True)
class Message:
    session_id: str
    message_id: str
    create_time: int
    """Microseconds since 1970 UTC. It is part of the primary key, so it never changes."""
    role: str | None = None
    """user, assistant, system, tool, or any other text."""
    content: str | None = None
    search_content: str | None = None
    metadata: Metadata = EMPTY


Item = TypeVar("Item", bound=Session | Message)


class Page(NamedTuple, Generic[Item]):
    items: tuple[Item, ...]
    next_page_token: str | None
    """None on the last page."""


class Total(NamedTuple):
    """The number of items that a search finds on all pages together."""

    exact: int | None
    """None if only reading all pages would tell."""
    at_most: int | None
    """An upper bound; None if it is unknown."""
