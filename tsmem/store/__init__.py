"""The store: what an agent's memory is and how it is kept, on any TableClient."""

from tsmem.store.collection import Changes
from tsmem.store.memory_store import MemoryStore
from tsmem.store.metadata import Metadata
from tsmem.store.model import Message, Page, Session

__all__ = ["Changes", "MemoryStore", "Message", "Metadata", "Page", "Session"]
