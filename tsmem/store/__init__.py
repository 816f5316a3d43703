"""The store: an agent's memory on any TableClient.

Commands and the library call `MemoryStore`. Each name here is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tsmem.store.memory_store import MemoryStore
    from tsmem.store.metadata import Metadata
    from tsmem.store.model import Changes, Message, Page, Session

_MODULES = {
    "Changes": "model",
    "MemoryStore": "memory_store",
    "Message": "model",
    "Metadata": "metadata",
    "Page": "model",
    "Session": "model",
}

__all__ = ["Changes", "MemoryStore", "Message", "Metadata", "Page", "Session"]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"tsmem.store.{_MODULES[name]}"), name)
