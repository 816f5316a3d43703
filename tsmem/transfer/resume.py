"""How far an import of a file has come, kept in a small file of its own, so that `import --resume` can go on there.

The point is that of records which are settled: all before it are written, or kept as rejects. It is written while the
import runs, now and then, and removed when it has ended well. It belongs to one input (its path, size and modification
time), read in one way, and to one target; of anything else there is no point. A stale one is only earlier than it could
be, and rows that are written twice are as they were.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from tsmem.disk import make_private_folder
from tsmem.errors import InvalidInput, TableNotFound
from tsmem.limits import MAX_ROWS_PER_READ
from tsmem.transfer.files.outputs import replace_private

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tsmem.store.bulk.loading import ImportedItem
    from tsmem.store.model import Message, Session
    from tsmem.transfer.caller import Caller

EVERY_S = 0.25
"""Seconds between two notes of the point."""


class ResumePoint:
    """The point of one import."""

    def __init__(self, caller: Caller, stream: BinaryIO, name: str, how: tuple[object, ...]) -> None:
        """`how` is all that decides which rows the input becomes."""
        status = os.fstat(stream.fileno())
        layout = caller.store.layout
        tables = (layout.session.ref.name, layout.message.ref.name)
        identity = [os.path.realpath(name), status.st_size, status.st_mtime_ns, caller.store.target, *tables, *how]
        digest = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]
        folder = caller.resume_folder
        self._path = None if folder is None else folder / f"{digest}.json"
        self._clock = caller.store.clock
        self._due_s = self._clock.monotonic_s() + EVERY_S
        self._noted: int | None = None

    @property
    def is_kept(self) -> bool:
        """Whether there is a place to keep it."""
        return self._path is not None

    def read(self) -> int:
        """How many records are settled; 0 where nothing is known."""
        if self._path is None:
            return 0
        try:
            settled = json.loads(self._path.read_bytes())["settled"]
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return settled if type(settled) is int and settled > 0 else 0

    def note(self, settled: int, *, now: bool = False) -> bool:
        """So many records are settled; whether there is a point to go on from. That it cannot be noted is no reason to
        fail: an import can begin anew."""
        if self._path is None or settled == self._noted or not (now or self._clock.monotonic_s() >= self._due_s):
            return bool(self._noted)
        self._due_s = self._clock.monotonic_s() + EVERY_S
        with suppress(OSError):
            make_private_folder(str(self._path.parent))
            replace_private(str(self._path), json.dumps({"settled": settled}).encode())
            self._noted = settled
        return bool(self._noted)

    def clear(self) -> None:
        """The import has ended well."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


class SettledRows:
    """Looks for the rows of the records before a resume point, while these pass: where one is gone, going on would
    leave a gap."""

    def __init__(
        self,
        settled: int,
        present: Callable[[list[Session | Message]], bool],
        *,
        sample: bool = False,
        is_reject: Callable[[ImportedItem], bool] = lambda record: False,
    ) -> None:
        """`present` is True if the store has a row for each item. With `sample` it is asked for about a hundred rows,
        else for all of them. Rows of rejects need not be there."""
        self._settled = settled
        self._present = present
        self._stride = max(1, settled // (MAX_ROWS_PER_READ - 1)) if sample else 1
        self.is_sample = self._stride > 1
        """True if not all rows are looked for."""
        self._is_reject = is_reject
        self._items: list[Session | Message] = []
        self.complete = True
        """False once a row was not found."""
        self.looked_for = 0
        """Rows that were looked for."""
        self.passed = 0
        """Records that were seen."""

    def watch(self, records: Iterable[ImportedItem]) -> Iterator[ImportedItem]:
        """Yield the records. Cost: a request for each hundred rows that are looked for."""
        for place, record in enumerate(records):
            chosen = place < self._settled and (place % self._stride == 0 or place == self._settled - 1)
            if chosen and self.complete and not self._is_reject(record):
                self._items.append(record.item)
            if len(self._items) == MAX_ROWS_PER_READ:
                self._look()
            self.passed += 1
            yield record
        self._look()

    def _look(self) -> None:
        self.looked_for += len(self._items)
        try:
            self.complete = self.complete and self._present(self._items)
        except (TableNotFound, InvalidInput):  # the second for a record that no store can hold
            self.complete = False
        self._items = []
