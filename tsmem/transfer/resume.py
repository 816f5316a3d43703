"""The resume point of an import: how many records of its input are settled, that is, written or kept as rejects.

The number is saved now and then in a small file, and removed when all records are settled. It belongs to one input
(path, size and modification time), one way to read it, and one target. It can be too low but never too high; writing a
record twice changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tsmem.disk import make_private_folder, replace_file
from tsmem.errors import InvalidInput, TableNotFound
from tsmem.limits import MAX_ROWS_PER_READ
from tsmem.store.bulk.bulk import ImportedItem
from tsmem.store.model import Message, Session
from tsmem.transfer.rejects import Rejects

if TYPE_CHECKING:
    from tsmem.store import MemoryStore

SAVE_INTERVAL_S = 0.25


class ResumePoint:
    def __init__(
        self, store: MemoryStore, folder: Path, stream: BinaryIO, name: str, reading: tuple[object, ...]
    ) -> None:
        """`reading` holds the options that decide which rows the input becomes."""
        status = os.fstat(stream.fileno())
        tables = (store.layout.session.ref.name, store.layout.message.ref.name)
        identity = [os.path.realpath(name), status.st_size, status.st_mtime_ns, store.target, *tables, *reading]
        self._path = folder / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]}.json"
        self._clock = store.clock
        self._due_s = self._clock.monotonic_s() + SAVE_INTERVAL_S
        self._saved: int | None = None

    def read(self) -> int:
        try:
            settled = json.loads(self._path.read_bytes())["settled"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return settled if type(settled) is int and settled > 0 else 0

    def save(self, settled: int, *, now: bool = False) -> bool:
        """Save the number of settled records. Without `now`, do so at most every SAVE_INTERVAL_S.

        Return True if the file has a number to resume from. A file that cannot be written is no error, because the
        import can be run again from the beginning."""
        if settled != self._saved and (now or self._clock.monotonic_s() >= self._due_s):
            self._due_s = self._clock.monotonic_s() + SAVE_INTERVAL_S
            with suppress(OSError):
                make_private_folder(str(self._path.parent))
                replace_file(str(self._path), json.dumps({"settled": settled}).encode())
                self._saved = settled
        return bool(self._saved)

    def clear(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


class SettledRows:
    """Checks that the store still has the rows of settled records, except those that `rejects` holds."""

    def __init__(self, store: MemoryStore, settled: int, rejects: Rejects | None) -> None:
        self._store = store
        self._settled = settled
        self._rejects = rejects
        # On TableStore, looking for every row would take more requests than writing them again: it looks for about 100.
        self._stride = 1 if store.is_local else max(1, settled // (MAX_ROWS_PER_READ - 1))
        self._items: list[Session | Message] = []
        self.is_sample = self._stride > 1
        self.all_found = True
        self.looked_for = 0

    def watch(self, records: Iterable[ImportedItem]) -> Iterator[ImportedItem]:
        """Yield the records of the whole input. Cost: 1 request for each 100 rows that are looked for."""
        for place, record in enumerate(records):
            chosen = place < self._settled and (place % self._stride == 0 or place == self._settled - 1)
            if chosen and self.all_found and (self._rejects is None or not self._rejects.holds(record)):
                self._items.append(record.item)
            if len(self._items) == MAX_ROWS_PER_READ:
                self._look()
            yield record
        self._look()

    def _look(self) -> None:
        self.looked_for += len(self._items)
        try:
            self.all_found = self.all_found and self._store.bulk.has_all(self._items)
        except (TableNotFound, InvalidInput):  # InvalidInput: no store can hold this record
            self.all_found = False
        self._items = []
