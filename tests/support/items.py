"""Writes sessions and messages to a store, and lists their ids."""

from __future__ import annotations

from collections.abc import Iterable

from tsmem.store import MemoryStore, Message, Session
from tsmem.store.bulk.bulk import ImportedItem, LoadOptions
from tsmem.store.bulk.result import BulkResult


def load(
    store: MemoryStore,
    items: Iterable[Session | Message],
    options: LoadOptions | None = None,
    result: BulkResult | None = None,
) -> BulkResult:
    """Write items in batches, as an import does. Each item's position counts as its line in the file."""
    records = (ImportedItem(place, item) for place, item in enumerate(items))
    return store.bulk.load(records, options, result=BulkResult() if result is None else result)


def ids(found: Iterable[Session | Message]) -> list[str]:
    """Return message ids, or session ids, in order."""
    return [item.message_id if isinstance(item, Message) else item.session_id for item in found]
