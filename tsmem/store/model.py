"""Sessions, messages and pages of them: plain frozen values without access to a store.

None means absent, everywhere: empty content is content, and 0 is a time.
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
    """Text that a search looks into, in a message beside its content."""
    metadata: Metadata = EMPTY


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a session."""

    session_id: str
    message_id: str
    create_time: int
    """Microseconds since 1970 UTC; part of the key, so it never changes."""
    role: str | None = None
    """user, assistant, system, tool, or any other text."""
    content: str | None = None
    search_content: str | None = None
    metadata: Metadata = EMPTY


Item = TypeVar("Item", bound=Session | Message)


class Page(NamedTuple, Generic[Item]):
    """One page of a listing."""

    items: tuple[Item, ...]
    next_page_token: str | None
    """None if nothing is left."""


class Total(NamedTuple):
    """The number of items that a search finds on all pages."""

    exact: int | None
    """None if only reading on would tell."""
    at_most: int | None
    """Upper bound; None if it is not known."""
