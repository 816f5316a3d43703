"""Sessions and messages, written and named."""

from __future__ import annotations

from collections.abc import Iterable

from tsmem.store import MemoryStore, Message, Session
from tsmem.store.bulk.loading import ImportedItem
from tsmem.store.bulk.result import BulkResult


def load(store: MemoryStore, items: Iterable[Session | Message]) -> None:
    """Write all of them."""
    store.bulk.load((ImportedItem(n, item) for n, item in enumerate(items)), result=BulkResult())


def ids(found: Iterable[Session | Message]) -> list[str]:
    """Return message ids, or session ids, in order."""
    return [item.message_id if isinstance(item, Message) else item.session_id for item in found]
