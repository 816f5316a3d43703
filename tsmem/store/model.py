"""The plain immutable values that callers of the library give and get.

None means that a value is absent. Empty content is content, and 0 is a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeVar

from tsmem.rows import Value
from tsmem.store.metadata import EMPTY, Metadata


@dataclass(frozen=True, slots=True)
class Session:
    user_id: str
    session_id: str
    update_time: int | None = None
    """Microseconds since 1970 UTC."""
    search_content: str | None = None
    """Text for searches to find the item by. In a message, they also look in `content`."""
    metadata: Metadata = EMPTY


@dataclass(frozen=True, slots=True)
class PreviewedSession(Session):
    """A session with what a list says about its conversation."""

    title: str | None = None
    """One line: metadata `title`, else the search content, else the first message of a user. None if there is none."""
    messages: int | None = None
    """The number of its messages; None if they were not counted."""


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


TITLE_CHARACTERS = 200
_TITLE_SOURCE_CHARACTERS = 2000


def title_text(value: object) -> str | None:
    """Return the beginning of a text on one line, as a title; None for a blank text, and for what is not text."""
    if not isinstance(value, str):
        return None
    return " ".join(value[:_TITLE_SOURCE_CHARACTERS].split())[:TITLE_CHARACTERS] or None


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


class Changes(NamedTuple):
    """The changes that an update makes to an item, apart from setting its fields."""

    metadata: Mapping[str, Value] = EMPTY
    unset: tuple[str, ...] = ()
    """Metadata keys or fields to remove. A missing one is not an error."""
    replace_metadata: bool = False


NO_CHANGES = Changes()

OnConflict = Literal["overwrite", "skip", "fail"]
Order = Literal["asc", "desc"]
Sort = Literal["newest", "score"]
