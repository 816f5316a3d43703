"""The store: what an agent's memory is and how it is kept, on any TableClient. Each name is loaded when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsmem.store.collection import Changes
    from tsmem.store.memory_store import MemoryStore
    from tsmem.store.metadata import Metadata
    from tsmem.store.model import Message, Page, Session

_HOMES = {
    "Changes": "tsmem.store.collection",
    "MemoryStore": "tsmem.store.memory_store",
    "Message": "tsmem.store.model",
    "Metadata": "tsmem.store.metadata",
    "Page": "tsmem.store.model",
    "Session": "tsmem.store.model",
}

__all__ = ["Changes", "MemoryStore", "Message", "Metadata", "Page", "Session"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
