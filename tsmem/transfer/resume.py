"""The resume point of an import: the number of records that are settled, that is, written or kept as rejects.

It is noted now and then while the import runs, in a small file of its own, and removed when the import has ended well.
It belongs to one input (path, size and modification time), one way to read it, and one target. A stale point is too
early, never too late, and a row that is written twice stays the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from tsmem.disk import make_private_folder, replace_file
from tsmem.errors import InvalidInput, TableNotFound
from tsmem.limits import MAX_ROWS_PER_READ

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tsmem.store import MemoryStore
    from tsmem.store.bulk.bulk import ImportedItem
    from tsmem.store.model import Message, Session
    from tsmem.transfer.rejects import Rejects

EVERY_S = 0.25


class ResumePoint:
    def __init__(self, store: MemoryStore, folder: Path, stream: BinaryIO, name: str, how: tuple[object, ...]) -> None:
        """`how` holds everything else that decides which rows the input becomes."""
        status = os.fstat(stream.fileno())
        tables = (store.layout.session.ref.name, store.layout.message.ref.name)
        identity = [os.path.realpath(name), status.st_size, status.st_mtime_ns, store.target, *tables, *how]
        self._path = folder / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]}.json"
        self._clock = store.clock
        self._due_s = self._clock.monotonic_s() + EVERY_S
        self._noted: int | None = None

    def read(self) -> int:
        try:
            settled = json.loads(self._path.read_bytes())["settled"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return settled if type(settled) is int and settled > 0 else 0

    def note(self, settled: int, *, now: bool = False) -> bool:
        """Note how many records are settled, `now` or when it is due. Return True if an import can be resumed.

        Raises nothing where it cannot be written: an import can begin anew."""
        if settled != self._noted and (now or self._clock.monotonic_s() >= self._due_s):
            self._due_s = self._clock.monotonic_s() + EVERY_S
            with suppress(OSError):
                make_private_folder(str(self._path.parent))
                replace_file(str(self._path), json.dumps({"settled": settled}).encode())
                self._noted = settled
        return bool(self._noted)

    def clear(self) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


class SettledRows:
    """Looks for the rows of settled records in the store: if one is gone, continuing would leave a gap."""

    def __init__(self, store: MemoryStore, settled: int, rejects: Rejects | None) -> None:
        """Rows that are among the rejects need not be there."""
        self._store = store
        self._settled = settled
        self._rejects = rejects
        # On TableStore, to look for all rows would take more requests than to write them again: there, about a hundred.
        self._stride = 1 if store.is_local else max(1, settled // (MAX_ROWS_PER_READ - 1))
        self._items: list[Session | Message] = []
        self.is_sample = self._stride > 1
        self.complete = True
        self.looked_for = 0

    def watch(self, records: Iterable[ImportedItem]) -> Iterator[ImportedItem]:
        """Yield the records of the whole input. Cost: a request for each hundred rows that are looked for."""
        for place, record in enumerate(records):
            chosen = place < self._settled and (place % self._stride == 0 or place == self._settled - 1)
            if chosen and self.complete and (self._rejects is None or not self._rejects.holds(record)):
                self._items.append(record.item)
            if len(self._items) == MAX_ROWS_PER_READ:
                self._look()
            yield record
        self._look()

    def _look(self) -> None:
        self.looked_for += len(self._items)
        try:
            self.complete = self.complete and self._store.bulk.present(self._items)
        except (TableNotFound, InvalidInput):  # the second for a record that no store can hold
            self.complete = False
        self._items = []
