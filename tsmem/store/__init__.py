"""The store: an agent's memory on any TableClient.

Commands and the library call `MemoryStore`, which is loaded on first use. Its collections of sessions and messages turn
items into rows with a codec, and rows into items, and call the client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsmem.store.metadata import Metadata
from tsmem.store.model import Changes, Message, Page, Session

if TYPE_CHECKING:
    from tsmem.store.memory_store import MemoryStore

__all__ = ["Changes", "MemoryStore", "Message", "Metadata", "Page", "Session"]


def __getattr__(name: str) -> object:
    if name != "MemoryStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tsmem.store.memory_store import MemoryStore

    return MemoryStore
